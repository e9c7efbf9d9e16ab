/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka-all.h"
#include "cleanup.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_split_and_unquoted),
		cmocka_unit_test(an_empty_line_and_a_comment_are_no_statement),
		cmocka_unit_test(a_malformed_statement_is_refused),
		cmocka_unit_test(a_statement_that_does_not_exist_fails_by_name),
		cmocka_unit_test(a_statement_with_too_few_words_fails),
		cmocka_unit_test(a_module_that_is_missing_fails_with_its_errno),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
