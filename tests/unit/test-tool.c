/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "cleanup.h"
#include "tool.h"

#define SH(script)                               \
	&(struct tool)                           \
	{                                        \
		.argv = (const char *const[])    \
		{                                \
			"sh", "-c", script, NULL \
		}                                \
	}

static void assert_diagnosis(const char *text, int r, const char *line)
{
	autofree char *got = NULL;

	assert_int_equal(tool_diagnose(text, &got), r);
	if (line)
		assert_string_equal(got, line);
	else
		assert_null(got);
}

static void the_gravest_line_is_the_reason(void **state)
{
	(void)state;
	assert_diagnosis("", -EIO, NULL);
	assert_diagnosis("a\nb\n\n", -EIO, "b");
	assert_diagnosis("  CC x.o\nx.c:1: error: no\nmake: *** [x] Error 1\n", -EIO,
			 "x.c:1: error: no");
	assert_diagnosis("E: Failed to fetch\n  Temporary failure resolving 'm'\nE: Some\n",
			 -ENETUNREACH, "Temporary failure resolving 'm'");
	assert_diagnosis("tar: x: Cannot write: No space left on device\ntar: Exiting\n", -ENOSPC,
			 "tar: x: Cannot write: No space left on device");
}

static void count_line(void *arg, const char *line)
{
	if (line)
		++*(int *)arg;
}

static void each_line_is_given(void **state)
{
	int n = 0;
	struct tool t = {
		.argv = (const char *const[]){"sh", "-c",
					      "i=0; while [ $i -lt 30000 ]; do echo "
					      "'some words to be read here' $i; i=$((i+1)); done",
					      NULL},
		.line = count_line,
		.arg = &n};

	(void)state;
	assert_int_equal(tool_run(&t, NULL, NULL), 0);
	assert_int_equal(n, 30000);
}

static void a_failure_has_status_and_reason(void **state)
{
	autofree char *reason = NULL;

	(void)state;
	assert_int_equal(tool_run(SH("echo out; echo 'x: error: bad' >&2; exit 3"), NULL, &reason),
			 -EIO);
	assert_string_equal(reason, "sh failed with status 3: x: error: bad");
}

static void a_full_disk_is_enospc(void **state)
{
	autofree char *reason = NULL;

	(void)state;
	assert_int_equal(tool_run(SH("cat /etc/passwd >/dev/full"), NULL, &reason), -ENOSPC);
	assert_non_null(strstr(reason, "is full"));
}

static void output_is_captured_apart_from_messages(void **state)
{
	autofree char *out = NULL;

	(void)state;
	assert_int_equal(tool_capture(SH("echo a; echo b >&2; echo $LC_ALL"), NULL, &out, NULL), 0);
	assert_string_equal(out, "a\nC\n");
}

static void a_missing_tool_is_told(void **state)
{
	static const char *const programs[] = {
		"sh", "dash", "no-such-a", "pack", "no-such-b", "pack", "no-such-c", "more", NULL};
	autofree char *reason = NULL;

	(void)state;
	assert_int_equal(tool_need("this", programs + 6, NULL), -ENOENT);
	assert_int_equal(tool_need("this", programs, &reason), -ENOENT);
	assert_string_equal(
		reason, "this needs no-such-a, no-such-b, no-such-c: apt-get install pack more");
}

static void note(int sig)
{
	(void)sig;
}

static void ring(void *arg, const char *line)
{
	(void)arg;
	if (line)
		kill(getpid(), SIGUSR1);
}

static void a_signal_ends_the_tool(void **state)
{
	const struct itimerval every_second = {{1, 0}, {1, 0}}, never = {{0, 0}, {0, 0}};
	const struct sigaction act = {.sa_handler = note};
	autofree char *reason = NULL;
	struct tool t = {.argv = (const char *const[]){"sh", "-c", "echo; sleep 1000", NULL},
			 .line = ring};

	(void)state;
	/* The signal comes before the poll, or in it: alarms make sure of the second. */
	sigaction(SIGUSR1, &act, NULL);
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &every_second, NULL);
	assert_int_equal(tool_run(&t, NULL, &reason), -EINTR);
	setitimer(ITIMER_REAL, &never, NULL);
	assert_string_equal(reason, "interrupted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gravest_line_is_the_reason),
		cmocka_unit_test(each_line_is_given),
		cmocka_unit_test(a_failure_has_status_and_reason),
		cmocka_unit_test(a_full_disk_is_enospc),
		cmocka_unit_test(output_is_captured_apart_from_messages),
		cmocka_unit_test(a_missing_tool_is_told),
		cmocka_unit_test(a_signal_ends_the_tool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
