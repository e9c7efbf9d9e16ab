/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "macros.h"
#include "text.h"

static void every_byte_string_reads_back_unchanged(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *text;
	} cases[] = {
		{"etc", 3, "etc"},
		{"", 0, "\"\""},
		{"a b", 3, "\"a b\""},
		{"q\"\\", 3, "\"q\\\"\\\\\""},
		{"\0\xff", 2, "\"\\x00\\xff\""},
		{"\xc3\xa4", 2, "\"\xc3\xa4\""},
		{"\xc2\x85", 2, "\"\\xc2\\x85\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		autofree char *text = NULL;
		char back[16];
		size_t size, n;
		FILE *f = open_memstream(&text, &size);
		const char *at;

		text_put(f, cases[i].bytes, cases[i].n);
		fclose(f);
		assert_string_equal(text, cases[i].text);
		at = text;
		assert_int_equal(text_get(&at, back, sizeof(back), &n), 0);
		assert_int_equal(*at, 0);
		assert_int_equal(n, cases[i].n);
		assert_memory_equal(back, cases[i].bytes, n);
	}
}

static void a_malformed_word_is_refused(void **state)
{
	static const char *const bad[] = {"", " ", "\"abc", "\"\\x0\"", "\"\\q\"", "\"\\xg0\""};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *at = bad[i];
		char buf[8];
		size_t n;

		assert_int_equal(text_get(&at, buf, sizeof(buf), &n), -EINVAL);
		assert_ptr_equal(at, bad[i]);
	}
}

static void a_word_longer_than_the_buffer_is_refused(void **state)
{
	const char *at = "abcd";
	char buf[3];
	size_t n;

	(void)state;
	assert_int_equal(text_get(&at, buf, sizeof(buf), &n), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_string_reads_back_unchanged),
		cmocka_unit_test(a_malformed_word_is_refused),
		cmocka_unit_test(a_word_longer_than_the_buffer_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
