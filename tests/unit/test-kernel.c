/* SPDX-License-Identifier: MIT */
/* Names, manifests and the cache's kernels. */
#include "cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "kernel-config.h"
#include "kernel-make.h"
#include "kernel-manifest.h"
#include "kernel-names.h"
#include "kernel-spec.h"
#include "kernel.h"
#include "path.h"

static void assert_source(const char *name, bool uml, const char *expected)
{
	const struct kernel_source *s = kernel_source_find(name, uml);

	if (!expected) {
		assert_null(s);
		return;
	}
	assert_non_null(s);
	assert_string_equal(s->name, expected);
}

static void a_name_fits_the_guest(void **state)
{
	(void)state;
	assert_source(NULL, true, "6.12-uml");
	assert_source("", false, "6.12");
	assert_source("6.12", true, "6.12-uml");
	assert_source("6.12", false, "6.12");
	assert_source("6.12-uml", true, "6.12-uml");
	assert_source("6.12-uml", false, NULL);
	assert_source("bookworm", false, "6.1");
	assert_source("bookworm-backports", false, "6.12");
	assert_source("trixie-backports", false, "trixie-backports");
	assert_source("trixie", true, NULL);
	assert_source("nonsense", false, NULL);
}

static void names_are_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_kernel_sources; i++) {
		assert_ptr_equal(kernel_source_by_name(kernel_sources[i].name), &kernel_sources[i]);
		if (*kernel_sources[i].alias)
			assert_ptr_equal(kernel_source_by_name(kernel_sources[i].alias),
					 &kernel_sources[i]);
	}
	assert_null(kernel_source_by_name(""));
}

static void a_list_has_the_names_of_its_kind(void **state)
{
	autofree char *uml = kernel_source_list(true), *images = kernel_source_list(false);

	(void)state;
	assert_non_null(strstr(uml, "6.12-uml, "));
	assert_null(strstr(images, "uml"));
}

static void a_manifest_reads_back(void **state)
{
	cleanup(kernel_manifest_done) struct kernel_manifest m = KERNEL_MANIFEST_INIT;
	cleanup(kernel_manifest_done) struct kernel_manifest back = KERNEL_MANIFEST_INIT;
	autofree char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
#define F(member, key) assert_int_equal(manifest_set(&m.member, key "/of it"), 0);
	KERNEL_MANIFEST_FIELDS(F)
#undef F
	assert_int_equal(kernel_manifest_print(f, &m), 0);
	fclose(f);
	assert_int_equal(kernel_manifest_parse(text, &back), 0);
#define F(member, key) assert_string_equal(back.member, m.member);
	KERNEL_MANIFEST_FIELDS(F)
#undef F
}

static void unknown_keys_are_passed_over(void **state)
{
	cleanup(kernel_manifest_done) struct kernel_manifest m = KERNEL_MANIFEST_INIT;

	(void)state;
	assert_int_equal(kernel_manifest_parse("future thing\nname a\nrelease b\nimage c\n", &m),
			 0);
	assert_string_equal(m.image, "c");
	assert_string_equal(m.modules, "");
}

static void a_broken_manifest_is_refused(void **state)
{
	static const char *const broken[] = {
		"",
		"name a\n",
		"name a\nrelease b\nimage\n",
		"name a\nrelease b\nimage \n",
		"name a\nname b\nrelease b\nimage c\n",
		"name a\nrelease b\nimage /etc/passwd\n",
		"name a\nrelease b\nimage ../../x\n",
		"name a\nrelease b\nimage c\nmodules ../x\n",
		"name a\nrelease \x1b[2J\nimage c\n",
		"name a\nrelease \xff\nimage c\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		struct kernel_manifest m = KERNEL_MANIFEST_INIT;

		if (kernel_manifest_parse(broken[i], &m) != -EINVAL)
			fail_msg("accepted: %s", broken[i]);
		assert_null(m.name);
	}
}

static void a_configuration_is_checked(void **state)
{
	static const char *const options[] = {"NET=y", "INET=n", NULL}, *const more[] = {"A=y",
											 NULL};
	static const char *const optional[] = {"NET=y", "NEW=y?", NULL};
	const struct kernel_config c = {.options = options}, o = {.options = optional};
	autofree char *text = kernel_config_text(&c, NULL), *both = kernel_config_text(&c, more);

	(void)state;
	assert_string_equal(text, "CONFIG_NET=y\n# CONFIG_INET is not set\n");
	assert_string_equal(both, "CONFIG_NET=y\n# CONFIG_INET is not set\nCONFIG_A=y\n");
	assert_null(kernel_config_missing(&c, NULL, text));
	assert_null(kernel_config_missing(&o, NULL, text));
	assert_string_equal(kernel_config_missing(&c, more, text), "A=y");
	assert_null(kernel_config_missing(&c, more, "CONFIG_A=y\nCONFIG_NET=y\n"));
	assert_string_equal(kernel_config_missing(&c, NULL, "CONFIG_NET=m\n"), "NET=y");
	assert_string_equal(kernel_config_missing(&c, NULL, "XCONFIG_NET=y\n"), "NET=y");
	assert_string_equal(kernel_config_missing(&c, NULL, "CONFIG_NET=y\nCONFIG_INET=y\n"),
			    "INET=n");
}

static void an_upstream_version_ends_at_debians(void **state)
{
	static const char *const versions[][2] = {{"6.1.192-2", "6.1.192"},
						  {"6.12.95-1~bpo12+1", "6.12.95"},
						  {"7.0~rc3-1", "7.0"},
						  {"6.1", "6.1"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		autofree char *v = upstream_version(versions[i][0]);

		assert_string_equal(v, versions[i][1]);
	}
}

/* kernels/ENTRY in the cache of the test. */
static void add_entry(const char *cache, const char *entry, const char *manifest)
{
	autofree char *dir = NULL, *path = NULL, *image = NULL;
	FILE *f;

	assert_true(asprintf(&dir, "%s/kernels/%s", cache, entry) > 0);
	assert_int_equal(make_dirs(dir), 0);
	path = path_join(dir, "manifest");
	image = path_join(dir, "i");
	assert_int_equal(make_dirs(image), 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(manifest, f);
	fclose(f);
}

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

static void the_newest_of_a_name_is_found(void **state)
{
	struct kernel *k = NULL;

	assert_int_equal(kernel_find("6.1", &k), -ENOENT);
	add_entry(*state, "a", "name 6.1\nkind debian\nrelease 6.1.0-9\nversion 6.1.99\nimage i\n");
	add_entry(*state, "b",
		  "name 6.1\nkind debian\nrelease 6.1.0-10\nversion 6.1.100\nimage i\n"
		  "modules m/x\nbuild-id 12\n");
	add_entry(*state, "c", "name 6.1\nbroken\n");
	assert_int_equal(kernel_find("6.1", &k), 0);
	assert_string_equal(k->version, "6.1.100");
	assert_string_equal(k->build_id, "12");
	assert_false(k->is_uml);
	assert_non_null(strstr(k->modules, "/kernels/b/m/x"));
	assert_int_equal(k->image[0], '/');
	kernel_free(k);
	assert_int_equal(kernel_find("bookworm", &k), 0);
	kernel_free(k);
	assert_int_equal(kernel_find("6.1.0-9", &k), 0);
	assert_string_equal(k->version, "6.1.99");
	assert_null(k->modules);
	kernel_free(k);
	assert_int_equal(kernel_find("a", &k), 0);
	assert_string_equal(k->release, "6.1.0-9");
	kernel_free(k);
}

static void a_kernel_without_its_image_is_not_found(void **state)
{
	autofree char *image = path_join(*state, "kernels/a/i");
	struct kernel *k = NULL;

	add_entry(*state, "a", "name 6.1\nkind debian\nrelease r\nversion 6.1.99\nimage i\n");
	assert_int_equal(remove_tree(image), 0);
	assert_int_equal(kernel_find("6.1", &k), -ENOENT);
}

static void what_is_there_is_got_without_asking(void **state)
{
	struct kernel *k = NULL;
	char *reason = NULL;

	add_entry(*state, "a", "name 6.1\nkind debian\nrelease r\nversion 6.1.99\nimage i\n");
	assert_int_equal(kernel_get("6.1", false, &k, &reason), 0);
	assert_string_equal(k->name, "6.1");
	kernel_free(k);
	assert_int_equal(kernel_get("r", false, &k, &reason), 0);
	kernel_free(k);
	assert_null(reason);
}

static void an_unknown_name_names_the_known_ones(void **state)
{
	struct kernel *k = NULL;
	char *reason = NULL;

	(void)state;
	assert_int_equal(kernel_get("5.4", false, &k, &reason), -ENOENT);
	assert_non_null(strstr(reason, "'5.4'"));
	assert_non_null(strstr(reason, "6.1, 6.12, trixie"));
	free(reason);
	assert_null(k);
}

static void a_build_with_another_configuration_is_not_found(void **state)
{
	autofree char *manifest = NULL;
	struct kernel *k = NULL;
	char hash[KERNEL_HASH_SIZE];
	struct kernel_spec spec;

	add_entry(*state, "old",
		  "name 6.12-uml\nkind uml\nrelease r\nversion 6.12.1\nimage i\n"
		  "config-hash 0123456789abcdef\n");
	assert_int_equal(kernel_find("6.12-uml", &k), -ENOENT);
	assert_int_equal(kernel_spec_by_name("6.12-uml", &spec, NULL), 0);
	assert_int_equal(kernel_spec_hash(&spec, hash), 0);
	assert_true(asprintf(&manifest,
			     "name 6.12-uml\nkind uml\nrelease r\nversion 6.12.0\nimage i\n"
			     "config-hash %s\n",
			     hash) > 0);
	add_entry(*state, "new", manifest);
	assert_int_equal(kernel_find("6.12-uml", &k), 0);
	assert_string_equal(k->version, "6.12.0");
	assert_true(k->is_uml);
	kernel_free(k);
}

static void virtiofsd_is_no_qemu(void **state)
{
	char **argv = NULL;
	autofree char *why = NULL;

	(void)state;
	assert_int_equal(lab_qemu_get("virtiofsd", &argv, &why), -ENOENT);
	assert_string_equal(why, "there is no QEMU 'virtiofsd'; known is trixie");
	assert_null(argv);
}

int main(void)
{
#define IN_CACHE(test) cmocka_unit_test_setup_teardown(test, make_cache, drop_cache)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_fits_the_guest),
		cmocka_unit_test(names_are_unique),
		cmocka_unit_test(a_list_has_the_names_of_its_kind),
		cmocka_unit_test(a_manifest_reads_back),
		cmocka_unit_test(unknown_keys_are_passed_over),
		cmocka_unit_test(a_broken_manifest_is_refused),
		cmocka_unit_test(a_configuration_is_checked),
		cmocka_unit_test(an_upstream_version_ends_at_debians),
		IN_CACHE(the_newest_of_a_name_is_found),
		IN_CACHE(a_kernel_without_its_image_is_not_found),
		IN_CACHE(what_is_there_is_got_without_asking),
		IN_CACHE(virtiofsd_is_no_qemu),
		IN_CACHE(an_unknown_name_names_the_known_ones),
		IN_CACHE(a_build_with_another_configuration_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
