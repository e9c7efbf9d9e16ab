/* SPDX-License-Identifier: MIT */
/* What was seen in a kernel, done once more: the cursor says which kernel it was. */
#include "cmocka-all.h"

#include <errno.h>

#include "macros.h"
#include "prng.h"
#include "seen-reads.h"

static const uint64_t pages[] = {4096, 4096, 4096, 4096};

/* The article's two reads; how the second one ends is up to the kernel. */
static void make_article(struct seen_read reads[2], uint64_t offset_after)
{
	struct seen_read first = {.offset = 0,
				  .asked = 12288,
				  .count = 12288,
				  .iounit = 12288,
				  .msize = 16384,
				  .zero_copy = true,
				  .is_first = true,
				  .before = {0, 0, 12943},
				  .after = {2, 4096, 655},
				  .queue = pages,
				  .n_queue = ARRAY_SIZE(pages)};

	reads[0] = reads[1] = first;
	reads[1].offset = 12288;
	reads[1].asked = reads[1].count = 655;
	reads[1].zero_copy = false;
	reads[1].is_first = false;
	reads[1].before = first.after;
	reads[1].after = (struct seen_cursor){3, offset_after, 0};
}

static size_t run(const char *version, const struct seen_read *reads, size_t n, uint64_t *ret_lost)
{
	struct kernel_rules rules;
	struct model *m;
	size_t different;

	assert_int_equal(kernel_rules_of(version, &rules), 0);
	assert_int_equal(seen_reads_run(&rules, reads, n, &m, &different), 0);
	*ret_lost = m->lost;
	model_free(m);
	return different;
}

static void a_recording_tells_the_kernels_apart(void **state)
{
	struct seen_read reads[2];
	uint64_t lost;

	(void)state;
	make_article(reads, 0);
	assert_int_equal(run("6.12.43", reads, 2, &lost), 0);
	assert_int_equal(lost, 655);
	assert_int_equal(run("6.12.44", reads, 2, &lost), 1);
	make_article(reads, 655);
	assert_int_equal(run("6.12.43", reads, 2, &lost), 1);
	assert_int_equal(run("6.12.44", reads, 2, &lost), 0);
	assert_int_equal(lost, 0);
}

static void the_same_pages_may_be_read_twice(void **state)
{
	struct seen_read reads[4];
	uint64_t lost;

	(void)state;
	make_article(reads, 655);
	make_article(reads + 2, 655);
	assert_int_equal(run("6.12.44", reads, 4, &lost), 0);
	assert_int_equal(lost, 0);
}

static void a_recording_may_begin_in_the_middle(void **state)
{
	struct seen_read reads[2];
	uint64_t lost;

	(void)state;
	make_article(reads, 0);
	reads[1].is_first = true;
	assert_int_equal(run("6.12.43", reads + 1, 1, &lost), 0);
	assert_int_equal(lost, 655);
}

static void large_folios_are_no_trouble(void **state)
{
	static const uint64_t sizes[] = {8192, 4096, 16384};
	struct seen_read reads[2];
	uint64_t lost;

	(void)state;
	make_article(reads, 655);
	reads[0].queue = reads[1].queue = sizes;
	reads[0].n_queue = reads[1].n_queue = ARRAY_SIZE(sizes);
	reads[0].after.slot = reads[1].before.slot = 1;
	reads[1].after.slot = 2;
	assert_int_equal(run("6.12.44", reads, 2, &lost), 0);
	assert_int_equal(lost, 0);
}

static void what_does_not_fit_together_is_refused(void **state)
{
	static const uint64_t odd[] = {4096, 5000, 4096, 4096};
	struct kernel_rules rules;
	struct seen_read reads[2];
	struct model *m;
	size_t different;

	(void)state;
	assert_int_equal(kernel_rules_of("6.12.44", &rules), 0);
	for (int what = 0; what < 7; what++) {
		make_article(reads, 655);
		if (what == 0)
			reads[0].before.slot = 9;
		else if (what == 1)
			reads[0].queue = odd;
		else if (what == 2)
			reads[0].before.count = 99999;
		else if (what == 3)
			reads[0].offset = 7;
		else if (what == 4)
			reads[0].before.iov_offset = 1UL << 30;
		else if (what == 5)
			reads[0].before = (struct seen_cursor){4, 4096, 1};
		else
			reads[0].before.count = UINT64_MAX - 1;
		assert_int_equal(seen_reads_run(&rules, reads, 2, &m, &different), -EINVAL);
	}
}

/* Whatever numbers a file holds. */
static void nonsense_does_no_harm(void **state)
{
	static const uint64_t numbers[] = {0,	 1,    7,     31,	32,	   655,	      4095,
					   4096, 8192, 12288, 1U << 20, 1UL << 40, UINT64_MAX};
	uint64_t rng = 1, queue[40];
	struct kernel_rules rules;
	size_t different;
	struct model *m;

	(void)state;
	assert_int_equal(kernel_rules_of("6.12-rc1", &rules), 0);
	for (unsigned i = 0; i < 3000; i++) {
		struct seen_read reads[2];
		uint64_t *fields[] = {
			&reads[0].offset,
			&reads[0].asked,
			&reads[0].count,
			&reads[0].iounit,
			&reads[0].msize,
			&reads[0].before.slot,
			&reads[0].before.count,
			&reads[0].before.iov_offset,
			&reads[1].offset,
			&reads[1].count,
			&reads[1].before.count,
			&reads[1].before.iov_offset,
			&reads[1].before.slot,
			&queue[1],
			&queue[2],
		};

		make_article(reads, 0);
		for (size_t k = 0; k < ARRAY_SIZE(queue); k++)
			queue[k] = 4096;
		reads[0].queue = reads[1].queue = queue;
		reads[0].n_queue = reads[1].n_queue = prng_below(&rng, ARRAY_SIZE(queue));
		reads[1].is_first = prng_below(&rng, 2);
		for (unsigned k = 0; k < 3; k++)
			*fields[prng_below(&rng, ARRAY_SIZE(fields))] =
				numbers[prng_below(&rng, ARRAY_SIZE(numbers))];
		if (seen_reads_run(&rules, reads, 2, &m, &different) == 0)
			model_free(m);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nonsense_does_no_harm),
		cmocka_unit_test(a_recording_tells_the_kernels_apart),
		cmocka_unit_test(the_same_pages_may_be_read_twice),
		cmocka_unit_test(a_recording_may_begin_in_the_middle),
		cmocka_unit_test(large_folios_are_no_trouble),
		cmocka_unit_test(what_does_not_fit_together_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
