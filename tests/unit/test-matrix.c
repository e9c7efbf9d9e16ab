/* SPDX-License-Identifier: MIT */
/* A matrix whose guests are an array of verdicts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "matrix.h"

static const char *const kernels[] = {"good", "bad", NULL};
static const char *const guests[] = {"own", NULL};
static const char *const shares[] = {"warren", NULL};
static const char *const guards[] = {"default", NULL};
static const char *const iounits[] = {"0", "12288", NULL};
static const char *const msizes[] = {"16384", NULL};
static const char *const caches[] = {"none", "mmap", NULL};
static const char *const readers[] = {"read", "direct", NULL};

static const struct matrix_plan plan = {
	.values = {kernels, guests, shares, guards, iounits, msizes, caches, readers},
	.runs = 2,
};

struct fake {
	unsigned boots, stop_at, fail_at;
	const char *impossible;
};

static bool is(const char *a, const char *b)
{
	return !strcmp(a, b);
}

/* The bad kernel damages what is cached and read, with a page as iounit, in each second run. */
static int fake_boot(void *ctx, const char *const *values, struct boot *ret_b)
{
	struct fake *f = ctx;
	unsigned boot = f->boots++;

	if (f->stop_at && boot == f->stop_at)
		return -EINTR;
	if (f->impossible && is(values[MATRIX_KERNEL], f->impossible)) {
		ret_b->end = BOOT_IMPOSSIBLE;
		ret_b->text = strdup("not here");
		return 0;
	}
	if (f->fail_at && boot == f->fail_at)
		ret_b->end = BOOT_FAILED;
	if (boot >= 8 && is(values[MATRIX_KERNEL], "bad") && is(values[MATRIX_CACHE], "mmap") &&
	    is(values[MATRIX_IOUNIT], "12288")) {
		ret_b->is_damaged = true;
		ret_b->readers = 1;
		ret_b->text = strdup("f: ZERO");
	}
	return 0;
}

static struct matrix *run(struct fake *f, int r)
{
	struct matrix *m;

	assert_int_equal(matrix_new(&plan, &m), 0);
	assert_int_equal(matrix_run(m, fake_boot, f), r);
	return m;
}

static void expect_sentence(const struct matrix *m, const char *sentence)
{
	autofree char *text = matrix_sentence(m);

	assert_string_equal(text, sentence);
}

static char *table_of(const struct matrix *m)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	matrix_print(m, f);
	fclose(f);
	return text;
}

static void every_combination_is_booted_so_often(void **state)
{
	struct fake f = {0};
	struct matrix *m = run(&f, 0);

	(void)state;
	assert_int_equal(f.boots, 16);
	assert_true(matrix_is_covered(m));
	assert_int_equal(m->n_cells, 8);
	for (size_t i = 0; i < m->n_cells; i++)
		assert_int_equal(m->cells[i].boots, 2);
	assert_string_equal(m->cells[7].values[MATRIX_KERNEL], "bad");
	assert_string_equal(m->cells[7].values[MATRIX_IOUNIT], "12288");
	assert_string_equal(m->cells[7].values[MATRIX_CACHE], "mmap");
	matrix_free(m);
}

static void what_decides_is_told_from_what_does_not(void **state)
{
	struct fake f = {0};
	struct matrix *m = run(&f, 0);
	struct effect effects[MATRIX_N_FACTORS];
	autofree char *table = table_of(m);

	(void)state;
	assert_int_equal(matrix_effects(m, effects), 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(effects[i].weight, WEIGHT_DECIDES);
		assert_int_equal(effects[i].damaged[0] + effects[i].damaged[1], 1);
	}
	assert_int_equal(effects[3].factor, MATRIX_READER);
	assert_int_equal(effects[3].damaged[0], 1);
	assert_int_equal(effects[3].boots[0], 16);
	expect_sentence(m, "DAMAGED: in 1 of 16 runs, in 1 of 8 combinations; it depends on "
			   "kernel, iounit, cache and reader");
	assert_non_null(strstr(table, "bad     12288   mmap   DAMAGED 1 of 2  OK 2 of 2\n"));
	assert_non_null(strstr(table, "kernel (good 0 of 8, bad 1 of 8)"));
	assert_non_null(strstr(table, "bad, cache=mmap, msize=16384: f: ZERO\n"));
	matrix_free(m);
}

static void an_interrupted_matrix_keeps_what_it_has(void **state)
{
	struct fake f = {.stop_at = 3};
	struct matrix *m = run(&f, -EINTR);
	autofree char *table = table_of(m);

	(void)state;
	expect_sentence(m, "OK: no damage in 3 runs of 8 combinations; nothing was run with "
			   "kernel=bad");
	assert_non_null(strstr(table, "not run"));
	matrix_free(m);
}

static void what_is_not_possible_is_tried_once(void **state)
{
	struct fake f = {.impossible = "bad"};
	struct matrix *m = run(&f, 0);

	(void)state;
	assert_int_equal(f.boots, 12);
	assert_int_equal(matrix_count(m).cells_impossible, 4);
	expect_sentence(m, "OK: no damage in 8 runs of 4 combinations; nothing was run with "
			   "kernel=bad");
	assert_false(matrix_is_covered(m));
	matrix_free(m);
}

static void a_guest_that_failed_is_neither_equal_nor_damaged(void **state)
{
	struct fake f = {.fail_at = 1};
	struct matrix *m = run(&f, 0);
	char buf[64];

	(void)state;
	assert_string_equal(matrix_cell_text(&m->cells[1], 0, buf), "OK 1, guest failed 1");
	expect_sentence(m, "DAMAGED: in 1 of 16 runs, in 1 of 8 combinations; it depends on "
			   "kernel, iounit, cache and reader; the guest failed in 1 runs");
	matrix_free(m);
}

static void nothing_that_ran_is_no_verdict(void **state)
{
	struct fake f = {.stop_at = 0};
	struct matrix *m;

	(void)state;
	(void)f;
	assert_int_equal(matrix_new(&plan, &m), 0);
	expect_sentence(m, "FAILED: nothing was run");
	matrix_free(m);
}

static void a_list_without_words_is_refused(void **state)
{
	static const char *const none[] = {NULL};
	struct matrix_plan p = plan;
	struct matrix *m;

	(void)state;
	p.values[MATRIX_CACHE] = none;
	assert_int_equal(matrix_new(&p, &m), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination_is_booted_so_often),
		cmocka_unit_test(what_decides_is_told_from_what_does_not),
		cmocka_unit_test(an_interrupted_matrix_keeps_what_it_has),
		cmocka_unit_test(what_is_not_possible_is_tried_once),
		cmocka_unit_test(a_guest_that_failed_is_neither_equal_nor_damaged),
		cmocka_unit_test(nothing_that_ran_is_no_verdict),
		cmocka_unit_test(a_list_without_words_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
