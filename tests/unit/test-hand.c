/* SPDX-License-Identifier: MIT */
/* The probe's hand, on a folder of this host: what each step answers, and what becomes of one that never
 * ends. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka-all.h"
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

static char dir[] = "/tmp/test-hand-XXXXXX";

struct rig {
	struct probe p;
	char *report;
	size_t n;
};

static void start(struct rig *r, unsigned limit_s)
{
	*r = (struct rig){.p = {.share = dir}};
	r->p.report = open_memstream(&r->report, &r->n);
	assert_int_equal(probe_hand(&r->p, limit_s), 0);
}

static void stop(struct rig *r)
{
	assert_int_equal(probe_hand(&r->p, 0), 0);
	fclose(r->p.report);
	free(r->report);
}

/* Does STEP; what was seen stands in the report, behind what the guest says while it waits. */
static void expect(struct rig *r, const char *step, const char *seen)
{
	struct statement s;
	char line[100], wanted[200];
	const char *at;

	snprintf(line, sizeof(line), "step 5 %s", step);
	assert_int_equal(statement_parse(line, &s), 0);
	rewind(r->p.report);
	assert_int_equal(probe_step(&r->p, s.n - 1, s.words + 1), 0);
	fflush(r->p.report);
	snprintf(wanted, sizeof(wanted), "saw 5 %s\n", seen);
	at = r->report + strspn(r->report, "\n");
	if (strncmp(at, wanted, strlen(wanted)) != 0)
		print_message("%s: %s", step, at);
	assert_memory_equal(at, wanted, strlen(wanted));
	statement_done(&s);
}

static void files_are_read_and_written(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 60);
	expect(&r, "stat a", "error ENOENT");
	expect(&r, "open 1 a c", "ok");
	expect(&r, "write 1 61:1000 0", "ok");
	expect(&r, "write 1 62:10 2000", "ok");
	expect(&r, "read 1 0 5000", "data 61:1000 00:1000 62:10");
	expect(&r, "read 1 2010 5000", "data");
	expect(&r, "fstat 1", "size 2010");
	expect(&r, "open 2 a a", "ok");
	expect(&r, "append 2 63:5", "ok");
	expect(&r, "fsync 2", "ok");
	expect(&r, "stat a", "size 2015");
	expect(&r, "ftruncate 1 3", "ok");
	expect(&r, "rename a b", "ok");
	expect(&r, "close 1", "ok");
	expect(&r, "close 1", "error EBADF");
	expect(&r, "unlink b", "ok");
	expect(&r, "fstat 2", "size 3");
	expect(&r, "open 9 a r", "error EBUSY");
	expect(&r, "open 3 a x", "error EINVAL");
	expect(&r, "dance", "error ENOSYS");
	stop(&r);
}

static void files_are_mapped(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 60);
	expect(&r, "open 1 m c", "ok");
	expect(&r, "write 1 61:100 0", "ok");
	expect(&r, "peek 1 0 10", "error EFAULT");
	expect(&r, "map 1 9000 rw", "ok");
	expect(&r, "poke 1 62:5 10", "ok");
	expect(&r, "msync 1", "ok");
	expect(&r, "peek 1 0 100", "data 61:10 62:5 61:85");
	expect(&r, "peek 1 5000 10", "error SIGBUS");
	expect(&r, "poke 1 62:5 5000", "error SIGBUS");
	expect(&r, "peek 1 8999 2", "error EFAULT");
	expect(&r, "close 1", "ok");
	stop(&r);
}

static void a_step_that_never_ends_is_left_behind(void **state)
{
	char path[64];
	struct rig r;

	(void)state;
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	start(&r, 1);
	expect(&r, "open 1 fifo r", "stuck gone");
	/* and the next is a fresh one */
	assert_int_equal(probe_hand(&r.p, 60), 0);
	expect(&r, "open 1 a c", "ok");
	stop(&r);
}

static void the_end_of_the_hand_is_an_answer(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 60);
	kill(r.p.hand, SIGKILL);
	expect(&r, "stat a", "died");
	stop(&r);
}

static void a_file_of_many_runs_is_told_in_part(void **state)
{
	char path[64], bytes[1000];
	struct rig r;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/runs", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)('a' + i % 2);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	close(fd);
	start(&r, 60);
	expect(&r, "open 1 runs r", "ok");
	expect(&r, "read 1 0 4", "data 61:1 62:1 61:1 62:1");
	rewind(r.p.report);
	assert_int_equal(probe_step(&r.p, 5, (char *[]){"5", "read", "1", "0", "1000"}), 0);
	fflush(r.p.report);
	assert_non_null(strstr(r.report, " 62:1 +\n"));
	stop(&r);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_and_written),
		cmocka_unit_test(files_are_mapped),
		cmocka_unit_test(a_step_that_never_ends_is_left_behind),
		cmocka_unit_test(the_end_of_the_hand_is_an_answer),
		cmocka_unit_test(a_file_of_many_runs_is_told_in_part),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
