/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "compare.h"
#include "job-text.h"
#include "verdict.h"

static const struct circumstances here = {
	.version = "6.12.95",
	.guest = "UML",
	.transport = "virtio",
	.cache = "mmap",
	.msize = 512000,
};

static struct tally walk(void)
{
	struct tally t = {
		.n_steps = 4,
		.steps = {"read", "drop", "mmap", "read"},
		.files = 4312,
		.bytes = 61812345,
		.is_complete = true,
	};

	return t;
}

static void expect(const struct tally *t, enum verdict v, const char *sentence)
{
	autofree char *is = verdict_sentence(t, &here);

	assert_int_equal(verdict_of(t), v);
	assert_string_equal(is, sentence);
}

static void an_equal_tree_is_ok(void **state)
{
	const struct tally t = walk();

	(void)state;
	expect(&t, VERDICT_OK,
	       "OK: 4312 files, 61.8 MB read 2 ways in Linux 6.12.95 (UML, virtio, cache=mmap, "
	       "msize=512000): every byte is the host's");
}

static void what_was_left_out_is_said(void **state)
{
	struct tally t = walk();

	(void)state;
	t.files = t.n_changed = 1;
	t.bytes = 999;
	t.n_unreadable = 2;
	t.no_xattrs = true;
	expect(&t, VERDICT_OK,
	       "OK: 1 file, 999 bytes read 2 ways in Linux 6.12.95 (UML, virtio, cache=mmap, "
	       "msize=512000): every byte is the host's; 1 changed on the host while being "
	       "verified and was not compared; 2 not readable by you and not compared; the share "
	       "has no extended attributes");
}

static void a_way_that_is_not_possible_does_not_count(void **state)
{
	struct tally t = walk();
	autofree char *text = NULL;
	size_t n;
	FILE *f;

	(void)state;
	t.off_steps = 4;
	t.off_errs[2] = ENODEV;
	assert_int_equal(tally_ways(&t), 1);
	f = open_memstream(&text, &n);
	verdict_evidence(f, &t);
	fclose(f);
	assert_string_equal(text, "  mmap is not possible here: ENODEV\n");
}

static void nothing_read_is_no_proof(void **state)
{
	struct tally t = walk();

	(void)state;
	t.off_steps = 1 | 4 | 8;
	assert_int_equal(verdict_of(&t), VERDICT_NONE);
	t.off_steps = 0;
	t.is_complete = false;
	assert_int_equal(verdict_of(&t), VERDICT_NONE);
}

static void a_guest_without_memory_proves_nothing(void **state)
{
	struct finding d = {.path = (char *)"f", .class = DAMAGE_MISSING};
	struct tally t = walk();

	(void)state;
	t.n_starved = 4;
	expect(&t, VERDICT_NONE,
	       "FAILED: the guest ran out of memory (ENOMEM) at 4 names in Linux 6.12.95 (UML, "
	       "virtio, cache=mmap, msize=512000): give it more (--memory), or a smaller --msize");
	t.findings = &d;
	t.n_findings = t.n_damaged = 1;
	expect(&t, VERDICT_DAMAGED,
	       "DAMAGED: 1 of 4312 files differs in Linux 6.12.95 (UML, virtio, cache=mmap, "
	       "msize=512000): f: MISSING (a name that the guest does not see); the guest had no "
	       "memory for 4 others (ENOMEM)");
}

static void the_first_wrong_range_is_in_the_sentence(void **state)
{
	struct tally t = walk();
	struct finding f = {
		.path = (char *)"a/\xff",
		.class = DAMAGE_ZERO,
		.from = 0x3000,
		.to = 12943,
		.steps = 1 | 8,
		.right = 4,
	};

	(void)state;
	t.findings = &f;
	t.n_findings = t.n_damaged = 1;
	expect(&t, VERDICT_DAMAGED,
	       "DAMAGED: 1 of 4312 files differs in Linux 6.12.95 (UML, virtio, cache=mmap, "
	       "msize=512000): a/\\xff: bytes 0x3000-0x328e are ZERO by read, right by mmap "
	       "(zeros where the host has none)");
}

static void damage_before_a_crash_is_damage(void **state)
{
	struct tally t = walk();
	struct finding f = {.path = (char *)"f", .class = DAMAGE_MISSING};

	(void)state;
	t.findings = &f;
	t.n_findings = t.n_damaged = 1;
	t.is_complete = false;
	assert_int_equal(verdict_of(&t), VERDICT_DAMAGED);
}

static void sizes_are_told_in_decimal_units(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(bytes_text(buf, 0), "0 bytes");
	assert_string_equal(bytes_text(buf, 1), "1 byte");
	assert_string_equal(bytes_text(buf, 1000), "1.0 kB");
	assert_string_equal(bytes_text(buf, 999949), "999.9 kB");
	assert_string_equal(bytes_text(buf, 999950), "1.0 MB");
	assert_string_equal(bytes_text(buf, 5368709120), "5.4 GB");
}

static void each_cache_mode_is_a_mount_with_a_walk(void **state)
{
	static const char *const caches[] = {"none", "loose", NULL};
	static const char *const ways[] = {"read", "mmap", "direct", "splice", NULL};
	const struct job_plan plan = {
		.source = "tag",
		.options = "trans=virtio,version=9p2000.L",
		.caches = caches,
		.ways = ways,
		.msizes = (const unsigned[]){512000, 0},
	};
	autofree char *text = job_text(&plan);

	(void)state;
	assert_string_equal(text,
			    "facts\n"
			    "mount tag \"trans=virtio,version=9p2000.L,cache=none,msize=512000\"\n"
			    "walk read drop mmap direct drop splice\n"
			    "unmount\n"
			    "mount tag \"trans=virtio,version=9p2000.L,cache=loose,msize=512000\"\n"
			    "walk read drop mmap direct drop splice read\n"
			    "unmount\n"
			    "facts\n");
}

static void damage_is_planted_before_the_walk(void **state)
{
	static const char *const caches[] = {"loose", NULL}, *const ways[] = {"read", NULL};
	static const char *const faults[] = {"mmap zero,mark=a b", NULL};
	const struct job_plan plan = {
		.source = "tag",
		.options = "o",
		.caches = caches,
		.ways = ways,
		.msizes = (const unsigned[]){512000, 0},
		.reader_faults = faults,
		.preload = true,
		.pause = true,
	};
	autofree char *text = job_text(&plan);

	(void)state;
	assert_string_equal(text, "facts\n"
				  "fault mmap \"zero,mark=a b\"\n"
				  "mount tag \"o,cache=loose,msize=512000\"\n"
				  "preload\n"
				  "pause host\n"
				  "walk read\n"
				  "unmount\n"
				  "facts\n");
}

static void a_command_runs_once_and_is_synced(void **state)
{
	static const char *const caches[] = {"mmap", "loose", NULL, 0};
	static const char *const ways[] = {"read", NULL, 0};
	const struct job_plan plan = {
		.source = "tag",
		.options = "o",
		.caches = caches,
		.ways = ways,
		.msizes = (const unsigned[]){512000, 16384, 0},
		.exec = "echo 'a b' > c",
	};
	autofree char *text = job_text(&plan);

	(void)state;
	assert_string_equal(text, "facts\n"
				  "mount tag \"o,cache=mmap,msize=512000\"\n"
				  "exec /bin/sh -c \"echo 'a b' > c\"\n"
				  "sync\n"
				  "walk read\n"
				  "unmount\n"
				  "mount tag \"o,cache=mmap,msize=16384\"\n"
				  "walk read\n"
				  "unmount\n"
				  "mount tag \"o,cache=loose,msize=512000\"\n"
				  "walk read\n"
				  "unmount\n"
				  "mount tag \"o,cache=loose,msize=16384\"\n"
				  "walk read\n"
				  "unmount\n"
				  "facts\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_equal_tree_is_ok),
		cmocka_unit_test(what_was_left_out_is_said),
		cmocka_unit_test(a_way_that_is_not_possible_does_not_count),
		cmocka_unit_test(nothing_read_is_no_proof),
		cmocka_unit_test(a_guest_without_memory_proves_nothing),
		cmocka_unit_test(the_first_wrong_range_is_in_the_sentence),
		cmocka_unit_test(damage_before_a_crash_is_damage),
		cmocka_unit_test(sizes_are_told_in_decimal_units),
		cmocka_unit_test(each_cache_mode_is_a_mount_with_a_walk),
		cmocka_unit_test(a_command_runs_once_and_is_synced),
		cmocka_unit_test(damage_is_planted_before_the_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
