/* SPDX-License-Identifier: MIT */
/* Small languages of options: "NAME=VALUE[,NAME=VALUE]...", each value a number or text. */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "macros.h"

/* A name, and where its value goes: one of the two. A text is malloc'ed; what stood there is freed. */
struct setting {
	const char *name;
	uint64_t *number;
	char **text;
};

/* Takes WORDS apart (and writes into it). 0; -EINVAL with a sentence in *RET_WHY, which the caller frees,
 * -ENOMEM: what was taken before stays. */
int settings_take(char *words, const struct setting *table, size_t n, char **ret_why);

/* The sentence goes to *RET_WHY (NULL when memory is out). Returns -EINVAL. */
int settings_refuse(char **ret_why, const char *fmt, ...) printf_like(2, 3);

#endif
