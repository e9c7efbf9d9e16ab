/* SPDX-License-Identifier: MIT */
/* The language of scenarios, the scenarios that are written in it, and the answers of the guest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka-all.h"
#include "macros.h"
#include "scenario.h"
#include "seen.h"

static struct step parse(const char *text)
{
	struct step s;

	assert_int_equal(step_parse(&text, &s), 0);
	return s;
}

static void a_step_is_read(void **state)
{
	struct step s = parse("  host write f a*10000@300 ; guest close 1");

	(void)state;
	assert_int_equal(s.verb, STEP_HOST_WRITE);
	assert_int_equal(s.side, STEP_HOST);
	assert_int_equal(s.effect, STEP_PUTS);
	assert_string_equal(s.file, "f");
	assert_int_equal(s.byte, 'a');
	assert_int_equal(s.count, 10000);
	assert_int_equal(s.offset, 300);
	s = parse("guest read 3 12 4096");
	assert_int_equal(s.handle, 3);
	assert_int_equal(s.n[0], 12);
	assert_int_equal(s.n[1], 4096);
	assert_int_equal(s.needs, STEP_HANDLE);
}

static void the_same_word_may_be_a_step_of_both(void **state)
{
	(void)state;
	assert_int_equal(parse("host unlink f").verb, STEP_HOST_UNLINK);
	assert_int_equal(parse("guest unlink f").verb, STEP_UNLINK);
}

static void steps_are_read_up_to_the_end(void **state)
{
	struct scenario s;
	const char *bad;

	(void)state;
	assert_int_equal(scenario_parse("host unlink f; guest stat f;\n\tguest stat g", &s, &bad),
			 0);
	assert_int_equal(s.n_steps, 3);
	assert_string_equal(s.steps[2].file, "g");
	assert_int_equal(scenario_parse("", &s, &bad), 0);
	assert_int_equal(s.n_steps, 0);
}

static void what_is_wrong_is_pointed_at(void **state)
{
	static const struct {
		const char *text, *at;
	} cases[] = {
		{"host fly f", "host fly f"},
		{"nobody write f a*1", "nobody write f a*1"},
		{"host write f A*1", "A*1"},
		{"host write f a*", ""},
		{"host write f a*1@", ""},
		{"host write f a*99999999", "99999999"},
		{"guest close 8", "8"},
		{"guest close", ""},
		{"guest close 1 2", "2"},
		{"guest close 1x", "x"},
		{"guest read 1 0", ""},
		{"host unlink averyveryverylongname", "averyveryverylongname"},
	};
	struct scenario s;
	const char *bad;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(scenario_parse(cases[i].text, &s, &bad), -EINVAL);
		assert_string_equal(bad, cases[i].at);
	}
}

static void too_many_steps_are_refused(void **state)
{
	char text[(SCENARIO_STEPS + 1) * 16] = "";
	struct scenario s;
	const char *bad;

	(void)state;
	for (int i = 0; i < SCENARIO_STEPS; i++)
		strcat(text, "guest close 1; ");
	assert_int_equal(scenario_parse(text, &s, &bad), 0);
	strcat(text, "guest close 1");
	assert_int_equal(scenario_parse(text, &s, &bad), -E2BIG);
}

static void the_guest_is_told_real_names(void **state)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
		{"guest open 1 f rw", "open 1 7-f rw"},
		{"guest rename g f", "rename 7-g 7-f"},
		{"guest write 2 b*10@5", "write 2 62:10 5"},
		{"guest append 2 b*10", "append 2 62:10"},
		{"guest read 1 3 4", "read 1 3 4"},
		{"guest map 1 4096 r", "map 1 4096 r"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct step s = parse(cases[i].text);
		char *told = step_for_hand(&s, "7-");

		assert_string_equal(told, cases[i].told);
		free(told);
	}
}

static void every_scenario_can_be_read(void **state)
{
	struct scenario s;
	size_t found;

	(void)state;
	for (size_t i = 0; i < scenario_count(); i++) {
		assert_int_equal(scenario_get(i, &s), 0);
		assert_true(s.n_steps > 1);
		assert_int_equal(scenario_find(s.name, strlen(s.name), &found), 0);
		assert_int_equal(found, i);
	}
	assert_int_equal(scenario_get(scenario_count(), &s), -ENOENT);
	assert_int_equal(scenario_find("append", 6, &found), -ENOENT);
}

static struct seen see(const char *line)
{
	struct seen s;

	assert_int_equal(seen_parse(line, &s), 0);
	return s;
}

static void an_answer_is_read(void **state)
{
	struct seen s = see("data 61:3 00:2 !EIO");

	(void)state;
	assert_int_equal(s.kind, SEEN_DATA);
	assert_int_equal(s.data.n, 5);
	assert_memory_equal(s.data.at, "aaa\0\0", 5);
	assert_string_equal(s.error, "EIO");
	seen_done(&s);
	s = see("data");
	assert_int_equal(s.data.n, 0);
	seen_done(&s);
	s = see("data 61:1 +");
	assert_true(s.has_more);
	seen_done(&s);
	assert_int_equal(see("size 4096").size, 4096);
	assert_int_equal(see("ok").kind, SEEN_OK);
	assert_int_equal(see("died").kind, SEEN_DIED);
	assert_string_equal(see("error SIGBUS").error, "SIGBUS");
	assert_true(see("stuck stays").stays);
	assert_false(see("stuck gone").stays);
}

static void a_guest_may_say_anything(void **state)
{
	static const char *const lines[] = {"",
					    "okay",
					    "data 61",
					    "data 61:",
					    "data 161:1",
					    "data 61:0",
					    "data 61:1x",
					    "data61:1",
					    "data 61:-1",
					    "size",
					    "size x",
					    "size 12 ",
					    "error",
					    "error ",
					    "error a b",
					    "error ABCDEFGHIJKLMNOPQ",
					    "stuck",
					    "stuck fast",
					    "data 61:99999999999999999999",
					    "data 61:4000000 62:4000000",
					    "data 61:1 !"};
	struct seen s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(seen_parse(lines[i], &s), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_is_read),
		cmocka_unit_test(the_same_word_may_be_a_step_of_both),
		cmocka_unit_test(steps_are_read_up_to_the_end),
		cmocka_unit_test(what_is_wrong_is_pointed_at),
		cmocka_unit_test(too_many_steps_are_refused),
		cmocka_unit_test(the_guest_is_told_real_names),
		cmocka_unit_test(every_scenario_can_be_read),
		cmocka_unit_test(an_answer_is_read),
		cmocka_unit_test(a_guest_may_say_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
