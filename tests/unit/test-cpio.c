/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cpio.h"

static void equal_input_gives_the_golden_bytes(void **state)
{
	/* Written down from the format's description. */
	static const char golden[] = "070701"
				     "00000001" /* inode */
				     "000081A4" /* mode */
				     "00000000" /* uid */
				     "00000000" /* gid */
				     "00000001" /* links */
				     "00000000" /* time */
				     "00000005" /* size */
				     "00000000" /* device */
				     "00000000"
				     "00000000" /* the special file's device */
				     "00000000"
				     "00000002" /* size of the name */
				     "00000000" /* check */
				     "a\0"
				     "hello\0\0\0"
				     "070701"
				     "00000002"
				     "00002180"
				     "00000000"
				     "00000000"
				     "00000001"
				     "00000000"
				     "00000000"
				     "00000000"
				     "00000000"
				     "00000005"
				     "00000001"
				     "00000003"
				     "00000000"
				     "cc\0\0\0\0"
				     "070701"
				     "00000003"
				     "00000000"
				     "00000000"
				     "00000000"
				     "00000001"
				     "00000000"
				     "00000000"
				     "00000000"
				     "00000000"
				     "00000000"
				     "00000000"
				     "0000000B"
				     "00000000"
				     "TRAILER!!!\0\0\0";
	autofree char *text = NULL;
	size_t n = 0;
	struct cpio c = {.f = open_memstream(&text, &n)};

	(void)state;
	assert_int_equal(cpio_add_file(&c, "a", 0644, "hello", 5), 0);
	assert_int_equal(cpio_add_char_device(&c, "cc", 0600, 5, 1), 0);
	assert_int_equal(cpio_finish(&c), 0);
	fclose(c.f);
	assert_int_equal(n, sizeof(golden));
	assert_memory_equal(text, golden, n);
}

static void cpio_lists_what_was_added(void **state)
{
	char line[128], seen[512] = "";
	FILE *f = tmpfile();
	struct cpio c = {.f = f};
	autofree char *command = NULL;

	(void)state;
	if (system("command -v cpio >/dev/null"))
		skip();
	assert_int_equal(cpio_add_dir(&c, "d", 0755), 0);
	assert_int_equal(cpio_add_file(&c, "d/empty", 0600, "", 0), 0);
	assert_int_equal(cpio_add_file(&c, "d/abc", 0755, "abc", 3), 0);
	assert_int_equal(cpio_finish(&c), 0);
	assert_true(asprintf(&command, "cpio -it --quiet </proc/self/fd/%d 2>&1", fileno(f)) > 0);
	rewind(f);
	FILE *list = popen(command, "r");
	while (fgets(line, sizeof(line), list))
		strncat(seen, line, sizeof(seen) - strlen(seen) - 1);
	assert_int_equal(pclose(list), 0);
	assert_string_equal(seen, "d\nd/empty\nd/abc\n");
	fclose(f);
}

static void a_name_that_is_too_long_is_refused(void **state)
{
	autofree char *name = malloc(5001);
	autofree char *text = NULL;
	size_t n = 0;
	struct cpio c = {.f = open_memstream(&text, &n)};

	(void)state;
	memset(name, 'x', 5000);
	name[5000] = '\0';
	assert_int_equal(cpio_add_dir(&c, name, 0755), -ENAMETOOLONG);
	fclose(c.f);
}

static void a_full_disk_is_an_error(void **state)
{
	FILE *f = fopen("/dev/full", "we");
	struct cpio c = {.f = f};

	(void)state;
	cpio_add_file(&c, "a", 0644, "hello", 5);
	assert_int_equal(cpio_finish(&c), -ENOSPC);
	fclose(f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_input_gives_the_golden_bytes),
		cmocka_unit_test(cpio_lists_what_was_added),
		cmocka_unit_test(a_name_that_is_too_long_is_refused),
		cmocka_unit_test(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
