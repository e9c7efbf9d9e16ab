/* SPDX-License-Identifier: MIT */
/* Quantiles against the sorted values themselves. */
#include "cmocka-all.h"

#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "macros.h"

static void an_empty_histogram_has_zeros(void **state)
{
	struct histogram h = {0};

	(void)state;
	assert_int_equal(histogram_at(&h, 0), 0);
	assert_int_equal(histogram_at(&h, 1), 0);
}

static void small_values_are_exact(void **state)
{
	struct histogram h = {0};

	(void)state;
	for (uint64_t v = 1; v <= 100; v++)
		histogram_add(&h, v);
	assert_int_equal(histogram_at(&h, 0.5), 50);
	assert_int_equal(histogram_at(&h, 0.99), 99);
	assert_int_equal(histogram_at(&h, 1), 100);
	assert_int_equal(h.max, 100);
	assert_int_equal(h.sum, 5050);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void a_quantile_is_at_most_a_64th_too_large(void **state)
{
	static uint64_t values[10000];
	static const double quantiles[] = {0.01, 0.5, 0.9, 0.99, 0.999, 1};
	struct histogram h = {0};
	uint64_t x = 88172645463325252ULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		values[i] = x >> (x % 64);
		histogram_add(&h, values[i]);
	}
	qsort(values, ARRAY_SIZE(values), sizeof(values[0]), compare);
	for (size_t i = 0; i < ARRAY_SIZE(quantiles); i++) {
		size_t rank = (size_t)(quantiles[i] * ARRAY_SIZE(values));
		uint64_t exact = values[rank ? rank - 1 : 0];
		uint64_t found = histogram_at(&h, quantiles[i]);

		assert_true(found >= exact);
		assert_true(found - exact <= exact / 64);
	}
}

static void the_largest_value_has_a_bucket(void **state)
{
	struct histogram h = {0};

	(void)state;
	histogram_add(&h, UINT64_MAX);
	histogram_add(&h, 0);
	assert_int_equal(histogram_at(&h, 0.5), 0);
	assert_true(histogram_at(&h, 1) == UINT64_MAX);
}

static void two_histograms_add_up(void **state)
{
	struct histogram a = {0}, b = {0};

	(void)state;
	histogram_add(&a, 10);
	histogram_add(&b, 20);
	histogram_add(&b, 30);
	histogram_merge(&a, &b);
	assert_int_equal(a.count, 3);
	assert_int_equal(a.max, 30);
	assert_int_equal(histogram_at(&a, 0.6), 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_histogram_has_zeros),
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(a_quantile_is_at_most_a_64th_too_large),
		cmocka_unit_test(the_largest_value_has_a_bucket),
		cmocka_unit_test(two_histograms_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
