/* SPDX-License-Identifier: MIT */
/* Names of kernels with something done to them, the table of edits, the kept build trees. */
#include "cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apt.h"
#include "cache.h"
#include "cleanup.h"
#include "kernel-edits.h"
#include "kernel-names.h"
#include "kernel-spec.h"
#include "kernel-tree.h"
#include "kernel.h"
#include "path.h"
#include "slurp.h"

static void assert_name(const char *name, bool uml, const char *expected)
{
	autofree char *why = NULL;
	struct kernel_spec s;

	if (kernel_spec_parse(name, uml, &s, &why))
		fail_msg("%s: %s", name, why);
	assert_string_equal(s.name, expected);
}

static void suffixes_have_one_order(void **state)
{
	(void)state;
	assert_name(NULL, true, "6.12-uml");
	assert_name("", false, "6.12");
	assert_name("uml", true, "6.12-uml");
	assert_name("6.12-without-folioq-offset", true, "6.12-uml-without-folioq-offset");
	assert_name("6.12-uml-debug-without-folioq-offset", true,
		    "6.12-uml-debug-without-folioq-offset");
	assert_name("6.12-uml-kasan-without-folioq-offset-without-folioq-offset", true,
		    "6.12-uml-without-folioq-offset-kasan");
	assert_name("6.12-uml-patch-0123abcd-kasan", true, "6.12-uml-kasan-patch-0123abcd");
}

static void assert_refused(const char *name, bool uml, int err, const char *words)
{
	autofree char *why = NULL;
	struct kernel_spec s;

	if (kernel_spec_parse(name, uml, &s, &why) != err)
		fail_msg("%s: expected %d", name, err);
	assert_non_null(why);
	if (!strstr(why, words))
		fail_msg("%s: '%s' without '%s'", name, why, words);
}

static void what_is_no_name_is_refused(void **state)
{
	(void)state;
	assert_refused("5.4", true, -ENOENT, "known are 6.12-uml");
	assert_refused("5.4-kasan", false, -ENOENT, "known are 6.1");
	assert_refused("6.12-uml", false, -ENOENT, "no QEMU kernel");
	assert_refused("6.12-uml-without-fish", true, -EINVAL, "'fish'");
	assert_refused("6.12-uml-without-fish", true, -EINVAL, "folioq-offset");
	assert_refused("6.12-uml-without-", true, -EINVAL, "to undo");
	assert_refused("6.12-uml-kasandra", true, -EINVAL, "-kasandra");
	assert_refused("6.12-uml-patch-12", true, -EINVAL, "-patch-12");
	assert_refused("6.12-uml-patch-0123abcX", true, -EINVAL, "-patch-0123abcX");
	assert_refused("6.12-without-folioq-offset", false, -EINVAL, "Debian's own image");
	assert_refused("6.12-kasan", false, -EINVAL, "Debian's own image");
}

static void assert_hash(const char *name, char hash[KERNEL_HASH_SIZE])
{
	struct kernel_spec s;

	assert_int_equal(kernel_spec_by_name(name, &s, NULL), 0);
	assert_int_equal(kernel_spec_hash(&s, hash), 0);
	assert_int_equal(strlen(hash), KERNEL_HASH_SIZE - 1);
}

static void the_hash_covers_all_that_was_done(void **state)
{
	static const char *const names[] = {
		"6.12-uml",
		"6.1-uml",
		"6.12-uml-debug",
		"6.12-uml-without-folioq-offset",
		"6.12-uml-kasan",
		"6.12-uml-patch-01234567",
		"6.12-uml-patch-01234568",
	};
	char hashes[ARRAY_SIZE(names)][KERNEL_HASH_SIZE], again[KERNEL_HASH_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_hash(names[i], hashes[i]);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(hashes[i], hashes[k]);
	}
	assert_hash("uml", again);
	assert_string_equal(again, hashes[0]);
}

static void a_patch_names_its_content(void **state)
{
	struct kernel_spec a, b;

	(void)state;
	assert_int_equal(kernel_spec_by_name("6.12-uml", &a, NULL), 0);
	b = a;
	assert_false(kernel_spec_is_changed(&a));
	assert_int_equal(kernel_spec_add_patch(&a, "one", 3, NULL), 0);
	assert_int_equal(kernel_spec_add_patch(&b, "two", 3, NULL), 0);
	assert_true(kernel_spec_is_changed(&a));
	assert_string_not_equal(a.name, b.name);
	assert_name(a.name, true, a.name);
	b = kernel_spec_base(&a);
	assert_string_equal(b.name, "6.12-uml");
}

static void each_edit_is_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_kernel_edits; i++) {
		const struct kernel_edit *e = &kernel_edits[i];

		assert_ptr_equal(kernel_edit_find(e->name, strlen(e->name)), e);
		assert_null(strstr(e->name, "-without-"));
		assert_null(strstr(e->name, "-kasan"));
		assert_null(strstr(e->name, "-patch-"));
		assert_true(*e->fixed_by && *e->first && *e->summary && e->places[0].file);
		for (const struct kernel_place *p = e->places; p->file; p++)
			assert_string_not_equal(p->find, p->put);
	}
}

static void an_edit_is_about_its_releases(void **state)
{
	const struct kernel_edit from = {.name = "e", .first = "6.12", .last = ""};
	const struct kernel_edit both = {.name = "e", .first = "6.12", .last = "6.16"};
	autofree char *why = NULL;

	(void)state;
	assert_int_equal(kernel_edit_fits(&from, "6.12", NULL), 0);
	assert_int_equal(kernel_edit_fits(&from, "6.12.1", NULL), 0);
	assert_int_equal(kernel_edit_fits(&from, "7.0", NULL), 0);
	assert_int_equal(kernel_edit_fits(&from, "6.1.192", &why), -ENOTSUP);
	assert_string_equal(
		why, "e is about Linux 6.12 and newer, this is 6.1.192: it has no such code");
	assert_int_equal(kernel_edit_fits(&both, "6.16.9", NULL), 0);
	assert_int_equal(kernel_edit_fits(&both, "6.17.1", NULL), -ENOTSUP);
	assert_int_equal(kernel_edit_fits(&both, "6.2.1", NULL), -ENOTSUP);
}

static void a_place_is_there_once_or_nothing_is_done(void **state)
{
	const struct kernel_place p = {"f.h", "if (a) {", "{", NULL};
	autofree char *text = NULL, *none = NULL, *twice = NULL;

	(void)state;
	assert_int_equal(kernel_place_change(&p, "x\nif (a) {\ny", &text, NULL), 0);
	assert_string_equal(text, "x\n{\ny");
	assert_int_equal(kernel_place_change(&p, "if (b) {", &text, &none), -ESRCH);
	assert_string_equal(none, "f.h has \"if (a) {\" nowhere: it must be there once");
	assert_int_equal(kernel_place_change(&p, "if (a) {if (a) {", &text, &twice), -ESRCH);
	assert_string_equal(twice, "f.h has \"if (a) {\" more than once: it must be there once");
	assert_string_equal(text, "x\n{\ny");
}

static void a_place_may_be_one_functions(void **state)
{
	const struct kernel_place p = {"f.c", "x = 1;", "x = 2;", "int two("};
	autofree char *text = NULL, *why = NULL;

	(void)state;
	assert_int_equal(kernel_place_change(&p,
					     "int one(int i)\n{\n\tx = 1;\n}\n"
					     "int two(int i)\n{\n\tx = 1;\n}\n"
					     "int six(int i)\n{\n\tx = 1;\n}\n",
					     &text, NULL),
			 0);
	assert_string_equal(text, "int one(int i)\n{\n\tx = 1;\n}\n"
				  "int two(int i)\n{\n\tx = 2;\n}\n"
				  "int six(int i)\n{\n\tx = 1;\n}\n");
	assert_int_equal(kernel_place_change(&p, "int one(int i)\n{\n\tx = 1;\n}\n", &text, &why),
			 -ESRCH);
	assert_string_equal(why, "f.c has no \"int two(\"");
}

static void write_below(const char *dir, const char *name, const char *text)
{
	autofree char *path = path_join(dir, name);

	assert_int_equal(path_write(path, text, strlen(text)), 0);
}

static void assert_below(const char *dir, const char *name, const char *expected)
{
	autofree char *path = path_join(dir, name), *text = NULL;

	assert_int_equal(slurp(path, 100, &text, NULL), 0);
	assert_string_equal(text, expected);
}

static void an_edit_comes_and_goes(void **state)
{
	const struct kernel_place places[] = {
		{"a", "one", "1", NULL}, {"a", "two", "2", NULL}, {0}};
	const struct kernel_edit e = {.name = "e", .places = places};
	struct kernel_undo u = KERNEL_UNDO_INIT;

	write_below(*state, "a", "one two\n");
	assert_int_equal(kernel_edit_apply(&e, *state, &u, NULL), 0);
	assert_below(*state, "a", "1 2\n");
	assert_int_equal(kernel_undo_run(&u), 0);
	assert_below(*state, "a", "one two\n");
	kernel_undo_done(&u);
}

static void half_an_edit_is_none(void **state)
{
	const struct kernel_place places[] = {
		{"a", "one", "1", NULL}, {"b", "two", "2", NULL}, {0}};
	const struct kernel_edit e = {.name = "e", .places = places};
	struct kernel_undo u = KERNEL_UNDO_INIT;
	autofree char *gone = NULL, *missing = NULL;

	write_below(*state, "a", "one\n");
	assert_int_equal(kernel_edit_apply(&e, *state, &u, &missing), -ESRCH);
	assert_string_equal(missing, "the edit e does not fit this source: it has no b");
	write_below(*state, "b", "three\n");
	assert_int_equal(kernel_edit_apply(&e, *state, &u, &gone), -ESRCH);
	assert_string_equal(gone, "the edit e does not fit this source: b has \"two\" nowhere: it "
				  "must be there once");
	assert_below(*state, "a", "one\n");
	assert_int_equal(u.n, 0);
	kernel_undo_done(&u);
}

static void keep_tree(const char *cache, const char *name)
{
	cleanup(kernel_tree_done) struct kernel_tree t = KERNEL_TREE_INIT;
	const struct apt_package p = {.name = "p", .version = "6.12.1-1", .suite = "s"};

	assert_int_equal(kernel_tree_open(cache, name, "h", &t), 0);
	assert_int_equal(kernel_tree_set(&t, &p), 0);
	assert_int_equal(kernel_tree_keep(&t, "h"), 0);
}

static bool has_tree(const char *cache, const char *name)
{
	autofree char *path = NULL;

	assert_true(asprintf(&path, "%s/build/%s", cache, name) > 0);
	return !access(path, F_OK);
}

static void a_kept_tree_counts_once(void **state)
{
	cleanup(kernel_tree_done) struct kernel_tree t = KERNEL_TREE_INIT, again = t, other = t;

	keep_tree(*state, "a");
	assert_int_equal(kernel_tree_open(*state, "a", "h", &t), 0);
	assert_string_equal(t.version, "6.12.1-1");
	assert_string_equal(t.suite, "s");
	assert_string_equal(t.package, "p");
	/* Its user was killed. */
	assert_int_equal(kernel_tree_open(*state, "a", "h", &again), 0);
	assert_null(again.version);
	keep_tree(*state, "a");
	assert_int_equal(kernel_tree_open(*state, "a", "other", &other), 0);
	assert_null(other.version);
}

static void two_trees_are_kept(void **state)
{
	uint64_t bytes;

	keep_tree(*state, "a");
	keep_tree(*state, "b");
	keep_tree(*state, "a");
	keep_tree(*state, "c");
	assert_true(has_tree(*state, "a"));
	assert_false(has_tree(*state, "b"));
	assert_true(has_tree(*state, "c"));
	assert_int_equal(kernel_trees_size(false, &bytes), 0);
	assert_int_equal(bytes, 2 * strlen("h 6.12.1-1 s p\n"));
	assert_int_equal(kernel_trees_size(true, &bytes), 0);
	assert_int_equal(bytes, 2 * strlen("h 6.12.1-1 s p\n"));
	assert_false(has_tree(*state, "a"));
}

/* A finished tree of 6.12-uml-debug with one file in it. */
static void make_tree(const char *cache, const char *file, const char *text)
{
	cleanup(kernel_tree_done) struct kernel_tree t = KERNEL_TREE_INIT;
	const struct apt_package p = {
		.name = "linux-source-6.12", .version = "6.12.1-1", .suite = "s"};
	autofree char *path = NULL, *dir = NULL;
	char hash[KERNEL_HASH_SIZE];

	assert_hash("6.12-uml-debug", hash);
	assert_int_equal(kernel_tree_open(cache, "6.12-uml-debug", hash, &t), 0);
	path = path_join(t.src, file);
	dir = strndup(path, (size_t)(strrchr(path, '/') - path));
	assert_int_equal(make_dirs(dir), 0);
	assert_int_equal(path_write(path, text, strlen(text)), 0);
	assert_int_equal(kernel_tree_set(&t, &p), 0);
	assert_int_equal(kernel_tree_keep(&t, hash), 0);
}

static void assert_reason(int r, char *reason, const char *expected)
{
	assert_true(r < 0);
	assert_non_null(reason);
	if (strstr(reason, " needs ")) {
		free(reason);
		skip();
	}
	if (!strstr(reason, expected))
		fail_msg("'%s' without '%s'", reason, expected);
	assert_null(strchr(reason, '\n'));
	free(reason);
}

static void a_build_stops_where_the_place_is_not(void **state)
{
	struct kernel *k = NULL;
	char *reason = NULL;
	int r;

	make_tree(*state, "include/linux/iov_iter.h", "other\n");
	r = kernel_get("6.12-uml-debug-without-folioq-offset", true, &k, &reason);
	assert_reason(
		r, reason,
		"the edit folioq-offset does not fit this source: include/linux/iov_iter.h has "
		"\"if (skip < fsize) {\" nowhere");
	assert_below(*state, "build/6.12-uml-debug/source/include/linux/iov_iter.h", "other\n");
	assert_true(has_tree(*state, "6.12-uml-debug/state"));
}

static void a_build_stops_at_a_patch_that_does_not_apply(void **state)
{
	static const char patch[] = "--- a/lib/x.c\n+++ b/lib/x.c\n@@ -1 +1 @@\n-one\n+two\n";
	autofree char *file = path_join(*state, "fix.patch");
	struct kernel *k = NULL;
	char *reason = NULL;
	int r;

	make_tree(*state, "lib/x.c", "other\n");
	write_below(*state, "fix.patch", patch);
	r = kernel_get_patched("6.12-uml-debug", true, file, &k, &reason);
	assert_reason(r, reason,
		      "fix.patch does not apply to linux-source-6.12 6.12.1-1: lib/x.c: "
		      "Hunk #1 FAILED");
	assert_below(*state, "build/6.12-uml-debug/source/lib/x.c", "other\n");
	assert_true(has_tree(*state, "6.12-uml-debug/state"));
}

static int make_cache(void **state)
{
	char *dir = strdup("/tmp/warren-test-XXXXXX");
	autofree char *lock = NULL;

	if (!dir || !mkdtemp(dir))
		return -1;
	*state = dir;
	lock = path_join(dir, "lock");
	return !lock || make_dirs(lock) || setenv("WARREN_CACHE", dir, 1);
}

static int drop_cache(void **state)
{
	int r = remove_tree(*state);

	free(*state);
	return r;
}

int main(void)
{
#define IN_CACHE(test) cmocka_unit_test_setup_teardown(test, make_cache, drop_cache)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(suffixes_have_one_order),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(the_hash_covers_all_that_was_done),
		cmocka_unit_test(a_patch_names_its_content),
		cmocka_unit_test(each_edit_is_complete),
		cmocka_unit_test(an_edit_is_about_its_releases),
		cmocka_unit_test(a_place_is_there_once_or_nothing_is_done),
		cmocka_unit_test(a_place_may_be_one_functions),
		IN_CACHE(an_edit_comes_and_goes),
		IN_CACHE(half_an_edit_is_none),
		IN_CACHE(a_kept_tree_counts_once),
		IN_CACHE(two_trees_are_kept),
		IN_CACHE(a_build_stops_where_the_place_is_not),
		IN_CACHE(a_build_stops_at_a_patch_that_does_not_apply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
