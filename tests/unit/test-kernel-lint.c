/* SPDX-License-Identifier: MIT */
/* Rules over tracepoints: logs of real guests (golden/kernel-trace), one of which was altered by hand so
 * that a folio is unlocked too early; and lines that break the other rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "kernel-lint.h"

static const char *folder;
static struct kernel_lint *lint;
static unsigned n_found[KERNEL_RULES_N];
static char last_time[64], last_what[256];

static void report(void *arg, enum kernel_rule_id rule, const char *time, const char *what)
{
	(void)arg;
	n_found[rule]++;
	snprintf(last_time, sizeof(last_time), "%s", time);
	snprintf(last_what, sizeof(last_what), "%s", what);
}

static int start(void **state)
{
	(void)state;
	memset(n_found, 0, sizeof(n_found));
	lint = kernel_lint_new(report, NULL);
	return lint ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	kernel_lint_free(lint);
	return 0;
}

static void read_log(const char *name)
{
	autofree char *path = NULL, *line = NULL;
	autofclose FILE *f = NULL;
	size_t cap = 0, n = 0;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	assert_true(kernel_log_is(path));
	f = fopen(path, "re");
	for (; getline(&line, &cap, f) > 0; n++) {
		line[strcspn(line, "\n")] = '\0';
		kernel_lint_line(lint, line);
	}
	assert_true(n > 20);
}

static void expect(enum kernel_rule_id rule, unsigned n)
{
	for (unsigned i = 0; i < KERNEL_RULES_N; i++)
		if (n_found[i] != (i == rule ? n : 0))
			fail_msg("%u of %s: %s", n_found[i], kernel_lint_rules[i].name, last_what);
}

/* The start of a read of 0x1800 bytes of a file of 0x1800 bytes: two pages. */
static void begin(void)
{
	kernel_lint_line(lint, " a-1 [000] ..... 0.1: netfs_read: R=00000007 READAHEAD c=00000000 "
			       "ni=ab s=0 l=2000 sz=1800");
}

static void say(const char *event)
{
	char line[256];

	snprintf(line, sizeof(line), " a-1 [000] ..... 0.2: %s", event);
	kernel_lint_line(lint, line);
}

static void healthy_guests_break_no_rule(void **state)
{
	(void)state;
	read_log("linux-6.12");
	read_log("linux-7.3");
	expect(KERNEL_RULES_N, 0);
}

static void a_folio_that_is_unlocked_before_its_tail_is_zeros(void **state)
{
	(void)state;
	read_log("early-unlock");
	expect(KERNEL_EARLY_UNLOCK, 1);
	assert_string_equal(last_what, "R=00000001 inode a84135: the folio at 0x3000 is unlocked, "
				       "0x328f-0x3fff is not filled yet");
	assert_true(strtod(last_time, NULL) > 40);
}

static void a_page_that_nobody_filled(void **state)
{
	(void)state;
	begin();
	say("netfs_sreq: R=00000007[1] DOWN TERM  f=192 s=0 1000/1000 s=3 e=0");
	say("netfs_rreq: R=00000007 RA DONE    f=102");
	expect(KERNEL_NOT_FILLED, 1);
	assert_string_equal(last_what, "R=00000007 inode ab: done, but 0x1000 was not filled");
}

static void a_byte_that_is_filled_twice(void **state)
{
	(void)state;
	begin();
	say("netfs_sreq: R=00000007[1] DOWN TERM  f=192 s=0 1800/1800 s=3 e=0");
	say("netfs_sreq: R=00000007[2] ZERO TERM  f=102 s=17ff 801/801 s=3 e=0");
	say("netfs_rreq: R=00000007 RA DONE    f=102");
	expect(KERNEL_FILLED_TWICE, 1);
}

static void less_than_was_to_be_transferred(void **state)
{
	(void)state;
	begin();
	say("netfs_sreq: R=00000007[1] DOWN TERM  f=192 s=0 17ff/1800 s=3 e=0");
	expect(KERNEL_TRANSFERRED, 1);
}

static void a_read_that_failed_breaks_no_rule(void **state)
{
	(void)state;
	begin();
	say("netfs_sreq: R=00000007[1] DOWN TERM  f=192 s=0 0/1800 s=3 e=-5");
	say("netfs_folio: i=ab ix=00000-00001 read-unlock");
	say("netfs_rreq: R=00000007 RA DONE    f=102");
	expect(KERNEL_RULES_N, 0);
}

static void what_was_lost_breaks_no_rule(void **state)
{
	(void)state;
	begin();
	kernel_lint_line(lint, "CPU:0 [LOST 12 EVENTS]");
	say("netfs_folio: i=ab ix=00000-00001 read-unlock");
	say("netfs_rreq: R=00000007 RA DONE    f=102");
	say("netfs_read: R=nonsense");
	say("netfs_folio: i=ab ix=ffffffffffffffff-ffffffffffffffff read-unlock");
	expect(KERNEL_RULES_N, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(healthy_guests_break_no_rule),
		TEST(a_folio_that_is_unlocked_before_its_tail_is_zeros),
		TEST(a_page_that_nobody_filled),
		TEST(a_byte_that_is_filled_twice),
		TEST(less_than_was_to_be_transferred),
		TEST(a_read_that_failed_breaks_no_rule),
		TEST(what_was_lost_breaks_no_rule),
	};

	if (argc != 2)
		return 2;
	folder = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
