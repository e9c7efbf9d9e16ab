/* SPDX-License-Identifier: MIT */
/* `warren lab gdb` and `warren lab watch` on guests in QEMU. Environment: WARREN. Debian's kernel is
 * tried when its symbols are in the cache: a gigabyte to fetch is nothing for a test. */
#include "cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "kernel.h"
#include "path.h"
#include "read-record.h"
#include "spawn.h"
#include "symbols.h"

#define STOCK "6.12"
#define BUG "6.12-x86-without-folioq-offset"
#define LIMIT (1U << 20)

static char dir[] = "/tmp/test-gdb-qemu-XXXXXX";

/* The file of the bug: with QEMU's iounit of 0x3000 its last 655 bytes are a read of their own. */
static int set_up(void **state)
{
	char bytes[12943];
	autofree char *path = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	memset(bytes, 'x', sizeof(bytes));
	assert_true(asprintf(&path, "%s/default.json", dir) > 0);
	return path_write(path, bytes, sizeof(bytes));
}

static int tear_down(void **state)
{
	(void)state;
	return remove_tree(dir);
}

static void need_symbols(const char *name)
{
	cleanup(symbols_done) struct symbols s = SYMBOLS_INIT;
	struct kernel *k = NULL;
	int r = kernel_find(name, &k);

	r = r ? r : symbols_find(k, &s);
	kernel_free(k);
	if (!r)
		return;
	print_message("no symbols of %s in the cache: 'warren lab kernel symbols %s'\n", name,
		      name);
	skip();
}

/* warren lab VERB --kernel KERNEL ... MORE: its exit code, and what it printed. */
static int lab(const char *verb, const char *kernel, const char *const *more, char **ret_out)
{
	struct spawn s = SPAWN_INIT;
	char **argv = NULL;
	size_t n;
	int r = strv_push(&argv, getenv("WARREN"));

	r = r ? r : strv_push(&argv, "lab");
	r = r ? r : strv_push(&argv, verb);
	r = r ? r : strv_push(&argv, "--kernel");
	r = r ? r : strv_push(&argv, kernel);
	r = r ? r : strv_push(&argv, "--share");
	r = r ? r : strv_push(&argv, "qemu");
	r = r ? r : strv_push(&argv, "--msize");
	r = r ? r : strv_push(&argv, "16384");
	r = r ? r : strv_push(&argv, "--share-dir");
	r = r ? r : strv_push(&argv, dir);
	for (; !r && *more; more++)
		r = strv_push(&argv, *more);
	assert_int_equal(r, 0);
	s.argv = (const char *const *)argv;
	r = spawn_capture(&s, LIMIT, ret_out, &n);
	strv_free(argv);
	return r;
}

/* Two reads of one netfs request, the second one copied from where the first stood still. */
static void check_reads(const char *kernel, int status, bool broken)
{
	static const char *const words[] = {"--json", "--", "cat", "default.json", NULL};
	autofree char *out = NULL;
	struct read_record *reads = NULL;
	size_t n = 0, line = 0;

	assert_int_equal(lab("watch", kernel, words, &out), status);
	assert_int_equal(read_records_parse(out, strlen(out), &reads, &n, &line), 0);
	assert_int_equal(n, 2);
	assert_true(reads[0].zc);
	assert_int_equal(reads[0].offset, 0);
	assert_int_equal(reads[0].count, 0x3000);
	assert_false(reads[0].broken);
	assert_false(reads[1].zc);
	assert_int_equal(reads[1].offset, 0x3000);
	assert_int_equal(reads[1].count, 655);
	assert_int_equal(reads[1].before.slot, 2);
	assert_int_equal(reads[1].before.iov_offset, 0x1000);
	assert_int_equal(reads[1].broken, broken);
	assert_string_equal(reads[1].file, "default.json");
	read_records_free(reads, n);
}

static void a_stock_kernel_is_watched(void **state)
{
	(void)state;
	need_symbols(STOCK);
	check_reads(STOCK, 0, false);
}

static void the_lost_bytes_are_seen_in_our_own_build(void **state)
{
	(void)state;
	need_symbols(BUG);
	check_reads(BUG, 1, true);
}

static void assert_has(const char *out, const char *words)
{
	if (!strstr(out, words))
		fail_msg("there is no '%s' in\n%s", words, out);
}

static void a_breakpoint_inside_a_stock_module_shows_what_is_there(void **state)
{
	/* clang-format off */
	static const char *const words[] = {
		"--exec", "cat default.json", "--", "-batch",
		"-ex", "break p9_client_read_once if offset > 0", "-ex", "continue",
		"-ex", "up", "-ex", "info locals", "-ex", "w9-fids", "-ex", "w9-modules",
		"-ex", "kill", NULL,
	};
	/* clang-format on */
	autofree char *out = NULL;

	(void)state;
	need_symbols(STOCK);
	lab("gdb", STOCK, words, &out);
	assert_has(out, "offset=offset@entry=12288");
	assert_has(out, "total = 12288");
	/* From a variable of the module 9p: its data is where gdb looks for it, too. */
	assert_has(out, "msize 16384, transport virtio");
	assert_has(out, "/debug/modules/9pnet.ko\n");
	assert_has(out, "/debug/modules/9p.ko\n");
	assert_null(strstr(out, "no symbols"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stock_kernel_is_watched),
		cmocka_unit_test(a_breakpoint_inside_a_stock_module_shows_what_is_there),
		cmocka_unit_test(the_lost_bytes_are_seen_in_our_own_build),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
