/* SPDX-License-Identifier: MIT */
/* Finds the first bad one of a row that begins good and ends bad. What cannot be tested is passed
 * over. */
#ifndef VERIFY_BISECT_H
#define VERIFY_BISECT_H

#include <stddef.h>

enum bisect_answer { BISECT_GOOD, BISECT_BAD, BISECT_UNKNOWN };

/* Tests number I of the row. 0, or -errno to end it all. */
typedef int bisect_test(void *ctx, size_t i, enum bisect_answer *ret_a);

enum bisect_end {
	BISECT_FOUND,
	BISECT_START_IS_BAD,	 /* the first one is not good */
	BISECT_END_IS_GOOD,	 /* the last one is not bad */
	BISECT_START_IS_UNKNOWN, /* they cannot be tested */
	BISECT_END_IS_UNKNOWN,
};

struct bisect_result {
	enum bisect_end end;
	/* Of BISECT_FOUND. All between could not be tested. */
	size_t last_good, first_bad;
};

/* N: at least 2. What TEST ended it with, or 0. */
int bisect_run(size_t n, bisect_test *test, void *ctx, struct bisect_result *ret_r);

#endif
