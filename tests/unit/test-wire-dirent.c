/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "cmocka-all.h"
#include "macros.h"
#include "msg.h"

static const struct dirent9 entry = {
	.qid = {P9_QTDIR, 7, 0x1122334455667788},
	.offset = 0x8000000000000001,
	.type = 4,
	.name = {"etc", 3},
};

static void an_entry_has_the_protocols_bytes(void **state)
{
	static const uint8_t expected[] = {0x80, 7,    0,    0,	   0, 0x88, 0x77, 0x66, 0x55,
					   0x44, 0x33, 0x22, 0x11, 1, 0,    0,	  0,	0,
					   0,	 0,    0x80, 4,	   3, 0,    'e',  't',	'c'};
	uint8_t buf[64];

	(void)state;
	assert_int_equal(dirent_encode(&entry, buf, sizeof(buf)), sizeof(expected));
	assert_int_equal(sizeof(expected), DIRENT_FIXED_SIZE + 3);
	assert_memory_equal(buf, expected, sizeof(expected));
}

static void an_entry_that_does_not_fit_is_left_out(void **state)
{
	uint8_t buf[64];

	(void)state;
	for (size_t cap = 0; cap < DIRENT_FIXED_SIZE + 3; cap++)
		assert_int_equal(dirent_encode(&entry, buf, cap), 0);
	assert_int_equal(dirent_encode(&entry, buf, DIRENT_FIXED_SIZE + 3), 27);
}

static void entries_decode_one_after_another(void **state)
{
	struct dirent9 second = entry, back;
	uint8_t buf[64];
	size_t n, m, size;

	(void)state;
	second.name = str_of("..", 2);
	n = dirent_encode(&entry, buf, sizeof(buf));
	m = dirent_encode(&second, buf + n, sizeof(buf) - n);
	assert_int_equal(dirent_decode(buf, n + m, &back, &size), 0);
	assert_int_equal(size, n);
	assert_int_equal(back.qid.type, entry.qid.type);
	assert_int_equal(back.qid.version, entry.qid.version);
	assert_int_equal(back.qid.path, entry.qid.path);
	assert_int_equal(back.offset, entry.offset);
	assert_int_equal(back.type, entry.type);
	assert_true(str_is(back.name, "etc"));
	assert_int_equal(dirent_decode(buf + n, m, &back, &size), 0);
	assert_true(str_is(back.name, ".."));
}

static void a_truncated_entry_is_refused(void **state)
{
	uint8_t buf[64];
	size_t n = dirent_encode(&entry, buf, sizeof(buf)), size;
	struct dirent9 back;

	(void)state;
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(dirent_decode(buf, cut, &back, &size), -EBADMSG);
}

static void an_entry_names_a_file_of_its_directory(void **state)
{
	static const struct str bad[] = {
		{"", 0}, {"/", 1}, {"../x", 4}, {"a\0b", 3}, {"/etc/passwd", 11}};
	uint8_t buf[64];
	struct dirent9 e = entry;
	size_t size;

	(void)state;
	for (size_t dots = 1; dots <= 3; dots++) {
		struct dirent9 back;
		size_t n;

		e.name = str_of("...", dots);
		n = dirent_encode(&e, buf, sizeof(buf));
		assert_int_equal(dirent_decode(buf, n, &back, &size), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct dirent9 back;
		size_t n;

		e.name = bad[i];
		n = dirent_encode(&e, buf, sizeof(buf));
		assert_int_equal(dirent_decode(buf, n, &back, &size), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_has_the_protocols_bytes),
		cmocka_unit_test(an_entry_that_does_not_fit_is_left_out),
		cmocka_unit_test(entries_decode_one_after_another),
		cmocka_unit_test(a_truncated_entry_is_refused),
		cmocka_unit_test(an_entry_names_a_file_of_its_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
