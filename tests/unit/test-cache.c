/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "kernel.h"
#include "path.h"

static int make_cache(void **state)
{
	char *dir = strdup("/tmp/warren-test-XXXXXX");

	if (!dir || !mkdtemp(dir))
		return -1;
	*state = dir;
	return setenv("WARREN_CACHE", dir, 1);
}

static int drop_cache(void **state)
{
	int r = remove_tree(*state);

	free(*state);
	return r;
}

static bool exists(const char *dir, const char *name)
{
	autofree char *path = path_join(dir, name);

	return !access(path, F_OK);
}

static void the_environment_chooses_the_folder(void **state)
{
	autofree char *dir = NULL, *xdg = NULL, *expected = NULL, *home = NULL, *at_home = NULL;

	assert_int_equal(lab_cache_dir(&dir), 0);
	assert_string_equal(dir, *state);
	unsetenv("WARREN_CACHE");
	setenv("XDG_CACHE_HOME", *state, 1);
	assert_int_equal(lab_cache_dir(&xdg), 0);
	expected = path_join(*state, "warren");
	assert_string_equal(xdg, expected);
	unsetenv("XDG_CACHE_HOME");
	setenv("HOME", *state, 1);
	assert_int_equal(lab_cache_dir(&home), 0);
	at_home = path_join(*state, ".cache/warren");
	assert_string_equal(home, at_home);
	assert_true(exists(home, "."));
}

static void an_unusable_folder_is_told(void **state)
{
	struct cache_work w = CACHE_WORK_INIT;
	autofree char *reason = NULL;

	(void)state;
	setenv("WARREN_CACHE", "/dev/null/x", 1);
	assert_int_equal(cache_work_begin("thing", &w, &reason), -ENOTDIR);
	assert_non_null(strstr(reason, "/dev/null/x"));
	assert_non_null(strstr(reason, "WARREN_CACHE"));
	assert_int_equal(w.lock, -1);
}

static void a_work_without_publication_leaves_nothing(void **state)
{
	struct cache_work w = CACHE_WORK_INIT;
	autofree char *tmp = NULL, *file = NULL;

	assert_int_equal(cache_work_begin("thing", &w, NULL), 0);
	assert_int_equal(cache_work_make_tmp(&w, 0, NULL), 0);
	tmp = strdup(w.tmp);
	file = path_join(tmp, "a/b/c");
	assert_int_equal(make_dirs(file), 0);
	cache_work_end(&w);
	assert_false(exists(tmp, "."));
	assert_false(exists(*state, "things"));
}

static void what_is_published_replaces_the_older(void **state)
{
	struct cache_work w = CACHE_WORK_INIT;
	autofree char *thing = path_join(*state, "things/it");

	for (int round = 0; round < 2; round++) {
		autofree char *file = NULL;

		assert_int_equal(cache_work_begin("thing", &w, NULL), 0);
		assert_int_equal(cache_work_make_tmp(&w, 0, NULL), 0);
		file = path_join(w.tmp, round ? "entry/new" : "entry/old");
		assert_int_equal(make_dirs(file), 0);
		assert_int_equal(cache_work_publish(&w, "entry", "things", "it"), 0);
		cache_work_end(&w);
	}
	assert_true(exists(thing, "new"));
	assert_false(exists(thing, "old"));
}

static void leftovers_of_a_crash_go(void **state)
{
	struct cache_work w = CACHE_WORK_INIT;
	autofree char *old = path_join(*state, "tmp/thing.abc123/x");
	autofree char *other = path_join(*state, "tmp/thing-2.abc123/x");

	assert_int_equal(make_dirs(old), 0);
	assert_int_equal(make_dirs(other), 0);
	assert_int_equal(cache_work_begin("thing", &w, NULL), 0);
	assert_false(exists(old, "."));
	assert_true(exists(other, "."));
	cache_work_end(&w);
}

static void too_little_room_is_told_before(void **state)
{
	struct cache_work w = CACHE_WORK_INIT;
	autofree char *reason = NULL;

	(void)state;
	assert_int_equal(cache_work_begin("thing", &w, NULL), 0);
	assert_int_equal(cache_work_make_tmp(&w, 4000000000U, &reason), -ENOSPC);
	assert_non_null(strstr(reason, "needs 4000000000 MB"));
	cache_work_end(&w);
}

/* What the child says about itself goes to ERR. */
static pid_t second_worker(int lock, int err, int done)
{
	pid_t pid = fork();
	struct cache_work w = CACHE_WORK_INIT;

	if (pid)
		return pid;
	dup2(err, 2);
	/* Another process has no copy of the first one's lock. */
	close(lock);
	if (!cache_work_begin("thing", &w, NULL)) {
		(void)!write(done, "got it", 6);
		cache_work_end(&w);
	}
	_exit(0);
}

static void a_second_process_says_that_it_waits(void **state)
{
	struct cache_work w = CACHE_WORK_INIT;
	int err[2], done[2], status;
	char text[200] = "";
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	assert_int_equal(cache_work_begin("thing", &w, NULL), 0);
	pid = second_worker(w.lock, err[1], done[1]);
	close(done[1]);
	close(err[1]);
	assert_true(read(err[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "thing: another warren"));
	fcntl(done[0], F_SETFL, O_NONBLOCK);
	assert_int_equal(read(done[0], text, 1), -1);
	assert_int_equal(errno, EAGAIN);
	fcntl(done[0], F_SETFL, 0);
	cache_work_end(&w);
	assert_int_equal(read(done[0], text, 6), 6);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(err[0]);
	close(done[0]);
}

static void a_tree_is_measured_and_removed(void **state)
{
	autofree char *dir = path_join(*state, "a/b"), *file = path_join(*state, "a/b/f");
	autofree char *top = path_join(*state, "a"), *link = path_join(*state, "a/out");
	FILE *f;

	assert_int_equal(make_dirs(dir), 0);
	f = fopen(file, "w");
	fputs("12345", f);
	fclose(f);
	assert_int_equal(symlink("/etc", link), 0);
	assert_int_equal(tree_size(top), 5);
	assert_int_equal(remove_tree(top), 0);
	assert_false(exists(top, "."));
	assert_true(exists("/etc", "passwd"));
	assert_int_equal(remove_tree(top), 0);
	assert_int_equal(tree_size(top), 0);
}

int main(void)
{
#define IN_CACHE(test) cmocka_unit_test_setup_teardown(test, make_cache, drop_cache)
	const struct CMUnitTest tests[] = {
		IN_CACHE(the_environment_chooses_the_folder),
		IN_CACHE(an_unusable_folder_is_told),
		IN_CACHE(a_work_without_publication_leaves_nothing),
		IN_CACHE(what_is_published_replaces_the_older),
		IN_CACHE(leftovers_of_a_crash_go),
		IN_CACHE(too_little_room_is_told_before),
		IN_CACHE(a_second_process_says_that_it_waits),
		IN_CACHE(a_tree_is_measured_and_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
