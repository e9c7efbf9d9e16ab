/* SPDX-License-Identifier: MIT */
/* `warren verify` with real guests, as a user meets it. Environment: WARREN, MAKE_TREE. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "macros.h"
#include "spawn.h"

#define LIMIT_MS 600000

static char dir[] = "/tmp/warren-verify-test-XXXXXX"; /* state folders go there, too */

/* `warren verify` as a child, with what it prints in files. */
struct run {
	struct child child;
	int out, err;
};

static char *path(const char *name)
{
	static char buf[8][200];
	static unsigned next;
	char *p = buf[next++ % ARRAY_SIZE(buf)];

	snprintf(p, sizeof(buf[0]), "%s/%s", dir, name);
	return p;
}

static struct run start_in(const char *env, const char *const *words)
{
	const char *const envs[] = {env, NULL};
	struct spawn s = SPAWN_INIT;
	struct run r = {.child = CHILD_INIT};
	char **argv = NULL;

	r.out = memfd_create("out", MFD_CLOEXEC);
	r.err = memfd_create("err", MFD_CLOEXEC);
	assert_int_equal(strv_push(&argv, getenv("WARREN")), 0);
	assert_int_equal(strv_push(&argv, "verify"), 0);
	assert_int_equal(strv_push(&argv, "--quiet"), 0);
	for (; *words; words++)
		assert_int_equal(strv_push(&argv, *words), 0);
	s.argv = (const char *const *)argv;
	s.env = envs;
	s.fds[1] = r.out;
	s.fds[2] = r.err;
	assert_int_equal(spawn_start(&s, &r.child), 0);
	strv_free(argv);
	return r;
}

#define START(...) start_in(NULL, (const char *const[]){__VA_ARGS__, NULL})

static const char *text_of(int fd)
{
	static char buf[2][65536];
	static unsigned next;
	char *text = buf[next++ % 2];
	ssize_t n = pread(fd, text, sizeof(buf[0]) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

/* Ends with STATUS, having printed OUT and ERR among other things; nothing is left behind. */
static void expect(struct run r, int status, const char *out, const char *err)
{
	int is = -1;

	assert_int_equal(child_wait(&r.child, LIMIT_MS, &is), 0);
	if (is != status || (out && !strstr(text_of(r.out), out)) ||
	    (err && !strstr(text_of(r.err), err)))
		fail_msg("exit %d, not %d with '%s' and '%s':\n%s%s", is, status, out ? out : "",
			 err ? err : "", text_of(r.out), text_of(r.err));
	close(r.out);
	close(r.err);
}

#define EXPECT(status, out, err, ...) expect(START(__VA_ARGS__), status, out, err)

static bool has_entry(const char *folder, const char *start)
{
	autoclosedir DIR *d = opendir(folder);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, start, strlen(start)))
			return true;
	return false;
}

static void nothing_is_left(void)
{
	assert_false(has_entry(dir, "warren-"));
}

static void put(const char *name, const char *text, time_t mtime)
{
	const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
	autoclose int fd = open(path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(futimens(fd, times), 0);
}

static void run_shell(const char *fmt, const char *a)
{
	autofree char *line = NULL;

	assert_true(asprintf(&line, fmt, a, a, a) > 0);
	if (system(line))
		fail_msg("%s", line);
}

/* A folder with a few files: DIR/NAME. */
static char *small_folder(const char *name)
{
	char file[100];

	mkdir(path(name), 0755);
	for (int i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s/f%d", name, i);
		put(file, "twelve bytes", 1000);
	}
	return path(name);
}

static void a_small_folder_is_equal(void **state)
{
	(void)state;
	EXPECT(0, "OK: 3 files, 36 bytes read 5 ways in Linux 6.", NULL, small_folder("small"));
	nothing_is_left();
}

static void every_cache_mode_has_a_verdict(void **state)
{
	static const char *const modes[] = {"none", "readahead", "mmap", "loose"};
	struct run r = START("--cache", "none,readahead,mmap,loose", small_folder("small"));
	int status = -1;

	(void)state;
	assert_int_equal(child_wait(&r.child, LIMIT_MS, &status), 0);
	assert_int_equal(status, 0);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		char cache[32];

		snprintf(cache, sizeof(cache), "cache=%s,", modes[i]);
		assert_non_null(strstr(text_of(r.out), cache));
	}
	close(r.out);
	close(r.err);
}

static void make_tree(const char *name, bool is_small)
{
	autofree char *line = NULL;

	if (!access(path(name), F_OK))
		return;
	assert_true(asprintf(&line, "%s %s %s", getenv("MAKE_TREE"), is_small ? "--small" : "",
			     path(name)) > 0);
	assert_int_equal(system(line), 0);
}

static void a_tree_that_is_hard_to_share_is_equal(void **state)
{
	(void)state;
	make_tree("tree", true);
	EXPECT(0, "OK: ", NULL, "--cache", "none,mmap,loose", path("tree"));
}

static void a_sparse_file_of_5_gib_is_equal(void **state)
{
	(void)state;
	make_tree("huge", false);
	EXPECT(0, "OK: ", NULL, "--ways", "read", path("huge"));
	run_shell("rm -rf %s", path("huge"));
}

static void a_byte_planted_without_a_change_of_time_is_damage(void **state)
{
	char *folder = small_folder("planted");

	(void)state;
	EXPECT(0, "", NULL, "--save-manifest", path("planted.manifest"), folder);
	EXPECT(0, "OK: ", NULL, "--manifest", path("planted.manifest"), folder);
	put("planted/f1", "twelve Bytes", 1000);
	EXPECT(1, "f1: byte 0x7 is HOST-ALTERED", NULL, "--manifest", path("planted.manifest"),
	       folder);
}

static void a_file_that_changed_meanwhile_is_not_damage(void **state)
{
	char *folder = small_folder("changed");

	(void)state;
	EXPECT(0, "", NULL, "--save-manifest", path("changed.manifest"), folder);
	put("changed/f1", "another text", 2000);
	EXPECT(0, "f1: changed on the host while being verified", NULL, "--manifest",
	       path("changed.manifest"), folder);
}

static void what_the_guest_writes_is_on_the_host(void **state)
{
	autofree char *command = NULL;
	char *folder = path("written");

	(void)state;
	make_tree("tree", true);
	mkdir(folder, 0755);
	run_shell("tar cf %s/../tree.tar -C %s/../tree sizes links many holes times", folder);
	assert_true(asprintf(&command, "cp -a /usr/share/doc/bash . && tar xf %s",
			     path("tree.tar")) > 0);
	EXPECT(0, "OK: ", NULL, "--cache", "mmap,loose", "--exec", command, folder);
	run_shell("diff -r /usr/share/doc/bash %s/bash", folder);
	run_shell("diff -r %s/../tree/sizes %s/sizes", folder);
	run_shell("diff -r %s/../tree/many %s/many", folder);
}

static void a_command_that_fails_is_told(void **state)
{
	(void)state;
	EXPECT(4, NULL, "the command ended with exit code 7", "--exec", "exit 7",
	       small_folder("small"));
}

static void the_last_line_of_json_is_the_verdict(void **state)
{
	struct run r = START("--json", small_folder("small"));
	int status = -1;
	char *text, *line, *last = NULL;
	json_t *o = NULL;

	(void)state;
	assert_int_equal(child_wait(&r.child, LIMIT_MS, &status), 0);
	assert_int_equal(status, 0);
	text = strdup(text_of(r.out));
	for (char *at = text; (line = strsep(&at, "\n"));)
		if (*line) {
			json_decref(o);
			o = json_loads(line, 0, NULL);
			assert_non_null(o);
			last = line;
		}
	assert_non_null(last);
	assert_string_equal(json_string_value(json_object_get(o, "type")), "verdict");
	assert_string_equal(json_string_value(json_object_get(o, "status")), "ok");
	assert_int_equal(json_integer_value(json_object_get(o, "exit")), 0);
	json_decref(o);
	free(text);
	close(r.out);
	close(r.err);
}

static void wrong_usage_is_one_line(void **state)
{
	char *folder = small_folder("small");

	(void)state;
	EXPECT(2, "", "which folder?", "--json");
	EXPECT(2, "", "give one folder", "a", "b");
	EXPECT(2, "", "there is no option '--foo'", "--foo", folder);
	EXPECT(2, "", "a value is missing for '--cache'", folder, "--cache");
	EXPECT(2, "", "--cache 'fast'", "--cache", "fast", folder);
	EXPECT(2, "", "--ways 'read:0'", "--ways", "read:0", folder);
	EXPECT(2, "", "--ways 'direct:655'", "--ways", "direct:655", folder);
	EXPECT(2, "", "--msize '1': give a number from 4096 to 1048576", "--msize", "1", folder);
	EXPECT(2, "", "--guest 'vm'", "--guest", "vm", folder);
	EXPECT(2, "", "--server qemu needs --guest qemu", "--server", "qemu", folder);
	EXPECT(2, "", "there is no folder", path("nowhere"));
	EXPECT(2, "", "is not a folder", path("small/f1"));
	EXPECT(2, "", "is no manifest of --save-manifest (line 1)", "--manifest", path("small/f1"),
	       folder);
}

static void what_is_missing_is_named(void **state)
{
	char *folder = small_folder("small");

	(void)state;
	EXPECT(3, "", "there is no UML kernel 'no-such'", "--kernel", "no-such", folder);
	EXPECT(3, "", "there is no QEMU at /nonexistent/qemu", "--guest", "qemu", "--qemu",
	       "/nonexistent/qemu", folder);
	expect(start_in("PATH=/nonexistent",
			(const char *const[]){"--guest", "qemu", folder, NULL}),
	       3, "", "install the package qemu-system-x86");
	expect(start_in("WARREN_PROBE=/nonexistent", (const char *const[]){folder, NULL}), 3, "",
	       "the probe is not at /nonexistent");
	EXPECT(3, "", "cannot read /nonexistent/manifest", "--manifest", "/nonexistent/manifest",
	       folder);
	EXPECT(3, "", "cannot write /nonexistent/manifest", "--save-manifest",
	       "/nonexistent/manifest", folder);
}

/* Watches whatever PATTERN names now; says whether one of the files has bytes. */
static bool watch_and_look(int inotify, const char *pattern)
{
	bool has_bytes = false;
	struct stat st;
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		return false;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		inotify_add_watch(inotify, found.gl_pathv[i], IN_CREATE | IN_MOVED_TO | IN_MODIFY);
		has_bytes = has_bytes || (!stat(found.gl_pathv[i], &st) && S_ISREG(st.st_mode) &&
					  st.st_size > 0);
	}
	globfree(&found);
	return has_bytes;
}

/* The guest has said something in its report: it is up, and the share is in use. */
static void wait_until_under_way(const struct run *r)
{
	autoclose int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd p[] = {{.fd = inotify, .events = POLLIN},
			     {.fd = r->child.pidfd, .events = POLLIN}};
	char events[4096];

	/* First the watch, then the look: what comes in between is an event. */
	for (;;) {
		watch_and_look(inotify, dir);
		watch_and_look(inotify, path("warren-guest-*"));
		if (watch_and_look(inotify, path("warren-guest-*/report")))
			return;
		assert_true(poll(p, ARRAY_SIZE(p), LIMIT_MS) > 0);
		if (p[1].revents)
			fail_msg("it ended before the guest was up: %s", text_of(r->err));
		while (read(inotify, events, sizeof(events)) > 0)
			;
	}
}

/* A child of PID whose command line has WORD; 0 if there is none. */
static pid_t find_child(pid_t pid, const char *word)
{
	char name[64], list[4096] = "";
	autoclose int fd = -1;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, list, sizeof(list) - 1) <= 0)
		return 0;
	for (char *at = list, *one; (one = strsep(&at, " "));) {
		char cmdline[4096] = "";
		autoclose int c = -1;

		snprintf(name, sizeof(name), "/proc/%s/cmdline", one);
		c = *one ? open(name, O_RDONLY | O_CLOEXEC) : -1;
		if (c >= 0 && read(c, cmdline, sizeof(cmdline) - 1) > 0 &&
		    memmem(cmdline, sizeof(cmdline), word, strlen(word)))
			return (pid_t)strtol(one, NULL, 10);
	}
	return 0;
}

static void ctrl_c_leaves_nothing(void **state)
{
	struct run r;

	(void)state;
	make_tree("tree", true);
	r = START(path("tree"));
	wait_until_under_way(&r);
	assert_int_equal(kill(r.child.pid, SIGINT), 0);
	expect(r, 130, "", "interrupted");
	nothing_is_left();
}

static void a_server_that_dies_is_not_damage(void **state)
{
	struct run r;
	pid_t server;

	(void)state;
	make_tree("tree", true);
	r = START(path("tree"));
	wait_until_under_way(&r);
	server = find_child(r.child.pid, "--socket-path");
	assert_true(server > 0);
	assert_int_equal(kill(server, SIGKILL), 0);
	expect(r, 4, "", "the server ");
	nothing_is_left();
}

static void a_guest_that_hangs_is_ended(void **state)
{
	struct run r;
	pid_t server;

	(void)state;
	make_tree("tree", true);
	/* longer than a boot is silent on a busy machine */
	r = START("--timeout", "8", path("tree"));
	wait_until_under_way(&r);
	server = find_child(r.child.pid, "--socket-path");
	assert_true(server > 0);
	/* its supervisor forwards signals, but serves nothing */
	server = MAX(find_child(server, "--socket-path"), server);
	assert_int_equal(kill(server, SIGSTOP), 0);
	expect(r, 4, "", "the guest hangs");
	nothing_is_left();
}

static void a_share_that_vanishes_is_not_equal(void **state)
{
	struct run r;

	(void)state;
	make_tree("vanishing", true);
	r = START(path("vanishing"));
	wait_until_under_way(&r);
	/* At once: on a busy machine the guest may be done before a program is there to do it. */
	assert_int_equal(rename(path("vanishing"), path("vanishing.gone")), 0);
	expect(r, 4, NULL, "vanished while it was being verified");
	nothing_is_left();
}

static void qemu_with_warren_by_tcp_is_equal(void **state)
{
	(void)state;
	make_tree("tree", true);
	EXPECT(0, "OK: ", NULL, "--guest", "qemu", "--share", "tcp", "--ways", "read,mmap",
	       path("tree"));
	nothing_is_left();
}

static void qemu_with_its_own_server_is_equal(void **state)
{
	(void)state;
	EXPECT(0, "OK: ", NULL, "--guest", "qemu", "--server", "qemu", "--cache", "none,mmap,loose",
	       small_folder("small"));
	nothing_is_left();
}

static void linux_6_1_is_equal_and_does_not_know_readahead(void **state)
{
	(void)state;
	EXPECT(3, "OK: ", "it may not know cache=readahead", "--guest", "qemu", "--kernel", "6.1",
	       "--cache", "mmap,readahead", small_folder("small"));
}

static void qemu_with_warren_by_vhost_user_is_equal(void **state)
{
	(void)state;
	make_tree("tree", true);
	EXPECT(0, "OK: ", NULL, "--guest", "qemu", "--qemu", "trixie", "--share", "vhost", "--ways",
	       "read,mmap,direct", path("tree"));
	nothing_is_left();
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	/* State folders are made where we can see them. */
	setenv("TMPDIR", dir, 1);
	setenv("XDG_STATE_HOME", path("state"), 1);
	unsetenv("XDG_RUNTIME_DIR");
	return getenv("WARREN") && getenv("MAKE_TREE") ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	run_shell("chmod -R u+rwx %s 2>/dev/null; rm -rf %s", dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_usage_is_one_line),
		cmocka_unit_test(a_small_folder_is_equal),
		cmocka_unit_test(every_cache_mode_has_a_verdict),
		cmocka_unit_test(the_last_line_of_json_is_the_verdict),
		cmocka_unit_test(a_byte_planted_without_a_change_of_time_is_damage),
		cmocka_unit_test(a_file_that_changed_meanwhile_is_not_damage),
		cmocka_unit_test(a_command_that_fails_is_told),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(ctrl_c_leaves_nothing),
		cmocka_unit_test(a_server_that_dies_is_not_damage),
		cmocka_unit_test(a_guest_that_hangs_is_ended),
		cmocka_unit_test(a_share_that_vanishes_is_not_equal),
		cmocka_unit_test(what_the_guest_writes_is_on_the_host),
		cmocka_unit_test(a_tree_that_is_hard_to_share_is_equal),
		cmocka_unit_test(a_sparse_file_of_5_gib_is_equal),
		cmocka_unit_test(qemu_with_its_own_server_is_equal),
		cmocka_unit_test(qemu_with_warren_by_tcp_is_equal),
		cmocka_unit_test(linux_6_1_is_equal_and_does_not_know_readahead),
		cmocka_unit_test(qemu_with_warren_by_vhost_user_is_equal),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
