/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "digest.h"
#include "macros.h"
#include "probe.h"

/* probe.c's, which is the program. */
void probe_flush(struct probe *p, bool now)
{
	(void)now;
	fflush(p->report);
}

void probe_greet(struct probe *p)
{
	(void)p;
}

static void words_are_split_and_unquoted(void **state)
{
	struct statement s;

	(void)state;
	assert_int_equal(statement_parse("mount \"a b\"  \"trans=tcp,\\x22\"", &s), 0);
	assert_int_equal(s.n, 3);
	assert_string_equal(s.words[1], "a b");
	assert_string_equal(s.words[2], "trans=tcp,\"");
	assert_null(s.words[3]);
	statement_done(&s);
}

static void a_guest_tells_of_itself(void **state)
{
	static const char *const known[] = {"fact uname \"Linux", "fact version \"",
					    "fact page-size ", "fact taint ", "done facts\n"};
	char *text = NULL;
	size_t n;
	struct probe p = {.report = open_memstream(&text, &n)};
	struct statement s;

	(void)state;
	assert_int_equal(statement_parse("facts", &s), 0);
	statement_run(&p, &s);
	fclose(p.report);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strstr(text, known[i]))
			fail_msg("no '%s' in %s", known[i], text);
	statement_done(&s);
	free(text);
}

static void an_empty_line_and_a_comment_are_no_statement(void **state)
{
	static const char *const lines[] = {"", "   ", "# walk read", "\t# x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct statement s;

		assert_int_equal(statement_parse(lines[i], &s), 0);
		assert_int_equal(s.n, 0);
		statement_done(&s);
	}
}

static void a_malformed_statement_is_refused(void **state)
{
	static const char *const lines[] = {"walk \"read", "walk re\"ad\"", "walk \"a\"b",
					    "walk =a"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct statement s;

		assert_int_equal(statement_parse(lines[i], &s), -EINVAL);
	}
}

static char *report_of_statement(const char *line)
{
	char *text = NULL;
	size_t n;
	struct statement s;
	struct probe p = {.report = open_memstream(&text, &n)};

	assert_int_equal(statement_parse(line, &s), 0);
	statement_run(&p, &s);
	statement_done(&s);
	fclose(p.report);
	return text;
}

static void a_statement_that_does_not_exist_fails_by_name(void **state)
{
	autofree char *text = report_of_statement("frobnicate now");

	(void)state;
	assert_string_equal(text, "failed frobnicate ENOSYS \"Function not implemented\"\n");
}

static void a_statement_with_too_few_words_fails(void **state)
{
	autofree char *text = report_of_statement("mount 9p");

	(void)state;
	assert_memory_equal(text, "failed mount EINVAL ", 20);
}

static void a_module_that_is_missing_fails_with_its_errno(void **state)
{
	autofree char *text = report_of_statement("module /nonexistent/9p.ko");

	(void)state;
	assert_memory_equal(text, "failed module ENOENT ", 21);
}

/* The statement is done in the current folder: the share is not mounted. */
static void a_sequence_tells_a_digest_of_each_read(void **state)
{
	static const char content[] = "0123456789";
	char path[] = "test-job-XXXXXX", line[128], expected[128];
	int fd = mkstemp(path);
	autofree char *text = NULL, *wrong = NULL;

	(void)state;
	assert_int_equal(write(fd, content, 10), 10);
	close(fd);
	snprintf(line, sizeof(line), "sequence %s sequential read:0:4096 random read:4:3", path);
	text = report_of_statement(line);
	snprintf(line, sizeof(line), "sequence %s read:0", path);
	wrong = report_of_statement(line);
	unlink(path);
	snprintf(expected, sizeof(expected), "q %s 10\nqr 10 %016" PRIx64 "\nqr 3 %016" PRIx64 "\n",
		 path, digest_of(content, 10), digest_of(content + 4, 3));
	assert_memory_equal(text, expected, strlen(expected));
	assert_non_null(strstr(text, "\nqp 0 "));
	assert_non_null(strstr(text, "\nqe\ndone sequence"));
	assert_non_null(strstr(wrong, "failed sequence EINVAL"));
}

static void make_raw(int fd)
{
	struct termios t;

	assert_int_equal(tcgetattr(fd, &t), 0);
	cfmakeraw(&t);
	assert_int_equal(tcsetattr(fd, TCSANOW, &t), 0);
}

/* The report of a program that gets INPUT, N bytes of frames, from its terminal. */
static char *report_of_run(const char *line, const void *input, size_t n)
{
	int host = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), guest;
	char *text = NULL;
	size_t size;
	struct statement s;
	struct probe p = {.report = open_memstream(&text, &size)};

	assert_int_equal(grantpt(host), 0);
	assert_int_equal(unlockpt(host), 0);
	p.terminal = ptsname(host);
	/* Raw from the start: here nobody waits for "started". */
	guest = open(p.terminal, O_RDWR | O_NOCTTY | O_CLOEXEC);
	make_raw(guest);
	assert_int_equal(write(host, input, n), n);
	assert_int_equal(statement_parse(line, &s), 0);
	statement_run(&p, &s);
	statement_done(&s);
	fclose(p.report);
	close(guest);
	close(host);
	return text;
}

#define REPORT_OF_RUN(line, input) report_of_run(line, input, sizeof(input) - 1)

static void a_program_gets_its_input_in_frames(void **state)
{
	autofree char *text = REPORT_OF_RUN("run cat", "\0\3a\0b\0\1\4\0\0");

	(void)state;
	assert_string_equal(text, "started\n"
				  "out \"a\\x00b\\x04\"\n"
				  "exit 0\n"
				  "done run cat\n");
}

static void input_that_nobody_reads_does_no_harm(void **state)
{
	autofree char *text = REPORT_OF_RUN("run true", "\0\3abc");

	(void)state;
	assert_string_equal(text, "started\nexit 0\ndone run true\n");
}

static void output_and_errors_are_apart(void **state)
{
	autofree char *text = REPORT_OF_RUN("run sh -c \"echo a; exec >&-; echo b >&2; exit 3\"",
					    "");

	(void)state;
	assert_non_null(strstr(text, "out \"a\\x0a\"\n"));
	assert_non_null(strstr(text, "err \"b\\x0a\"\n"));
	assert_non_null(strstr(text, "exit 3\n"));
}

static void a_signal_is_an_exit_code(void **state)
{
	autofree char *text = REPORT_OF_RUN("run sh -c \"kill -9 $$\"", "");

	(void)state;
	assert_non_null(strstr(text, "exit 137\n"));
}

static void a_program_that_there_is_not_fails_with_its_errno(void **state)
{
	autofree char *text = REPORT_OF_RUN("run /nonexistent/cat", "");

	(void)state;
	assert_string_equal(text, "failed run ENOENT \"No such file or directory\"\n");
}

static void what_a_program_leaves_behind_is_not_waited_for(void **state)
{
	autofree char *text = REPORT_OF_RUN("run sh -c \"sleep 1000 & echo $!\"", "");
	pid_t left = 0;

	(void)state;
	assert_int_equal(sscanf(text, "started\nout \"%d\\x0a\"", &left), 1);
	assert_int_equal(kill(left, SIGKILL), 0);
	assert_non_null(strstr(text, "exit 0\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_split_and_unquoted),
		cmocka_unit_test(a_guest_tells_of_itself),
		cmocka_unit_test(an_empty_line_and_a_comment_are_no_statement),
		cmocka_unit_test(a_malformed_statement_is_refused),
		cmocka_unit_test(a_statement_that_does_not_exist_fails_by_name),
		cmocka_unit_test(a_statement_with_too_few_words_fails),
		cmocka_unit_test(a_module_that_is_missing_fails_with_its_errno),
		cmocka_unit_test(a_sequence_tells_a_digest_of_each_read),
		cmocka_unit_test(a_program_gets_its_input_in_frames),
		cmocka_unit_test(input_that_nobody_reads_does_no_harm),
		cmocka_unit_test(output_and_errors_are_apart),
		cmocka_unit_test(a_signal_is_an_exit_code),
		cmocka_unit_test(a_program_that_there_is_not_fails_with_its_errno),
		cmocka_unit_test(what_a_program_leaves_behind_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
