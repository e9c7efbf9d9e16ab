/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "bundle.h"
#include "cache.h"
#include "cleanup.h"
#include "path.h"
#include "slurp.h"
#include "spawn.h"
#include "tar.h"

static char dir[] = "/tmp/warren-tar-test-XXXXXX";

static char *in(const char *name)
{
	static char buf[4][600];
	static unsigned next;
	char *path = buf[next++ % 4];

	snprintf(path, sizeof(buf[0]), "%s/%s", dir, name);
	return path;
}

static void write_archive(const char *name, bool is_packed)
{
	FILE *out = fopen(in(name), "we"), *f = is_packed ? zstd_open(out, 3) : out;

	assert_non_null(f);
	assert_int_equal(tar_write_tree(f, in("tree"), "top", NULL), 0);
	if (f != out)
		assert_int_equal(fclose(f), 0);
	assert_int_equal(fclose(out), 0);
}

static void run(const char *const *argv)
{
	struct spawn s = SPAWN_INIT;

	s.argv = argv;
	assert_int_equal(spawn_run(&s), 0);
}

/* An archive is unpacked by the system's tar, an independent reader. */
static void tar_reads_what_we_write(void **state)
{
	(void)state;
	write_archive("a.tar", false);
	mkdir(in("out"), 0755);
	run((const char *const[]){"tar", "-xf", in("a.tar"), "-C", in("out"), NULL});
	run((const char *const[]){"diff", "-r", "--no-dereference", in("tree"), in("out/top"),
				  NULL});
	assert_int_equal(access(in("out/top/run.sh"), X_OK), 0);
	assert_int_not_equal(access(in("out/top/empty"), X_OK), 0);
}

static void equal_trees_make_equal_archives(void **state)
{
	autofree char *a = NULL, *b = NULL;
	size_t n, m;

	(void)state;
	write_archive("a.tar", false);
	assert_int_equal(utimensat(AT_FDCWD, in("tree/empty"), NULL, 0), 0);
	assert_int_equal(chmod(in("tree/empty"), 0600), 0);
	write_archive("b.tar", false);
	assert_int_equal(slurp(in("a.tar"), 1 << 24, &a, &n), 0);
	assert_int_equal(slurp(in("b.tar"), 1 << 24, &b, &m), 0);
	assert_int_equal(n, m);
	assert_memory_equal(a, b, n);
}

static void a_full_disk_is_an_error(void **state)
{
	FILE *out = fopen("/dev/full", "we"), *f;
	int r;

	(void)state;
	assert_true(tar_write_tree(out, in("tree"), "top", NULL) < 0);
	fclose(out);
	out = fopen("/dev/full", "we");
	f = zstd_open(out, 3);
	r = tar_write_tree(f, in("tree"), "top", NULL);
	assert_true(fclose(f) || r);
	fclose(out);
}

static void a_signal_ends_it(void **state)
{
	static const volatile sig_atomic_t stop = SIGINT;
	autofclose FILE *f = fopen("/dev/null", "we");

	(void)state;
	assert_int_equal(tar_write_tree(f, in("tree"), "top", &stop), -EINTR);
}

/* The bundled program runs with the bundled loader: nothing else is left to it. */
static void a_bundled_program_runs_in_its_folder(void **state)
{
	autofree char *out = NULL, *why = NULL;
	const char *const argv[] = {"./program", "of", "a", "bundle", NULL};
	const char *const env[] = {"LD_LIBRARY_PATH=lib", NULL};
	struct spawn s = SPAWN_INIT;

	(void)state;
	mkdir(in("bundle"), 0755);
	mkdir(in("bundle/lib"), 0755);
	if (bundle_libraries("/bin/echo", in("bundle/lib"), &why))
		fail_msg("%s", why);
	assert_int_equal(bundle_copy("/bin/echo", in("bundle/program")), 0);
	assert_int_equal(bundle_set_loader(in("bundle/program"), "lib/" BUNDLE_LOADER), 0);
	assert_int_equal(access(in("bundle/lib/libc.so.6"), R_OK), 0);
	s.argv = argv;
	s.env = env;
	s.dir = in("bundle");
	assert_int_equal(spawn_capture(&s, 100, &out, NULL), 0);
	assert_string_equal(out, "of a bundle\n");
	/* Its loader is really that one. */
	assert_int_equal(unlink(in("bundle/lib/" BUNDLE_LOADER)), 0);
	assert_int_equal(spawn_run(&s), -ENOENT);
}

static void what_is_no_program_is_refused(void **state)
{
	autofree char *why = NULL;

	(void)state;
	assert_int_equal(bundle_set_loader(in("tree/empty"), "lib/x"), -EINVAL);
	assert_int_equal(bundle_libraries(in("tree/run.sh"), in("tree"), &why), -EINVAL);
	assert_non_null(strstr(why, "run.sh"));
	assert_int_equal(bundle_set_loader(in("bundle/program"),
					   "a/path/that/is/longer/than/the/usual/one/ld.so"),
			 -ENOSPC);
}

static int setup(void **state)
{
	char name[200];

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	mkdir(in("tree"), 0755);
	mkdir(in("tree/sub"), 0755);
	memset(name, 'n', sizeof(name));
	memcpy(name, "tree/sub/", 9);
	name[150] = '\0';
	if (path_write(in(name), "long name", 9) || path_write(in("tree/empty"), "", 0) ||
	    path_write(in("tree/run.sh"), "#!/bin/sh\n", 10) || chmod(in("tree/run.sh"), 0750))
		return -1;
	return symlink("sub/elsewhere", in("tree/link"));
}

static int teardown(void **state)
{
	(void)state;
	return remove_tree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tar_reads_what_we_write),
		cmocka_unit_test(equal_trees_make_equal_archives),
		cmocka_unit_test(a_full_disk_is_an_error),
		cmocka_unit_test(a_signal_ends_it),
		cmocka_unit_test(a_bundled_program_runs_in_its_folder),
		cmocka_unit_test(what_is_no_program_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
