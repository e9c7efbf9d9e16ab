/* SPDX-License-Identifier: MIT */
/* The cases of the proof: each has a file of its own, its damage is in its range and nowhere else, and no other
 * range is taken for it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "prove-cases.h"

#define PAGE 4096U

static void each_has_a_file_of_its_own(void **state)
{
	char a[PROVE_NAME_MAX], b[PROVE_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < prove_n_cases; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(prove_file_name(&prove_cases[i], a),
						prove_file_name(&prove_cases[k], b));
}

/* Those that are planted as bytes. */
static void damage_is_in_its_range_and_nowhere_else(void **state)
{
	static uint8_t right[PROVE_SIZE + PAGE], wrong[PROVE_SIZE + PAGE];
	unsigned n = 0;

	(void)state;
	for (const struct prove_case *c = prove_cases; c < prove_cases + prove_n_cases; c++) {
		size_t from = 0, to = sizeof(wrong);

		if ((c->place != PROVE_HOST && c->place != PROVE_CACHE) || prove_is(c, "stray"))
			continue;
		memset(right, 0, sizeof(right));
		memset(wrong, 0, sizeof(wrong));
		prove_fill(c, false, right);
		assert_int_equal(prove_fill_damaged(c, wrong), 0);
		while (from < to && right[from] == wrong[from])
			from++;
		while (to > from && right[to - 1] == wrong[to - 1])
			to--;
		assert_true(prove_is_range(c, from, to));
		n++;
	}
	assert_true(n >= 15);
}

static void no_other_range_is_taken_for_it(void **state)
{
	const struct prove_case c = {.offset = 4096, .count = 4096};

	(void)state;
	assert_true(prove_is_range(&c, 4096, 8192));
	assert_true(prove_is_range(&c, 4106, 8187));
	assert_false(prove_is_range(&c, 4095, 8192));
	assert_false(prove_is_range(&c, 4112, 8192));
	assert_false(prove_is_range(&c, 4096, 8193));
	assert_false(prove_is_range(&c, 4096, 8176));
	assert_false(prove_is_range(&c, 8192, 4096));
	assert_false(prove_is_range(&c, 0, 0));
}

static void a_text_names_file_or_bytes(void **state)
{
	(void)state;
	for (const struct prove_case *c = prove_cases; c < prove_cases + prove_n_cases; c++) {
		autofree char *text = prove_text(c);

		assert_non_null(text);
		assert_non_null(
			strstr(text, c->layer == LAYER_SERVER ? ",file=server-" : ",mark="));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_a_file_of_its_own),
		cmocka_unit_test(damage_is_in_its_range_and_nowhere_else),
		cmocka_unit_test(no_other_range_is_taken_for_it),
		cmocka_unit_test(a_text_names_file_or_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
