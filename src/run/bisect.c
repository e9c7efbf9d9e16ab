/* SPDX-License-Identifier: MIT */
#include "bisect.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "cleanup.h"

/* The one between LOW and HIGH that is nearest to their middle and not passed over; HIGH when there
 * is none. */
static size_t choose(const bool *is_passed, size_t low, size_t high)
{
	size_t middle = low + (high - low) / 2;

	for (size_t far = 0; far <= high - low; far++) {
		if (middle > low + far && !is_passed[middle - far])
			return middle - far;
		if (middle + far < high && middle + far > low && !is_passed[middle + far])
			return middle + far;
	}
	return high;
}

static int narrow(bool *is_passed, bisect_test *test, void *ctx, struct bisect_result *r)
{
	for (;;) {
		size_t i = choose(is_passed, r->last_good, r->first_bad);
		enum bisect_answer a = BISECT_UNKNOWN;
		int err = i == r->first_bad ? 0 : test(ctx, i, &a);

		if (err || i == r->first_bad)
			return err;
		if (a == BISECT_GOOD)
			r->last_good = i;
		else if (a == BISECT_BAD)
			r->first_bad = i;
		else
			is_passed[i] = true;
	}
}

int bisect_run(size_t n, bisect_test *test, void *ctx, struct bisect_result *ret_r)
{
	autofree bool *is_passed = calloc(n, sizeof(*is_passed));
	struct bisect_result r = {.end = BISECT_FOUND, .first_bad = n - 1};
	enum bisect_answer a = BISECT_UNKNOWN;
	int err = is_passed ? test(ctx, 0, &a) : -ENOMEM;

	if (!err && a != BISECT_GOOD)
		r.end = a == BISECT_BAD ? BISECT_START_IS_BAD : BISECT_START_IS_UNKNOWN;
	if (!err && r.end == BISECT_FOUND) {
		a = BISECT_UNKNOWN;
		err = test(ctx, n - 1, &a);
		if (!err && a != BISECT_BAD)
			r.end = a == BISECT_GOOD ? BISECT_END_IS_GOOD : BISECT_END_IS_UNKNOWN;
	}
	if (!err && r.end == BISECT_FOUND)
		err = narrow(is_passed, test, ctx, &r);
	if (!err)
		*ret_r = r;
	return err;
}
