/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"
#include "runs.h"

static void equal_neighbours_are_one_run(void **state)
{
	struct runs l = {0};

	(void)state;
	assert_int_equal(runs_add(&l, 1, 2), 0);
	assert_int_equal(runs_add(&l, 1, 1310720), 0);
	assert_int_equal(runs_add(&l, 2, 1), 0);
	assert_int_equal(runs_add(&l, 3, 0), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.blocks, 1310723);
	runs_done(&l);
}

static void a_block_is_found_by_its_number(void **state)
{
	struct runs l = {0};
	uint64_t digest = 0;

	(void)state;
	runs_add(&l, 7, 3);
	runs_add(&l, 8, 1);
	assert_true(runs_at(&l, 2, &digest));
	assert_int_equal(digest, 7);
	assert_true(runs_at(&l, 3, &digest));
	assert_int_equal(digest, 8);
	assert_false(runs_at(&l, 4, &digest));
	runs_done(&l);
}

static void a_count_beyond_all_numbers_is_refused(void **state)
{
	struct runs l = {0};

	(void)state;
	assert_int_equal(runs_add(&l, 1, UINT64_MAX), 0);
	assert_true(runs_add(&l, 2, 1) < 0);
	runs_done(&l);
}

static void each_differing_stretch_is_found_once(void **state)
{
	struct runs a = {0}, b = {0};
	uint64_t block = 0, count = 0;

	(void)state;
	/* a: 1 1 1 1 2 2 3 4; b: 1 9 8 1 2 5 3 4 4 */
	runs_add(&a, 1, 4);
	runs_add(&a, 2, 2);
	runs_add(&a, 3, 1);
	runs_add(&a, 4, 1);
	runs_add(&b, 1, 1);
	runs_add(&b, 9, 1);
	runs_add(&b, 8, 1);
	runs_add(&b, 1, 1);
	runs_add(&b, 2, 1);
	runs_add(&b, 5, 1);
	runs_add(&b, 3, 1);
	runs_add(&b, 4, 2);
	assert_true(runs_differ(&a, &b, &block, &count));
	assert_int_equal(block, 1);
	assert_int_equal(count, 2);
	block += count;
	assert_true(runs_differ(&a, &b, &block, &count));
	assert_int_equal(block, 5);
	assert_int_equal(count, 1);
	block += count;
	assert_false(runs_differ(&a, &b, &block, &count));
	runs_done(&a);
	runs_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_neighbours_are_one_run),
		cmocka_unit_test(a_block_is_found_by_its_number),
		cmocka_unit_test(a_count_beyond_all_numbers_is_refused),
		cmocka_unit_test(each_differing_stretch_is_found_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
