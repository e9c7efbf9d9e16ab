/* SPDX-License-Identifier: MIT */
/* `warren lab watch` and `warren lab gdb` on User Mode Linux, as a user meets them. Environment:
 * WARREN. The file of 12943 bytes and the server's iounit of 0x3000 are those of the bug that the kernel
 * 6.12-uml-debug-without-folioq-offset has. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmocka-all.h"
#include "guest-list.h"
#include "macros.h"
#include "read-record.h"
#include "slurp.h"
#include "spawn.h"

#define BUG "6.12-uml-debug-without-folioq-offset"
#define FIXED "6.12-uml-debug"
#define LIMIT_MS 600000 /* a kernel may have to be built */

static char dir[] = "/tmp/warren-watch-test-XXXXXX"; /* state folders go there, too */

struct run {
	struct child child;
	int out, err;
};

static const char *text_of(int fd)
{
	static char buf[2][65536];
	static unsigned next;
	char *text = buf[next++ % 2];
	ssize_t n = pread(fd, text, sizeof(buf[0]) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static struct run start(int in, const char *env, const char *const *words)
{
	const char *const envs[] = {env, NULL};
	struct run r = {CHILD_INIT, memfd_create("out", MFD_CLOEXEC),
			memfd_create("err", MFD_CLOEXEC)};
	struct spawn s = SPAWN_INIT;
	char **argv = NULL;

	assert_int_equal(strv_push(&argv, getenv("WARREN")), 0);
	assert_int_equal(strv_push(&argv, "lab"), 0);
	for (; *words; words++)
		assert_int_equal(strv_push(&argv, *words), 0);
	s.argv = (const char *const *)argv;
	s.env = envs;
	s.fds[0] = in;
	s.fds[1] = r.out;
	s.fds[2] = r.err;
	assert_int_equal(spawn_start(&s, &r.child), 0);
	strv_free(argv);
	return r;
}

/* Ends with STATUS; OUT is the start of what it printed, ERR is in its errors. */
static void expect(struct run r, int status, const char *out, const char *err)
{
	int is = -1;

	assert_int_equal(child_wait(&r.child, LIMIT_MS, &is), 0);
	if (is != status || (out && strncmp(text_of(r.out), out, strlen(out)) != 0) ||
	    (err && !strstr(text_of(r.err), err)))
		fail_msg("exit %d, not %d with '%s' and '%s':\n%s%s", is, status, out ? out : "",
			 err ? err : "", text_of(r.out), text_of(r.err));
}

static void close_run(struct run *r)
{
	close(r->out);
	close(r->err);
}

#define EXPECT_IN(env, status, out, err, ...)                                      \
	do {                                                                       \
		struct run run_ = start(SPAWN_NULL, env,                           \
					(const char *const[]){__VA_ARGS__, NULL}); \
		expect(run_, status, out, err);                                    \
		close_run(&run_);                                                  \
	} while (0)
#define EXPECT(status, out, err, ...) EXPECT_IN(NULL, status, out, err, __VA_ARGS__)

static bool has_entry(const char *start_of_name)
{
	autoclosedir DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, start_of_name, strlen(start_of_name)))
			return true;
	return false;
}

static char *path(const char *name)
{
	static char buf[4][200];
	static unsigned next;
	char *p = buf[next++ % ARRAY_SIZE(buf)];

	snprintf(p, sizeof(buf[0]), "%s/%s", dir, name);
	return p;
}

static int set_up(void **state)
{
	unsigned char bytes[12943];

	(void)state;
	if (!mkdtemp(dir) || mkdir(path("share"), 0755))
		return -1;
	setenv("TMPDIR", dir, 1);
	unsetenv("XDG_RUNTIME_DIR");
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 % 255 + 1);
	autoclose int fd = open(path("share/default.json"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path("share/default.json"));
	unlink(path("reads"));
	unlink(path("gdb"));
	rmdir(path("share"));
	return rmdir(dir);
}

/* The article's read, as it is recorded. */
static void watch_default_json(const char *kernel, int status, const char *out,
			       struct read_record **ret_list)
{
	autofree char *text = NULL;
	size_t n = 0, n_list = 0, line = 0;

	EXPECT(status, out, NULL, "watch", "--kernel", kernel, "--iounit", "12288", "--save",
	       path("reads"), "--share-dir", path("share"), "--", "cat", "default.json");
	assert_int_equal(slurp(path("reads"), 1 << 20, &text, &n), 0);
	assert_int_equal(read_records_parse(text, n, ret_list, &n_list, &line), 0);
	assert_int_equal(n_list, 2);
	assert_false(has_entry("warren-"));
}

static void check_first(const struct read_record *r)
{
	assert_string_equal(r->file, "default.json");
	assert_string_equal(r->iter_type, "ITER_FOLIOQ");
	assert_true(r->zc);
	assert_int_equal(r->offset, 0);
	assert_int_equal(r->count, 0x3000);
	assert_int_equal(r->iounit, 0x3000);
	assert_int_equal(r->before.slot, 0);
	assert_int_equal(r->before.iov_offset, 0);
	assert_int_equal(r->before.count, 12943);
	assert_int_equal(r->after.slot, 2);
	assert_true(iter_place_is_parked(&r->after));
	assert_int_equal(r->n_queue, 4);
	assert_false(r->broken);
}

static void the_read_that_lost_bytes_is_marked(void **state)
{
	struct read_record *r;

	(void)state;
	watch_default_json(BUG, 1,
			   "BROKEN: 1 of 2 reads copied 655 bytes behind their folio: "
			   "default.json, offset 0x3000\n",
			   &r);
	check_first(&r[0]);
	assert_true(r[1].broken);
	assert_false(r[1].zc);
	assert_int_equal(r[1].offset, 0x3000);
	assert_int_equal(r[1].count, 655);
	assert_true(iter_place_is_parked(&r[1].before));
	assert_int_equal(r[1].after.slot, 3);
	assert_int_equal(r[1].after.iov_offset, 0);
	assert_non_null(r[1].landed);
	assert_true(r[1].has_physical && r[1].physical % 4096 == 0);
	read_records_free(r, 2);
}

static void the_fixed_kernel_has_no_mark(void **state)
{
	struct read_record *r;

	(void)state;
	watch_default_json(FIXED, 0, "OK: 2 reads, 12943 bytes, each in its folio\n", &r);
	check_first(&r[0]);
	assert_false(r[1].broken || r[1].zc);
	assert_int_equal(r[1].offset, 0x3000);
	/* It begins at the same place, and goes on to the next folio. */
	assert_true(iter_place_is_parked(&r[1].before));
	assert_int_equal(r[1].after.slot, 3);
	assert_int_equal(r[1].after.iov_offset, 655);
	read_records_free(r, 2);
}

static void what_cannot_be_watched_says_why(void **state)
{
	autofree char *bin = NULL;

	(void)state;
	assert_true(asprintf(&bin, "PATH=%s:%s", dir, getenv("PATH")) > 0);
	EXPECT(3, NULL, "no debug information: take another, as 6.12-uml-debug", "watch",
	       "--kernel", "6.12-uml", "--", "true");
	EXPECT(3, NULL, "the guest has no program 'no-such-program'", "watch", "--",
	       "no-such-program");
	EXPECT(0, "OK: the 9P client read nothing\n", NULL, "watch", "--share-dir", path("share"),
	       "--", "true");
	/* A gdb that leaves at once: the guest would stand still for ever. */
	autoclose int fd = open(path("gdb"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	dprintf(fd, "#!/bin/sh\necho 42\n");
	close(steal_fd(&fd));
	EXPECT_IN(bin, 4, NULL, "gdb left the guest before its end: 42", "watch", "--", "true");
	unlink(path("gdb"));
	assert_false(has_entry("warren-"));
}

/* Until TEXT is there. */
static void wait_for_text(struct run *r, int fd, const char *text)
{
	int is = 0;

	while (!strstr(text_of(fd), text))
		if (child_wait(&r->child, 20, &is) != -ETIMEDOUT)
			fail_msg("it ended with %d:\n%s%s", is, text_of(r->out), text_of(r->err));
}

static void an_interrupt_leaves_nothing(void **state)
{
	struct run r = start(SPAWN_NULL, NULL,
			     (const char *const[]){"watch", "--output", "--", "sh", "-c",
						   "echo here; sleep 1000", NULL});

	(void)state;
	wait_for_text(&r, r.err, "here");
	kill(r.child.pid, SIGINT);
	expect(r, 130, NULL, NULL);
	close_run(&r);
	assert_false(has_entry("warren-"));
}

static bool has(const struct run *r, const char *text)
{
	return strstr(text_of(r->out), text);
}

/* Its own guest: stopped before it boots, stopped at the copy, gone at the end. */
static void gdb_stops_where_bytes_go_astray(void **state)
{
	struct run r = start(SPAWN_NULL, NULL,
			     (const char *const[]){"gdb",
						   "--kernel",
						   BUG,
						   "--iounit",
						   "12288",
						   "--share-dir",
						   path("share"),
						   "--exec",
						   "cat default.json",
						   "--",
						   "-batch",
						   "-ex",
						   "break _copy_to_iter if $w9_parked(i)",
						   "-ex",
						   "continue",
						   "-ex",
						   "w9-iter",
						   "-ex",
						   "w9-folioq",
						   "-ex",
						   "w9-fids",
						   "-ex",
						   "print *i",
						   "-ex",
						   "up 2",
						   "-ex",
						   "print fid->qid",
						   NULL});

	(void)state;
	expect(r, 0, NULL, NULL);
	assert_true(has(&r, "i of _copy_to_iter, iov_iter 0x"));
	assert_true(has(&r, "ITER_FOLIOQ destination, count 0x28f, slot 2 of 4, iov_offset "
			    "0x1000, folio size 0x1000: at the end of this folio"));
	assert_true(has(&r, "4 of 31 slots, the last segment"));
	assert_true(has(&r, "  <- iov_offset 0x1000"));
	assert_true(has(&r, "$1 = {ITER_FOLIOQ"));
	assert_true(has(&r, "$2 = {file path=0x"));
	assert_true(has(&r, "iounit 0x3000  references 2  default.json"));
	close_run(&r);
	assert_false(has_entry("warren-"));
}

static pid_t find_guest(void)
{
	struct guest_info *list = NULL;
	size_t n = 0;
	pid_t pid;

	assert_int_equal(guest_list(&list, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (!strncmp(list[i].dir, dir, strlen(dir))) {
			pid = list[i].pid;
			guest_list_free(list, n);
			return pid;
		}
	fail_msg("the guest is not in the list of %zu", n);
	return 0;
}

/* Somebody else's guest goes on when gdb has left. */
static void a_running_guest_is_attached_to(void **state)
{
	int in[2];
	char pid[16];

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	struct run guest = start(in[0], NULL,
				 (const char *const[]){"run", "--kernel", FIXED, "--share-dir",
						       path("share"), "--", "sh", "-c",
						       "echo here; cat; cat default.json | wc -c",
						       NULL});
	wait_for_text(&guest, guest.out, "here");
	snprintf(pid, sizeof(pid), "%d", (int)find_guest());
	struct run r = start(SPAWN_NULL, NULL,
			     (const char *const[]){"gdb", pid, "--", "-batch", "-ex", "w9-iter",
						   "-ex", "w9-fids", NULL});
	expect(r, 0, NULL, NULL);
	assert_true(has(&r, "transport virtio"));
	assert_true(has(&r, "fid 0  dir path=0x"));
	close_run(&r);
	close(in[0]);
	close(in[1]);
	expect(guest, 0, "here\n12943\n", NULL);
	close_run(&guest);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_read_that_lost_bytes_is_marked),
		cmocka_unit_test(the_fixed_kernel_has_no_mark),
		cmocka_unit_test(what_cannot_be_watched_says_why),
		cmocka_unit_test(an_interrupt_leaves_nothing),
		cmocka_unit_test(gdb_stops_where_bytes_go_astray),
		cmocka_unit_test(a_running_guest_is_attached_to),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
