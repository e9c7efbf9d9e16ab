/* SPDX-License-Identifier: MIT */
/* `warren lab run` with real guests, as a user meets it. Environment: WARREN. */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "kernel.h"
#include "macros.h"
#include "slurp.h"
#include "spawn.h"

#define LIMIT_MS 300000

static char dir[] =
	"/tmp/warren-run-test-XXXXXX"; /* state folders and what is kept go there, too */
static char share[64];

/* What came out of one run. */
struct outcome {
	int status;
	char *out, *err;
	size_t n_out;
};

static char *read_all(int fd, size_t *ret_n)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = malloc((size_t)size + 1);

	assert_int_equal(pread(fd, text, (size_t)size, 0), size);
	text[size] = '\0';
	*ret_n = (size_t)size;
	close(fd);
	return text;
}

static struct outcome run_with(int input, const char *const *words)
{
	struct spawn s = SPAWN_INIT;
	struct child c = CHILD_INIT;
	struct outcome o = {.status = -1};
	char **argv = NULL;
	size_t n;

	s.fds[0] = input;
	s.fds[1] = memfd_create("out", MFD_CLOEXEC);
	s.fds[2] = memfd_create("err", MFD_CLOEXEC);
	assert_int_equal(strv_push(&argv, getenv("WARREN")), 0);
	assert_int_equal(strv_push(&argv, "lab"), 0);
	assert_int_equal(strv_push(&argv, "run"), 0);
	assert_int_equal(strv_pushf(&argv, "--share-dir=%s", share), 0);
	for (; *words; words++)
		assert_int_equal(strv_push(&argv, *words), 0);
	s.argv = (const char *const *)argv;
	assert_int_equal(spawn_start(&s, &c), 0);
	assert_int_equal(child_wait(&c, LIMIT_MS, &o.status), 0);
	strv_free(argv);
	o.out = read_all(s.fds[1], &o.n_out);
	o.err = read_all(s.fds[2], &n);
	return o;
}

static void outcome_done(struct outcome *o)
{
	free(o->out);
	free(o->err);
}

/* Ends with STATUS, OUT exactly on standard output, ERR among other things on standard error. */
static void expect(int status, const char *out, const char *err, const char *const *words)
{
	struct outcome o = run_with(SPAWN_NULL, words);

	if (o.status != status || (out && strcmp(o.out, out) != 0) || (err && !strstr(o.err, err)))
		fail_msg("exit %d, not %d with '%s' and '%s':\n%s%s", o.status, status,
			 out ? out : "", err ? err : "", o.out, o.err);
	outcome_done(&o);
}

#define EXPECT(status, out, err, ...) \
	expect(status, out, err, (const char *const[]){__VA_ARGS__, NULL})

/* Nothing of a guest. */
static void nothing_is_left(void)
{
	autoclosedir DIR *d = opendir(dir);

	for (struct dirent *e; d && (e = readdir(d));)
		assert_true(strncmp(e->d_name, "warren-", 7) != 0);
}

/* The file NAME of the one folder that was kept, which is then removed. */
static char *take_kept(const char *name)
{
	char pattern[128], *text = NULL;
	autofree char *command = NULL;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/warren-run-*/%s", dir, name);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_int_equal(found.gl_pathc, 1);
	assert_int_equal(slurp(found.gl_pathv[0], 64U << 20, &text, NULL), 0);
	globfree(&found);
	assert_true(asprintf(&command, "rm -r %s/warren-run-*", dir) > 0);
	assert_int_equal(system(command), 0);
	return text;
}

static void need_kernel(const char *name)
{
	struct kernel *k = NULL;

	if (kernel_find(name, &k))
		skip();
	kernel_free(k);
}

static void exit_code_output_and_errors_come_through(void **state)
{
	(void)state;
	EXPECT(0, "hello\n", NULL, "--", "cat", "hello");
	EXPECT(7, "out\n", "err\nwarren: sh ended with exit code 7 in the guest\n", "--", "sh",
	       "-c", "echo out; echo err >&2; exit 7");
	/* The options of the command are its own. */
	EXPECT(0, "a  b\n", NULL, "printf", "%s  %s\n", "a", "b");
	nothing_is_left();
}

static void standard_error_is_not_mixed_with_output(void **state)
{
	struct outcome o = run_with(
		SPAWN_NULL, (const char *const[]){"--quiet", "--", "sh", "-c",
						  "echo one; echo two >&2; echo three", NULL});

	(void)state;
	assert_string_equal(o.out, "one\nthree\n");
	assert_string_equal(o.err, "two\n");
	outcome_done(&o);
}

static void a_signal_is_128_and_its_number(void **state)
{
	(void)state;
	EXPECT(128 + SIGKILL, "", NULL, "--", "sh", "-c", "kill -9 $$");
	EXPECT(128 + SIGSEGV, "", NULL, "--", "sh", "-c", "kill -SEGV $$");
}

static void a_program_that_there_is_not_is_127(void **state)
{
	(void)state;
	EXPECT(127, "", "warren: error: cannot run no-such-program in the guest", "--",
	       "no-such-program");
	EXPECT(126, "", "warren: error: cannot run ./hello in the guest", "--", "./hello");
	EXPECT(127, "", "warren: sh ended with exit code 127", "--", "sh", "-c", "no-such-program");
}

static void every_byte_comes_through(void **state)
{
	unsigned char bytes[65536];
	autofree char *path = NULL;
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i ^ i >> 8);
	assert_true(asprintf(&path, "%s/bytes", share) > 0);
	autoclose int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));

	o = run_with(SPAWN_NULL, (const char *const[]){"--", "cat", "bytes", NULL});
	assert_int_equal(o.status, 0);
	assert_int_equal(o.n_out, sizeof(bytes));
	assert_memory_equal(o.out, bytes, sizeof(bytes));
	outcome_done(&o);

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	o = run_with(fd, (const char *const[]){"--", "cat", NULL});
	assert_int_equal(o.status, 0);
	assert_int_equal(o.n_out, sizeof(bytes));
	assert_memory_equal(o.out, bytes, sizeof(bytes));
	outcome_done(&o);
}

static void what_the_command_writes_is_on_the_host(void **state)
{
	autofree char *path = NULL, *text = NULL;

	(void)state;
	EXPECT(0, "", NULL, "--cache", "loose", "--", "sh", "-c", "echo from the guest > written");
	assert_true(asprintf(&path, "%s/written", share) > 0);
	assert_int_equal(slurp(path, 1000, &text, NULL), 0);
	assert_string_equal(text, "from the guest\n");
}

/* The folder is one of the host's that is seen in the guest by hostfs. */
static void only_the_share_can_be_changed(void **state)
{
	char path[] = "/tmp/warren-test-root-XXXXXX";
	autofree char *file = NULL;

	(void)state;
	assert_non_null(mkdtemp(path));
	assert_true(asprintf(&file, "%s/file", path) > 0);
	EXPECT(1, "", "Read-only file system", "--", "touch", file);
	assert_int_equal(access(file, F_OK), -1);
	EXPECT(0, "", NULL, "--writable-root", "--", "touch", file);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(path), 0);
}

static void a_command_that_takes_too_long_is_ended(void **state)
{
	(void)state;
	EXPECT(4, "", "did not end within 1 s", "--timeout", "1", "--", "sleep", "100");
	nothing_is_left();
}

static void processes_that_are_left_behind_do_no_harm(void **state)
{
	(void)state;
	EXPECT(3, "started\n", NULL, "--", "sh", "-c", "sleep 1000 & echo started; exit 3");
	nothing_is_left();
}

static void a_kernel_that_dies_is_a_failed_guest(void **state)
{
	(void)state;
	/* Process 1 is ours; without its memory the kernel cannot go on. */
	EXPECT(4, "", "warren: error: the guest ", "--memory", "64", "--", "sh", "-c",
	       "dd if=/dev/zero of=/dev/mem 2>/dev/null; echo 1 > /proc/sys/vm/panic_on_oom; "
	       "tail /dev/zero");
	nothing_is_left();
}

static void debug_messages_are_in_dmesg(void **state)
{
	autofree char *dmesg = NULL;

	(void)state;
	need_kernel("6.12-uml-debug");
	EXPECT(0, "hello\n", "warren: kept in ", "--kernel", "6.12-uml-debug", "--9p-debug",
	       "error,9p,vfs,cache", "--", "cat", "hello");
	dmesg = take_kept("dmesg");
	assert_non_null(strstr(dmesg, "Linux version 6.12"));
	assert_non_null(strstr(dmesg, ">>> TREAD fid "));
	assert_non_null(strstr(dmesg, "v9fs_file_open"));
	nothing_is_left();
}

static void tracepoints_are_in_trace(void **state)
{
	autofree char *trace = NULL;

	(void)state;
	need_kernel("6.12-uml-debug");
	EXPECT(0, "hello\n", "warren: kept in ", "--kernel", "6.12-uml-debug", "--trace",
	       "9p,netfs:netfs_read", "--", "cat", "hello");
	trace = take_kept("trace");
	assert_non_null(strstr(trace, "9p_client_req: client "));
	assert_non_null(strstr(trace, "netfs_read: R="));
	assert_null(strstr(trace, "netfs_rreq:"));
	nothing_is_left();
}

static void what_a_kernel_lacks_is_named(void **state)
{
	(void)state;
	EXPECT(3, "", "was built without NET_9P_DEBUG", "--9p-debug", "9p", "--", "cat", "hello");
	EXPECT(3, "", "was built without tracepoints", "--trace", "9p", "--", "cat", "hello");
	need_kernel("6.12-uml-debug");
	EXPECT(3, "", "this kernel has no tracepoint no_such", "--kernel", "6.12-uml-debug",
	       "--trace", "no_such", "--", "cat", "hello");
	nothing_is_left();
}

/* The lost bytes are written to a page that is free, or to somebody's: KASAN sees the first. */
static void a_report_of_kasan_is_no_success(void **state)
{
	static const char script[] =
		"seq -f %015.0f 100000 101000 | head -c 12943 > k0; for i in 1 2 3 4 5 6; do cp k0 "
		"k$i; "
		"done; sync; echo 3 > /proc/sys/vm/drop_caches; cat k? > /dev/null; echo read";

	(void)state;
	need_kernel("6.12-uml-debug-without-folioq-offset-kasan");
	EXPECT(4, "read\n", "KASAN: use-after-free in _copy_to_iter, write of size 655", "--kernel",
	       "6.12-uml-debug-without-folioq-offset-kasan", "--iounit", "12288", "--guard", "none",
	       "--", "sh", "-c", script);
	nothing_is_left();
}

static void wrong_usage_is_one_line(void **state)
{
	(void)state;
	EXPECT(2, "", "which COMMAND?", "--quiet");
	EXPECT(2, "", "there is no option '--foo'", "--foo", "cat");
	EXPECT(2, "", "--9p-debug 'x': give error,9p,vfs", "--9p-debug", "9p,x", "cat");
	EXPECT(2, "", "--trace '9p,': give GROUP", "--trace", "9p,", "cat");
	EXPECT(2, "", "--cache 'fast'", "--cache", "fast", "cat");
	EXPECT(2, "", "need --guest qemu", "--guest", "uml", "--share", "tcp", "cat");
	EXPECT(2, "", "there is no folder /nonexistent", "--share-dir", "/nonexistent", "cat");
}

static void qemu_has_programs_and_passes_the_exit_code_through(void **state)
{
	(void)state;
	EXPECT(9, "hello\n", "warren: sh ended with exit code 9", "--guest", "qemu", "--kernel",
	       "6.1", "--share", "qemu", "--", "sh", "-c", "cat hello; exit 9");
	nothing_is_left();
}

static int setup(void **state)
{
	autofree char *path = NULL;

	(void)state;
	if (!mkdtemp(dir) || !getenv("WARREN"))
		return -1;
	/* What is made is made where we can see it. */
	setenv("TMPDIR", dir, 1);
	unsetenv("XDG_RUNTIME_DIR");
	snprintf(share, sizeof(share), "%s/share", dir);
	mkdir(share, 0755);
	if (asprintf(&path, "%s/hello", share) < 0)
		return -1;
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return write(fd, "hello\n", 6) == 6 ? 0 : -1;
}

static int teardown(void **state)
{
	autofree char *command = NULL;

	(void)state;
	return asprintf(&command, "rm -rf %s", dir) < 0 ? -1 : system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_usage_is_one_line),
		cmocka_unit_test(exit_code_output_and_errors_come_through),
		cmocka_unit_test(standard_error_is_not_mixed_with_output),
		cmocka_unit_test(a_signal_is_128_and_its_number),
		cmocka_unit_test(a_program_that_there_is_not_is_127),
		cmocka_unit_test(every_byte_comes_through),
		cmocka_unit_test(what_the_command_writes_is_on_the_host),
		cmocka_unit_test(only_the_share_can_be_changed),
		cmocka_unit_test(a_command_that_takes_too_long_is_ended),
		cmocka_unit_test(processes_that_are_left_behind_do_no_harm),
		cmocka_unit_test(a_kernel_that_dies_is_a_failed_guest),
		cmocka_unit_test(debug_messages_are_in_dmesg),
		cmocka_unit_test(tracepoints_are_in_trace),
		cmocka_unit_test(what_a_kernel_lacks_is_named),
		cmocka_unit_test(a_report_of_kasan_is_no_success),
		cmocka_unit_test(qemu_has_programs_and_passes_the_exit_code_through),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
