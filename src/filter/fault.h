/* SPDX-License-Identifier: MIT */
/* A backend that damages what passes through, as told: to see whether it is noticed, and blamed on
 * the right layer. And legal, but rare behaviour, which must not be taken for damage.
 *
 * A fault is text, "KIND[,NAME=VALUE]...":
 *
 *	file=PATTERN	files whose last component matches, as by fnmatch(3) ("*")
 *	offset=N	the range of the file that it is about (0)
 *	count=N		of it; 0: to the end (0)
 *	by=N		see the kinds (4096)
 *	times=N		acts so often; 0: always (0)
 */
#ifndef FILTER_FAULT_H
#define FILTER_FAULT_H

#include <stddef.h>

struct backend;

/* Kind and what it does. */
#define FAULT_KINDS(K)                                                                     \
	K(ZERO, "zero", "the range is read as zeros")                                      \
	K(RANDOM, "random", "the range is read as bytes that are nobody's")                \
	K(BITFLIP, "bitflip", "the first byte of the range has a bit changed")             \
	K(SHIFTED, "shifted", "the range is read from BY bytes further on")                \
	K(STALE, "stale", "the range (of 1 MiB at most) is read as it was the first time") \
	K(FOREIGN, "foreign", "the range is read from the file that was opened before")    \
	K(CUT, "cut", "a read that reaches into the range ends before it")                 \
	K(SIZE, "size", "getattr tells a size that is BY bytes larger")                    \
	K(SMALLER, "smaller", "getattr tells a size that is BY bytes smaller")             \
	K(PADDED, "padded", "getattr tells a larger size, too, and zeros are read there")  \
	K(VERSION, "version", "qid.version goes back with every answer")                   \
	K(LOST_WRITE, "lost-write", "writes into the range are acknowledged, not made")    \
	K(MISPLACED, "misplaced", "writes into the range land BY bytes further on")        \
	K(HIDDEN, "hidden", "the name is missing where its folder is listed")              \
	K(SHORT, "short", "legal: reads bring half of what was asked, at least a byte")    \
	K(DELAY, "delay", "legal: reads take BY microseconds longer")                      \
	K(REORDER, "reorder", "legal: every other read does, so that later ones overtake it")

/* Adds the fault that TEXT names to those of LOWER, which the filter takes over. *RET_B may be given to
 * it again. 0; -EINVAL with a sentence in *RET_WHY, which the caller frees, -ENOMEM: LOWER stays the
 * caller's then. */
int fault_new(struct backend *lower, const char *text, struct backend **ret_b, char **ret_why);

/* The I-th kind and what it does; NULL behind the last. */
const char *fault_kind_name(size_t i);
const char *fault_kind_summary(size_t i);

#endif
