/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "spawn.h"

#define ARGV(...)                 \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

static void output_and_status_come_back(void **state)
{
	struct spawn s = SPAWN_INIT;
	autofree char *out = NULL;
	size_t n;

	(void)state;
	s.argv = ARGV("sh", "-c", "echo a; printf 'b c'; exit 7");
	assert_int_equal(spawn_capture(&s, 100, &out, &n), 7);
	assert_int_equal(n, 5);
	assert_string_equal(out, "a\nb c");
}

static void too_much_output_is_refused(void **state)
{
	struct spawn s = SPAWN_INIT;
	char *out = NULL;

	(void)state;
	s.argv = ARGV("yes");
	assert_int_equal(spawn_capture(&s, 10000, &out, NULL), -EFBIG);
	assert_null(out);
}

static void a_missing_program_is_enoent(void **state)
{
	struct spawn s = SPAWN_INIT;

	(void)state;
	s.argv = ARGV("there-is-no-such-program");
	assert_int_equal(spawn_run(&s), -ENOENT);
	s.argv = ARGV("/nowhere/at/all");
	assert_int_equal(spawn_run(&s), -ENOENT);
	assert_false(spawn_has_program("there-is-no-such-program"));
	assert_true(spawn_has_program("sh"));
}

static void a_missing_folder_is_enoent(void **state)
{
	struct spawn s = SPAWN_INIT;

	(void)state;
	s.argv = ARGV("true");
	s.dir = "/nowhere";
	assert_int_equal(spawn_run(&s), -ENOENT);
}

static void a_file_that_is_no_program_is_an_error(void **state)
{
	struct spawn s = SPAWN_INIT;

	(void)state;
	s.argv = ARGV("/dev/null");
	assert_int_equal(spawn_run(&s), -EACCES);
}

static void a_signal_is_128_and_its_number(void **state)
{
	struct spawn s = SPAWN_INIT;

	(void)state;
	s.argv = ARGV("sh", "-c", "kill -TERM $$");
	assert_int_equal(spawn_run(&s), 128 + SIGTERM);
}

static void words_are_not_seen_by_a_shell(void **state)
{
	struct spawn s = SPAWN_INIT;
	autofree char *out = NULL;

	(void)state;
	s.argv = ARGV("printf", "%s|", "$HOME", "a b", "");
	assert_int_equal(spawn_capture(&s, 100, &out, NULL), 0);
	assert_string_equal(out, "$HOME|a b||");
}

static void env_words_replace_ours(void **state)
{
	struct spawn s = SPAWN_INIT;
	autofree char *out = NULL;

	(void)state;
	setenv("WARREN_TEST", "old", 1);
	s.argv = ARGV("sh", "-c", "echo $WARREN_TEST$OTHER; env | grep -c WARREN_TEST");
	s.env = ARGV("WARREN_TEST=new", "OTHER=!");
	s.dir = "/";
	assert_int_equal(spawn_capture(&s, 100, &out, NULL), 0);
	assert_string_equal(out, "new!\n1\n");
}

static void only_kept_descriptors_are_open(void **state)
{
	autoclose int kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
	autoclose int lost = open("/dev/null", O_RDONLY);
	struct spawn s = SPAWN_INIT;
	autofree char *script = NULL;

	(void)state;
	assert_true(asprintf(&script, "test -e /proc/self/fd/%d && ! test -e /proc/self/fd/%d",
			     kept, lost) > 0);
	s.argv = ARGV("sh", "-c", script);
	s.keep = &kept;
	s.n_keep = 1;
	assert_int_equal(spawn_run(&s), 0);
}

static void swapped_descriptors_arrive_swapped(void **state)
{
	struct spawn s = SPAWN_INIT;
	autoclose int one = memfd_create("one", MFD_CLOEXEC),
		      two = memfd_create("two", MFD_CLOEXEC);
	autoclose int saved_out = dup(1), saved_err = dup(2);
	char text[8] = "";

	(void)state;
	dup2(one, 1);
	dup2(two, 2);
	s.argv = ARGV("sh", "-c", "printf out; printf err >&2");
	s.fds[1] = 2;
	s.fds[2] = 1;
	int r = spawn_run(&s);
	dup2(saved_out, 1);
	dup2(saved_err, 2);
	assert_int_equal(r, 0);
	assert_int_equal(pread(two, text, sizeof(text), 0), 3);
	assert_string_equal(text, "out");
	assert_int_equal(pread(one, text, sizeof(text), 0), 3);
	assert_string_equal(text, "err");
}

static void a_wait_can_time_out(void **state)
{
	struct spawn s = SPAWN_INIT;
	cleanup(child_done) struct child c = CHILD_INIT;
	int status = -1;

	(void)state;
	s.argv = ARGV("sleep", "1000");
	assert_int_equal(spawn_start(&s, &c), 0);
	assert_int_equal(child_wait(&c, 1, &status), -ETIMEDOUT);
	assert_int_equal(child_kill(&c, SIGTERM), 0);
	assert_int_equal(child_wait(&c, 120000, &status), 0);
	assert_int_equal(status, 128 + SIGTERM);
	assert_int_equal(c.pid, 0);
	assert_int_equal(child_kill(&c, SIGTERM), 0);
}

/* The write end of the pipe is held by grandchild and child: end of file means both are gone. */
static void assert_all_gone(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	assert_int_equal(poll(&p, 1, 120000), 1);
	assert_int_equal(read(fd, &c, 1), 0);
}

static void done_ends_the_whole_group(void **state)
{
	struct spawn s = SPAWN_INIT;
	struct child c = CHILD_INIT;
	int p[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	s.argv = ARGV("sh", "-c", "sleep 1000 & echo; wait");
	s.fds[1] = p[1];
	assert_int_equal(spawn_start(&s, &c), 0);
	close(p[1]);
	assert_int_equal(read(p[0], &byte, 1), 1);
	child_done(&c);
	assert_all_gone(p[0]);
	close(p[0]);
}

static void a_child_dies_with_its_parent(void **state)
{
	struct spawn s = SPAWN_INIT;
	struct child c = CHILD_INIT;
	int p[2], status;
	char byte;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid_t parent = fork();
	if (!parent) {
		s.argv = ARGV("sh", "-c", "echo; exec sleep 1000");
		s.fds[1] = p[1];
		if (!spawn_start(&s, &c))
			pause();
		_exit(1);
	}
	close(p[1]);
	assert_int_equal(read(p[0], &byte, 1), 1);
	kill(parent, SIGKILL);
	waitpid(parent, &status, 0);
	assert_all_gone(p[0]);
	close(p[0]);
}

static void a_guarded_child_takes_its_descendants_along(void **state)
{
	struct spawn s = SPAWN_INIT;
	struct child c = CHILD_INIT;
	int p[2], status;
	char byte;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid_t parent = fork();
	if (!parent) {
		s.argv = ARGV("sh", "-c", "sh -c 'sleep 1000 & echo; wait' & wait");
		s.fds[1] = p[1];
		s.guard = true;
		if (!spawn_start(&s, &c))
			pause();
		_exit(1);
	}
	close(p[1]);
	assert_int_equal(read(p[0], &byte, 1), 1);
	kill(parent, SIGKILL);
	waitpid(parent, &status, 0);
	assert_all_gone(p[0]);
	close(p[0]);
}

static void a_guard_passes_the_end_on(void **state)
{
	struct spawn s = SPAWN_INIT;

	(void)state;
	s.guard = true;
	s.argv = ARGV("sh", "-c", "exit 7");
	assert_int_equal(spawn_run(&s), 7);
	s.argv = ARGV("sh", "-c", "kill -TERM $$");
	assert_int_equal(spawn_run(&s), 128 + SIGTERM);
	s.argv = ARGV("/nowhere/at/all");
	assert_int_equal(spawn_run(&s), -ENOENT);
}

static void vectors_grow(void **state)
{
	char **v = NULL;

	(void)state;
	assert_int_equal(strv_len(NULL), 0);
	assert_int_equal(strv_push(&v, "a"), 0);
	assert_int_equal(strv_pushf(&v, "%d-%s", 7, "b"), 0);
	assert_int_equal(strv_len((const char *const *)v), 2);
	assert_string_equal(v[1], "7-b");
	assert_null(v[2]);
	strv_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_status_come_back),
		cmocka_unit_test(too_much_output_is_refused),
		cmocka_unit_test(a_missing_program_is_enoent),
		cmocka_unit_test(a_missing_folder_is_enoent),
		cmocka_unit_test(a_file_that_is_no_program_is_an_error),
		cmocka_unit_test(a_signal_is_128_and_its_number),
		cmocka_unit_test(words_are_not_seen_by_a_shell),
		cmocka_unit_test(env_words_replace_ours),
		cmocka_unit_test(only_kept_descriptors_are_open),
		cmocka_unit_test(swapped_descriptors_arrive_swapped),
		cmocka_unit_test(a_wait_can_time_out),
		cmocka_unit_test(done_ends_the_whole_group),
		cmocka_unit_test(a_child_dies_with_its_parent),
		cmocka_unit_test(a_guarded_child_takes_its_descendants_along),
		cmocka_unit_test(a_guard_passes_the_end_on),
		cmocka_unit_test(vectors_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
