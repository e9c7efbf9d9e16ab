/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"
#include "cleanup.h"
#include "path.h"
#include "programs.h"
#include "spawn.h"

static char dir[] = "/tmp/test-programs-XXXXXX";

static bool has(char **files, const char *end)
{
	for (char **f = files; f && *f; f++)
		if (strlen(*f) >= strlen(end) && !strcmp(*f + strlen(*f) - strlen(end), end))
			return true;
	return false;
}

static char **collect(const char *name)
{
	const char *const wanted[] = {name, NULL};
	char **files = NULL, *why = NULL;

	assert_int_equal(programs_collect(wanted, dir, &files, &why), 0);
	assert_null(why);
	return files;
}

static void put_script(const char *name, const char *text)
{
	autofree char *path = path_join(dir, name);

	assert_int_equal(path_write(path, text, strlen(text)), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static void a_program_comes_with_its_loader_and_its_libraries(void **state)
{
	cleanup(cleanup_strv) char **files = collect("sh");

	(void)state;
	assert_true(has(files, "/sh"));
	assert_true(has(files, "/libc.so.6"));
	assert_true(has(files, "/ld-linux-x86-64.so.2"));
	for (char **f = files; *f; f++) {
		assert_int_equal(**f, '/');
		for (char **g = f + 1; *g; g++)
			assert_string_not_equal(*f, *g);
	}
}

static void a_script_comes_with_its_interpreter(void **state)
{
	autofree char *path = path_join(dir, "script");

	(void)state;
	put_script("script", "#!/usr/bin/env sh\necho\n");
	cleanup(cleanup_strv) char **files = collect(path);
	assert_true(has(files, "/script"));
	assert_true(has(files, "/env"));
	assert_true(has(files, "/sh"));
}

static void a_program_in_the_share_is_there_already(void **state)
{
	(void)state;
	put_script("script", "#!/bin/sh\necho\n");
	cleanup(cleanup_strv) char **files = collect("./script");
	assert_false(has(files, "/script"));
	assert_true(has(files, "/sh"));
}

/* The share is not trusted: what it names is not run on the host. */
static void a_loader_that_is_not_the_systems_is_not_run(void **state)
{
	const char *const wanted[] = {"./stranger", NULL};
	autofree char *program = path_join(dir, "stranger"), *why = NULL;
	char **files = NULL;

	(void)state;
	assert_int_equal(bundle_copy("/bin/true", program), 0);
	assert_int_equal(bundle_set_loader(program, "/bin/true"), 0);
	assert_int_equal(programs_collect(wanted, dir, &files, &why), -EPERM);
	assert_null(files);
	assert_non_null(strstr(why, "/bin/true"));
	unlink(program);
}

static void scripts_that_name_one_another_have_an_end(void **state)
{
	(void)state;
	put_script("a", "#!./b\n");
	put_script("b", "#!./a\n");
	cleanup(cleanup_strv) char **files = collect("./a");
	assert_false(has(files, "/a"));
}

static void a_program_that_there_is_not_is_left_out(void **state)
{
	cleanup(cleanup_strv) char **files = collect("no-such-program");

	(void)state;
	assert_false(has(files, "/no-such-program"));
}

static void the_first_line_of_a_script_names_programs(void **state)
{
	static const struct {
		const char *text, *first, *second;
	} lines[] = {
		{"#!/bin/sh\n", "/bin/sh", NULL},
		{"#! /bin/sh -e\n", "/bin/sh", NULL},
		{"#!/usr/bin/env python3\n", "/usr/bin/env", "python3"},
		{"#!/usr/bin/env python3 -u\n", "/usr/bin/env", "python3"},
		{"#!/usr/bin/env -S python3\n", "/usr/bin/env", NULL},
		{"#!/usr/bin/env A=b sh\n", "/usr/bin/env", NULL},
		{"#!\n", NULL, NULL},
		{"#!", NULL, NULL},
	};
	char *words[2];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		programs_of_script(lines[i].text, words);
		assert_int_equal(!words[0], !lines[i].first);
		assert_int_equal(!words[1], !lines[i].second);
		if (words[0])
			assert_string_equal(words[0], lines[i].first);
		if (words[1])
			assert_string_equal(words[1], lines[i].second);
		free(words[0]);
		free(words[1]);
	}
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = {"script", "a", "b"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		autofree char *path = path_join(dir, names[i]);

		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_comes_with_its_loader_and_its_libraries),
		cmocka_unit_test(a_script_comes_with_its_interpreter),
		cmocka_unit_test(a_program_in_the_share_is_there_already),
		cmocka_unit_test(a_loader_that_is_not_the_systems_is_not_run),
		cmocka_unit_test(scripts_that_name_one_another_have_an_end),
		cmocka_unit_test(a_program_that_there_is_not_is_left_out),
		cmocka_unit_test(the_first_line_of_a_script_names_programs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
