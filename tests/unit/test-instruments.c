/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "instruments.h"
#include "kernel.h"
#include "path.h"

static void names_are_bits_of_the_mask(void **state)
{
	unsigned mask = 0;
	char *bad = NULL;

	(void)state;
	assert_int_equal(debug_mask_parse("error", &mask, &bad), 0);
	assert_int_equal(mask, 0x1);
	assert_int_equal(debug_mask_parse("error,9p,vfs,cache", &mask, &bad), 0);
	assert_int_equal(mask, 0x200d);
	assert_int_equal(debug_mask_parse("mmap,mmap", &mask, &bad), 0);
	assert_int_equal(mask, 0x4000);
	assert_null(bad);
}

static void all_names_together_are_understood(void **state)
{
	autofree char *names = debug_mask_names();
	unsigned mask = 0;
	char *bad = NULL;

	(void)state;
	assert_int_equal(debug_mask_parse(names, &mask, &bad), 0);
	/* Bit 0x2 has no name in the kernel. */
	assert_int_equal(mask, 0x7ffd);
}

static void a_name_that_there_is_not_is_told(void **state)
{
	static const char *const lists[][2] = {
		{"9p,foo,vfs", "foo"}, {"", ""}, {"9p,", ""}, {"9P", "9P"}, {"vf", "vf"}};
	unsigned mask = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		autofree char *bad = NULL;

		assert_int_equal(debug_mask_parse(lists[i][0], &mask, &bad), -EINVAL);
		assert_string_equal(bad, lists[i][1]);
	}
	assert_int_equal(mask, 42);
}

static void tracepoints_are_groups_and_events(void **state)
{
	(void)state;
	assert_true(trace_list_is_valid("9p"));
	assert_true(trace_list_is_valid("9p,netfs:netfs_read,sched_switch"));
	assert_false(trace_list_is_valid(""));
	assert_false(trace_list_is_valid("9p,"));
	assert_false(trace_list_is_valid("9p:"));
	assert_false(trace_list_is_valid("9p:a:b"));
	assert_false(trace_list_is_valid("9p netfs"));
	assert_false(trace_list_is_valid("../../enable"));
}

static void a_kernel_lacks_what_its_configuration_lacks(void **state)
{
	static const char config[] = "CONFIG_TRACING=y\n# CONFIG_NET_9P_DEBUG is not set\n";
	char dir[] = "/tmp/test-instruments-XXXXXX";
	struct kernel k = {.dir = dir};
	autofree char *path = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = path_join(dir, "config");
	/* Without one it may have all. */
	assert_int_equal(kernel_has_option(&k, "CONFIG_NET_9P_DEBUG"), 0);
	assert_int_equal(path_write(path, config, strlen(config)), 0);
	assert_int_equal(kernel_has_option(&k, "CONFIG_TRACING"), 0);
	assert_int_equal(kernel_has_option(&k, "CONFIG_NET_9P_DEBUG"), -ENOTSUP);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_bits_of_the_mask),
		cmocka_unit_test(all_names_together_are_understood),
		cmocka_unit_test(a_name_that_there_is_not_is_told),
		cmocka_unit_test(tracepoints_are_groups_and_events),
		cmocka_unit_test(a_kernel_lacks_what_its_configuration_lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
