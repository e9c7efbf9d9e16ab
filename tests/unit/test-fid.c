/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>

#include "cmocka-all.h"
#include "fid.h"

static struct fid_table table;

static int start(void **state)
{
	(void)state;
	return fid_table_init(&table, 5000);
}

static int stop(void **state)
{
	(void)state;
	fid_table_done(&table);
	return 0;
}

static int add(uint32_t number)
{
	autofid struct fid *f = fid_new(number, FID_PATH, NULL);

	assert_non_null(f);
	return fid_table_add(&table, f);
}

static bool has(uint32_t number)
{
	autofid struct fid *f = fid_table_get(&table, number);

	assert_true(!f || f->number == number);
	return f;
}

static bool take(uint32_t number)
{
	autofid struct fid *f = fid_table_take(&table, number);

	return f;
}

static void a_number_is_used_once(void **state)
{
	(void)state;
	assert_int_equal(add(7), 0);
	assert_int_equal(add(7), -EBADF);
	assert_true(take(7));
	assert_false(take(7));
	assert_int_equal(add(7), 0);
	assert_int_equal(add(P9_NOFID), -EINVAL);
}

/* Random adding and taking, against a plain array. */
static void the_table_is_a_set(void **state)
{
	static bool model[4096];
	uint32_t x = 1;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t number;

		x = x * 1664525 + 1013904223;
		number = x >> 20;
		if (x & 0x8000) {
			assert_int_equal(add(number), model[number] ? -EBADF : 0);
			model[number] = true;
		} else {
			assert_int_equal(take(number), model[number]);
			model[number] = false;
		}
	}
	for (uint32_t i = 0; i < 4096; i++)
		assert_int_equal(has(i), model[i]);
}

static void the_budget_holds(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(add(i * 64), 0);
	assert_int_equal(add(1), -EMFILE);
	assert_int_equal(add(64), -EBADF);
	fid_table_clear(&table);
	assert_int_equal(add(1), 0);
	assert_false(has(64));
}

static void only_what_is_still_there_is_replaced(void **state)
{
	autofid struct fid *old = fid_new(7, FID_PATH, NULL);
	autofid struct fid *new = fid_new(7, FID_OPEN, NULL);
	autofid struct fid *other = fid_new(7, FID_OPEN, NULL);

	(void)state;
	assert_int_equal(fid_table_replace(&table, old, new), -EBADF);
	assert_int_equal(fid_table_add(&table, old), 0);
	assert_int_equal(fid_table_replace(&table, old, new), 0);
	assert_int_equal(fid_table_replace(&table, old, other), -EBADF);
	assert_true(take(7));
	assert_int_equal(fid_table_replace(&table, new, other), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_number_is_used_once, start, stop),
		cmocka_unit_test_setup_teardown(the_table_is_a_set, start, stop),
		cmocka_unit_test_setup_teardown(the_budget_holds, start, stop),
		cmocka_unit_test_setup_teardown(only_what_is_still_there_is_replaced, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
