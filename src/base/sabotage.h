/* SPDX-License-Identifier: MIT */
/* Damage done on purpose to bytes in memory, wherever a mark stands: to the payload of a message on its
 * way, to a page of a guest's cache. Tests of a detector are made of it.
 *
 * It is text, "KIND,mark=TEXT[,NAME=VALUE]...":
 *
 *	mark=TEXT	the range begins where these bytes stand
 *	skip=N		... or so many bytes behind it (0)
 *	count=N		its length (1)
 *	by=N		see the kinds (256)
 *	from=TEXT	see the kinds
 *	times=N		acts so often; 0: always (0)
 */
#ifndef BASE_SABOTAGE_H
#define BASE_SABOTAGE_H

#include <stddef.h>
#include <stdint.h>

struct sabotage;

/* Kind and what it does. */
#define SABOTAGE_KINDS(K)                                                            \
	K(ZERO, "zero", "the range becomes zeros")                                   \
	K(RANDOM, "random", "the range becomes bytes that are nobody's")             \
	K(BITFLIP, "bitflip", "the first byte of the range has a bit changed")       \
	K(SHIFTED, "shifted", "the range becomes the bytes that stand BY behind it") \
	K(FOREIGN, "foreign", "the range becomes what stood at FROM in bytes that came earlier")

/* 0; -EINVAL with a sentence in *RET_WHY, which the caller frees, -ENOMEM. */
int sabotage_new(const char *text, struct sabotage **ret_s, char **ret_why);
void sabotage_free(struct sabotage *s);

/* Looks the N bytes at BUF over: damages the range, as far as it is there, where the mark stands for the
 * first time. Returns how many bytes are not what they were. From any thread. */
size_t sabotage_act(struct sabotage *s, void *buf, size_t n);

/* The I-th kind and what it does; NULL behind the last. */
const char *sabotage_kind_name(size_t i);
const char *sabotage_kind_summary(size_t i);

/* Bytes that are nobody's and hold no zero, the same ones each time. */
void sabotage_random(void *buf, size_t n);

#endif
