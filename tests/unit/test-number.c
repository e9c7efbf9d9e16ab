/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include "number.h"

static void digits_are_a_number(void **state)
{
	uint64_t n = 0;

	(void)state;
	assert_true(number_parse("0", 0, 9, &n));
	assert_int_equal(n, 0);
	assert_true(number_parse("0012", 0, 12, &n));
	assert_int_equal(n, 12);
	assert_true(number_parse("18446744073709551615", 0, UINT64_MAX, &n));
	assert_int_equal(n, UINT64_MAX);
}

static void nothing_else_is_one(void **state)
{
	static const char *const bad[] = {
		"",
		" 1",
		"1 ",
		"-1",
		"+1",
		"0x1",
		"1.0",
		"a",
		"1a",
		"1e3",
		"13",
		"2",
		"18446744073709551616",
		"18446744073709551628",
		"99999999999999999999999999",
		"4294967299",
	};
	uint64_t n = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (number_parse(bad[i], 3, 12, &n))
			fail_msg("'%s' passes", bad[i]);
	assert_int_equal(n, 77);
}

static void one_is_taken_from_the_text(void **state)
{
	const char *text = "12:x", *at = text;
	uint64_t n = 77;

	(void)state;
	assert_true(number_take(&at, 0, 99, &n));
	assert_int_equal(n, 12);
	assert_ptr_equal(at, text + 2);
	assert_false(number_take(&at, 0, 99, &n));
	assert_ptr_equal(at, text + 2);
	at = text;
	assert_false(number_take(&at, 0, 11, &n));
	assert_ptr_equal(at, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digits_are_a_number),
		cmocka_unit_test(nothing_else_is_one),
		cmocka_unit_test(one_is_taken_from_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
