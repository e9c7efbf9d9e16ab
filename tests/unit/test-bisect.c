/* SPDX-License-Identifier: MIT */
/* Rows of letters: g is good, b bad, ? cannot be tested. */
#include <errno.h>
#include <string.h>

#include "cmocka-all.h"
#include "bisect.h"

struct row {
	const char *letters;
	unsigned tests, stop_at;
	char seen[64];
};

static int test_letter(void *ctx, size_t i, enum bisect_answer *ret_a)
{
	struct row *r = ctx;

	if (++r->tests == r->stop_at)
		return -EINTR;
	assert_true(i < strlen(r->letters));
	assert_int_equal(r->seen[i]++, 0);
	*ret_a = r->letters[i] == 'g'	? BISECT_GOOD
		 : r->letters[i] == 'b' ? BISECT_BAD
					: BISECT_UNKNOWN;
	return 0;
}

static void expect(const char *letters, enum bisect_end end, size_t good, size_t bad)
{
	struct row row = {.letters = letters};
	struct bisect_result r = {0};

	assert_int_equal(bisect_run(strlen(letters), test_letter, &row, &r), 0);
	assert_int_equal(r.end, end);
	if (end != BISECT_FOUND)
		return;
	assert_int_equal(r.last_good, good);
	assert_int_equal(r.first_bad, bad);
}

static void the_first_bad_one_is_found_wherever_it_is(void **state)
{
	(void)state;
	for (size_t n = 2; n < 40; n++)
		for (size_t bad = 1; bad < n; bad++) {
			char letters[64] = "";

			memset(letters, 'b', n);
			memset(letters, 'g', bad);
			expect(letters, BISECT_FOUND, bad - 1, bad);
		}
}

static void few_tests_are_enough(void **state)
{
	struct row row = {.letters = "gggggggggggggggggggggbbbbbbbbbbbbbbbbbbb"};
	struct bisect_result r;

	(void)state;
	assert_int_equal(bisect_run(strlen(row.letters), test_letter, &row, &r), 0);
	assert_true(row.tests <= 8);
}

static void what_cannot_be_tested_is_passed_over(void **state)
{
	(void)state;
	expect("g?b", BISECT_FOUND, 0, 2);
	expect("g?gb", BISECT_FOUND, 2, 3);
	expect("gg???b", BISECT_FOUND, 1, 5);
	expect("g?b?b", BISECT_FOUND, 0, 2);
	expect("g????g?b", BISECT_FOUND, 5, 7);
}

static void a_wrong_start_or_end_is_told(void **state)
{
	(void)state;
	expect("bb", BISECT_START_IS_BAD, 0, 0);
	expect("?b", BISECT_START_IS_UNKNOWN, 0, 0);
	expect("ggg", BISECT_END_IS_GOOD, 0, 0);
	expect("gg?", BISECT_END_IS_UNKNOWN, 0, 0);
}

static void an_interrupted_test_ends_it(void **state)
{
	struct row row = {.letters = "ggggbbbb", .stop_at = 3};
	struct bisect_result r;

	(void)state;
	assert_int_equal(bisect_run(8, test_letter, &row, &r), -EINTR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_bad_one_is_found_wherever_it_is),
		cmocka_unit_test(few_tests_are_enough),
		cmocka_unit_test(what_cannot_be_tested_is_passed_over),
		cmocka_unit_test(a_wrong_start_or_end_is_told),
		cmocka_unit_test(an_interrupted_test_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
