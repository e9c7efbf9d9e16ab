/* SPDX-License-Identifier: MIT */
/* Each kind of damage does what it says where its mark stands, and nothing else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka-all.h"
#include "macros.h"
#include "sabotage.h"

#define TEXT "....................<mark>abcdefghijklmnopqrstuvwxyz...................."
#define AT 20

static char bytes[sizeof(TEXT)];

static struct sabotage *make(const char *text)
{
	struct sabotage *s;
	char *why;

	assert_int_equal(sabotage_new(text, &s, &why), 0);
	return s;
}

/* TEXT, after what FAULT did to it. */
static size_t act(const char *fault)
{
	struct sabotage *s = make(fault);
	size_t n;

	memcpy(bytes, TEXT, sizeof(bytes));
	n = sabotage_act(s, bytes, sizeof(bytes));
	sabotage_free(s);
	return n;
}

static void right_but(size_t from, size_t to)
{
	assert_memory_equal(bytes, TEXT, from);
	assert_memory_equal(bytes + to, &TEXT[to], sizeof(bytes) - to);
}

static void zeros_behind_the_mark(void **state)
{
	(void)state;
	assert_int_equal(act("zero,mark=<mark>,count=9"), 9);
	right_but(AT, AT + 9);
	assert_memory_equal(bytes + AT, "\0\0\0\0\0\0\0\0\0", 9);
}

static void bytes_that_are_nobodys(void **state)
{
	(void)state;
	assert_in_range(act("random,mark=<mark>,count=12"), 10, 12);
	right_but(AT, AT + 12);
	assert_memory_not_equal(bytes + AT, &TEXT[AT], 12);
}

static void one_bit(void **state)
{
	(void)state;
	assert_int_equal(act("bitflip,mark=abc"), 1);
	right_but(26, 27);
	assert_int_equal(bytes[26], 'a' ^ 4);
}

static void bytes_from_behind(void **state)
{
	(void)state;
	assert_int_equal(act("shifted,mark=<mark>,count=6,by=10"), 6);
	right_but(AT, AT + 6);
	assert_memory_equal(bytes + AT, "efghij", 6);
}

static void bytes_that_came_before(void **state)
{
	struct sabotage *s = make("foreign,mark=<mark>,from=other:,count=10");
	char earlier[] = "and other:0123456789";

	(void)state;
	memcpy(bytes, TEXT, sizeof(bytes));
	assert_int_equal(sabotage_act(s, bytes, 10), 0);
	assert_int_equal(sabotage_act(s, earlier, sizeof(earlier)), 0);
	assert_string_equal(earlier, "and other:0123456789");
	assert_int_equal(sabotage_act(s, bytes, sizeof(bytes)), 10);
	right_but(AT, AT + 10);
	assert_memory_equal(bytes + AT, "other:0123", 10);
	sabotage_free(s);
}

static void nothing_else_came_before(void **state)
{
	(void)state;
	assert_int_equal(act("foreign,mark=<mark>,from=other:,count=10"), 0);
	right_but(sizeof(bytes), sizeof(bytes));
}

static void the_range_ends_with_the_bytes(void **state)
{
	(void)state;
	assert_int_equal(act("zero,mark=xyz,count=1000"), sizeof(TEXT) - 1 - 49);
	right_but(49, sizeof(bytes));
	assert_int_equal(act("shifted,mark=xyz,count=1000,by=100"), 0);
	right_but(sizeof(bytes), sizeof(bytes));
}

static void the_range_may_begin_behind_the_mark(void **state)
{
	(void)state;
	assert_int_equal(act("zero,mark=<mark>,skip=6,count=2"), 2);
	right_but(AT + 6, AT + 8);
	assert_int_equal(act("zero,mark=<mark>,skip=600,count=2"), 0);
	right_but(sizeof(bytes), sizeof(bytes));
}

static void bytes_without_the_mark_are_left_alone(void **state)
{
	(void)state;
	assert_int_equal(act("zero,mark=nowhere,count=9"), 0);
	right_but(sizeof(bytes), sizeof(bytes));
}

static void it_acts_as_often_as_told(void **state)
{
	struct sabotage *s = make("zero,mark=<mark>,count=9,times=1");

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		memcpy(bytes, TEXT, sizeof(bytes));
		assert_int_equal(sabotage_act(s, bytes, sizeof(bytes)), i ? 0 : 9);
	}
	sabotage_free(s);
}

static void nonsense_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"fish,mark=x",
		"zero",
		"zero,mark=",
		"zero,mark=x,count=0",
		"zero,mark=x,count=99999999",
		"zero,mark=x,by",
		"zero,mark=x,fish=1",
		"foreign,mark=x",
		"zero,mark=x,",
		"zero,mark=x,count=one",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sabotage *s;
		char *why = NULL;

		assert_int_equal(sabotage_new(bad[i], &s, &why), -EINVAL);
		assert_non_null(why);
		free(why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeros_behind_the_mark),
		cmocka_unit_test(bytes_that_are_nobodys),
		cmocka_unit_test(one_bit),
		cmocka_unit_test(bytes_from_behind),
		cmocka_unit_test(bytes_that_came_before),
		cmocka_unit_test(nothing_else_came_before),
		cmocka_unit_test(the_range_ends_with_the_bytes),
		cmocka_unit_test(the_range_may_begin_behind_the_mark),
		cmocka_unit_test(bytes_without_the_mark_are_left_alone),
		cmocka_unit_test(it_acts_as_often_as_told),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
