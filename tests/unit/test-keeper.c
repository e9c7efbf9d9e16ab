/* SPDX-License-Identifier: MIT */
/* The keeper and the state folder: what is left after every kind of end is nothing. */
#include "cmocka-all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "keeper.h"
#include "state-folder.h"

/* A shell that starts two more processes, one of them in a session of its own, writes their ids
 * and its own ("PID PID PID.") to its standard output and waits. */
#define FAMILY                                                                  \
	"sleep 1000 & a=$!; setsid sh -c 'sleep 1001 & echo $!; wait' & b=$!; " \
	"echo $$ $a $b; wait"

static char base[] = "/tmp/test-keeper-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(base) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(base);
}

static int start(const char *script, int out, bool own_pids, struct state_folder *f,
		 struct child *ret_c)
{
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	struct keeper_plan p = {
		.argv = argv,
		.env = (const char *const *)environ,
		.log = out,
		.own_pids = own_pids,
		.folders = {f ? f->path : NULL},
		.locks = {f ? f->lock : -1, -1, -1},
	};

	return keeper_start(&p, ret_c);
}

/* Every process of the family has the write end of the pipe: its end is the end of all. */
static bool ends_within(int in, int ms)
{
	struct pollfd p = {.fd = in, .events = POLLIN};
	char buf[256];

	while (poll(&p, 1, ms) > 0)
		if (read(in, buf, sizeof(buf)) <= 0)
			return true;
	return false;
}

static void wait_for_family(int in)
{
	char buf[256];
	int lines = 0;

	while (lines < 2) {
		ssize_t n = read(in, buf, sizeof(buf));

		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			lines += buf[i] == '\n';
	}
}

static int count_entries(const char *dir)
{
	autoclosedir DIR *d = opendir(dir);
	int n = 0;

	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	return n;
}

static void the_exit_code_comes_through(bool own_pids)
{
	struct child c = CHILD_INIT;
	int status = 0;

	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(start("exit 7", null, own_pids, NULL, &c), 0);
	assert_int_equal(child_wait(&c, 120000, &status), 0);
	assert_int_equal(status, 7);
	assert_int_equal(start("kill -9 $$", null, own_pids, NULL, &c), 0);
	assert_int_equal(child_wait(&c, 120000, &status), 0);
	assert_int_equal(status, 128 + SIGKILL);
	keeper_end(&c);
	close(null);
}

static bool is_stopped(pid_t pid)
{
	char path[64], text[512] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && strstr(text, ") T ");
}

/* It is the program already, not the fork that will be: its name tells. */
static void a_stopped_program_waits_for_a_debugger(bool own_pids)
{
	const char *argv[] = {"/bin/cat", "/dev/null", NULL};
	struct keeper_plan p = {.argv = argv,
				.env = (const char *const *)environ,
				.log = open("/dev/null", O_WRONLY | O_CLOEXEC),
				.own_pids = own_pids,
				.stopped = true,
				.locks = {-1, -1, -1}};
	struct child c = CHILD_INIT;
	char path[64], exe[256] = "";
	int status = -1;

	assert_int_equal(keeper_start(&p, &c), 0);
	assert_true(is_stopped(keeper_program(&c)));
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)keeper_program(&c));
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, exe, sizeof(exe) - 1) > 0);
	assert_string_equal(exe, "cat\n");
	assert_int_equal(child_wait(&c, 50, &status), -ETIMEDOUT);
	kill(keeper_program(&c), SIGCONT);
	assert_int_equal(child_wait(&c, 120000, &status), 0);
	assert_int_equal(status, 0);
	keeper_end(&c);
	/* One that nobody lets run ends with the keeper. */
	assert_int_equal(keeper_start(&p, &c), 0);
	keeper_end(&c);
	argv[0] = "/nonexistent/program";
	assert_int_equal(keeper_start(&p, &c), -ENOENT);
	close(p.log);
}

static void the_whole_family_ends(bool own_pids, const char *script)
{
	struct child c = CHILD_INIT;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(start(script, fds[1], own_pids, NULL, &c), 0);
	close(fds[1]);
	wait_for_family(fds[0]);
	keeper_end(&c);
	assert_true(ends_within(fds[0], 120000));
	close(fds[0]);
}

/* A process of its own that starts the family; killed when its standard output says "ready". */
_Noreturn static void be_owner(bool own_pids, int out)
{
	struct state_folder f = STATE_FOLDER_INIT;
	struct child c = CHILD_INIT;

	if (state_folder_make(base, &f) || start(FAMILY, out, own_pids, &f, &c))
		_exit(1);
	for (;;)
		pause();
}

static void nothing_is_left_of_a_killed_owner(bool own_pids)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t owner = fork();
	if (!owner)
		be_owner(own_pids, fds[1]);
	close(fds[1]);
	wait_for_family(fds[0]);
	assert_int_equal(count_entries(base), 1);
	kill(owner, SIGKILL);
	waitpid(owner, NULL, 0);
	/* The keeper does not hold the pipe; it removes the folder last. */
	assert_true(ends_within(fds[0], 120000));
	close(fds[0]);
	for (int i = 0; i < 12000 && count_entries(base); i++)
		poll(NULL, 0, 10);
	assert_int_equal(count_entries(base), 0);
}

static void exit_codes_come_through(void **state)
{
	(void)state;
	the_exit_code_comes_through(false);
	the_exit_code_comes_through(true);
}

static void children_end_with_the_program(void **state)
{
	(void)state;
	the_whole_family_ends(false, FAMILY);
	the_whole_family_ends(true, FAMILY);
}

static void children_end_when_the_program_has_ended(void **state)
{
	(void)state;
	the_whole_family_ends(false, "(sleep 1000; true) & echo; echo; exit 3");
	the_whole_family_ends(true, "(sleep 1000; true) & echo; echo; exit 3");
}

static void a_killed_owner_leaves_nothing(void **state)
{
	(void)state;
	nothing_is_left_of_a_killed_owner(false);
	nothing_is_left_of_a_killed_owner(true);
}

static void a_killed_keeper_takes_the_program_along(void **state)
{
	struct child c = CHILD_INIT;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(start("echo; echo; exec sleep 1000", fds[1], true, NULL, &c), 0);
	close(fds[1]);
	wait_for_family(fds[0]);
	kill(c.pid, SIGKILL);
	assert_true(ends_within(fds[0], 120000));
	child_done(&c);
	close(fds[0]);
}

static void a_program_that_is_not_there_is_an_error(void **state)
{
	const char *argv[] = {"/nonexistent/program", NULL};
	struct keeper_plan p = {
		.argv = argv, .env = (const char *const *)environ, .locks = {-1, -1, -1}};
	struct child c = CHILD_INIT;

	(void)state;
	p.log = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(keeper_start(&p, &c), -ENOENT);
	p.own_pids = true;
	assert_int_equal(keeper_start(&p, &c), -ENOENT);
	p.cpu = 5000;
	assert_int_equal(keeper_start(&p, &c), -EINVAL);
	close(p.log);
}

/* Where there are no mount namespaces it writes to all folders, and that is known. */
static void a_program_writes_to_its_own_folders_only(void **state)
{
	static const char script[] =
		"mount -o remount,bind,rw / 2>/dev/null;"
		"touch \"$1/in\" || exit 1;"
		"touch \"$2/out\" 2>/dev/null && echo out || echo in; sleep 1000";
	struct state_folder f = STATE_FOLDER_INIT;
	struct child c = CHILD_INIT;
	char word[8] = "";
	int fds[2];

	(void)state;
	assert_int_equal(state_folder_make(base, &f), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	const char *argv[] = {"/bin/sh", "-c", script, "sh", f.path, base, NULL};
	struct keeper_plan p = {
		.argv = argv,
		.env = (const char *const *)environ,
		.log = fds[1],
		.own_pids = true,
		.read_only = true,
		.folders = {f.path},
		.locks = {f.lock, -1, -1},
	};
	assert_int_equal(keeper_start(&p, &c), 0);
	close(fds[1]);
	assert_true(read(fds[0], word, sizeof(word) - 1) > 0);
	assert_string_equal(word, keeper_has_own_mounts(&c) ? "in\n" : "out\n");
	assert_int_equal(count_entries(f.path), 1);
	keeper_end(&c);
	close(fds[0]);
	state_folder_done(&f);
	if (!strcmp(word, "in\n"))
		assert_int_equal(count_entries(base), 0);
}

static void a_program_can_be_stopped_at_its_start(void **state)
{
	(void)state;
	a_stopped_program_waits_for_a_debugger(false);
	a_stopped_program_waits_for_a_debugger(true);
}

static void abandoned_folders_are_swept_and_used_ones_are_not(void **state)
{
	struct state_folder f = STATE_FOLDER_INIT, g = STATE_FOLDER_INIT;
	autofree char *old = NULL, *file = NULL;
	struct stat st;

	(void)state;
	assert_true(asprintf(&old, "%s/warren-guest-abcdef", base) > 0);
	assert_true(asprintf(&file, "%s/file", old) > 0);
	assert_int_equal(mkdir(old, 0700), 0);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(state_folder_make(base, &f), 0);
	state_folder_sweep(base);
	assert_int_equal(stat(old, &st), -1);
	assert_int_equal(stat(f.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(state_folder_make(base, &g), 0);
	assert_int_equal(count_entries(base), 2);
	state_folder_done(&f);
	state_folder_done(&g);
	assert_int_equal(count_entries(base), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes_come_through),
		cmocka_unit_test(children_end_with_the_program),
		cmocka_unit_test(children_end_when_the_program_has_ended),
		cmocka_unit_test(a_killed_owner_leaves_nothing),
		cmocka_unit_test(a_killed_keeper_takes_the_program_along),
		cmocka_unit_test(a_program_that_is_not_there_is_an_error),
		cmocka_unit_test(a_program_can_be_stopped_at_its_start),
		cmocka_unit_test(a_program_writes_to_its_own_folders_only),
		cmocka_unit_test(abandoned_folders_are_swept_and_used_ones_are_not),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
