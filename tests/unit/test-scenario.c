/* SPDX-License-Identifier: MIT */
/* The oracle: scenarios are played with a guest that is made up, whose answers stand behind the steps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache-rules.h"
#include "cmocka-all.h"
#include "macros.h"
#include "scenario.h"
#include "seen.h"
#include "world.h"

#define LINUX "6.12.117"
#define A "host write f a*10"
#define A_READ A "; guest open 1 f r; guest read 1 0 99"

/* Plays STEPS; ANSWERS has a line for each that is not a change by the host, "|" between. */
static struct judgement play_on(const char *version, const char *cache, bool has_guard,
				const char *steps, const char *answers)
{
	const struct cache_rules *rules = cache_rules_find(cache, version);
	struct judgement worst = {0}, j;
	struct scenario s;
	struct world *w;
	const char *bad;

	assert_non_null(rules);
	assert_int_equal(scenario_parse(steps, &s, &bad), 0);
	assert_int_equal(world_new(rules, has_guard, &w), 0);
	for (size_t i = 0; i < s.n_steps; i++) {
		const struct step *step = &s.steps[i];
		bool is_silent = step->side == STEP_HOST && step->verb != STEP_HOST_LOOK;
		struct seen seen = {0};
		char line[100];
		size_t n = strcspn(answers, "|");

		if (!is_silent) {
			snprintf(line, sizeof(line), "%.*s", (int)n, answers);
			answers += n + (answers[n] == '|');
			assert_int_equal(seen_parse(line, &seen), 0);
		}
		assert_int_equal(world_step(w, step, &seen, &j), 0);
		judgement_add(&worst, &j);
		seen_done(&seen);
	}
	assert_string_equal(answers, "");
	world_free(w);
	return worst;
}

static struct judgement play(const char *cache, const char *steps, const char *answers)
{
	return play_on(LINUX, cache, false, steps, answers);
}

/* What it comes to in none, readahead, mmap and loose. */
static void expect(const char *steps, const char *answers, const enum mark marks[4])
{
	static const char *const caches[] = {"none", "readahead", "mmap", "loose"};

	for (size_t i = 0; i < ARRAY_SIZE(caches); i++) {
		struct judgement j = play(caches[i], steps, answers);

		if (j.mark != marks[i])
			print_message("cache=%s: %s (%s)\n", caches[i], mark_word(j.mark), j.text);
		assert_int_equal(j.mark, marks[i]);
	}
}

#define EXPECT(steps, answers, ...) expect(steps, answers, (const enum mark[4]){__VA_ARGS__})
#define ALL(m) MARK_##m, MARK_##m, MARK_##m, MARK_##m

static void what_the_host_holds_is_new(void **state)
{
	(void)state;
	EXPECT(A_READ "; guest fstat 1; guest stat f; guest close 1; host look f",
	       "ok|data 61:10|size 10|size 10|ok|data 61:10", ALL(NEW));
}

static void what_is_closed_may_be_old_only_with_loose(void **state)
{
	(void)state;
	EXPECT(A_READ "; guest close 1; host write f b*10; guest open 1 f r; guest read 1 0 99",
	       "ok|data 61:10|ok|ok|data 61:10", MARK_OLD, MARK_OLD, MARK_OLD, MARK_STALE);
}

static void what_is_held_may_be_old_with_any_cache(void **state)
{
	(void)state;
	EXPECT(A_READ "; host write f b*10; guest read 1 0 99", "ok|data 61:10|data 61:10",
	       MARK_OLD, MARK_STALE, MARK_STALE, MARK_STALE);
	/* page by page, too */
	EXPECT(A_READ "; host write f b*10; guest read 1 0 99", "ok|data 61:10|data 61:5 62:5",
	       MARK_OLD, MARK_STALE, MARK_STALE, MARK_STALE);
	EXPECT(A_READ "; host write f b*10; guest read 1 0 99", "ok|data 61:10|data 63:10",
	       ALL(WRONG));
}

static void a_size_may_be_as_old_as_data(void **state)
{
	(void)state;
	EXPECT(A_READ "; host append f b*5; guest fstat 1", "ok|data 61:10|size 10", MARK_OLD,
	       MARK_STALE, MARK_STALE, MARK_STALE);
	EXPECT(A_READ "; host append f b*5; guest fstat 1", "ok|data 61:10|size 12", ALL(WRONG));
}

static void zeros_are_never_allowed(void **state)
{
	struct judgement j;

	(void)state;
	EXPECT(A_READ "; host append f b*5; guest read 1 0 99", "ok|data 61:10|data 61:10 00:5",
	       ALL(ZEROS));
	j = play("mmap", A_READ "; host append f b*5; guest read 1 0 99",
		 "ok|data 61:10|data 61:10 00:5");
	assert_int_equal(j.problem, PROBLEM_APPENDED);
	/* not if the host has them */
	EXPECT("host write f a*1@4; guest open 1 f r; guest read 1 0 9", "ok|data 00:4 61:1",
	       ALL(NEW));
	/* nor is it that problem when nothing was appended */
	j = play("mmap", A_READ, "ok|data 61:5 00:5");
	assert_int_equal(j.mark, MARK_ZEROS);
	assert_int_equal(j.problem, PROBLEM_NONE);
}

static void padding_is_never_allowed(void **state)
{
	struct judgement j = play("loose",
				  A "; guest open 1 f r; host truncate f 5; guest read 1 0 99",
				  "ok|data 61:5 00:5");

	(void)state;
	assert_int_equal(j.mark, MARK_ZEROS);
	assert_int_equal(j.problem, PROBLEM_PADDED);
	EXPECT(A_READ "; host truncate f 5; guest read 1 0 99", "ok|data 61:10|data 61:10",
	       MARK_OLD, MARK_STALE, MARK_STALE, MARK_STALE);
}

static void bytes_that_are_missing_are_lost(void **state)
{
	(void)state;
	EXPECT(A_READ, "ok|data 61:9", ALL(LOST));
	EXPECT(A_READ, "ok|data", ALL(LOST));
	EXPECT(A_READ, "ok|data 61:11", ALL(WRONG));
}

static void what_hangs_is_never_allowed(void **state)
{
	const char *steps = A_READ "; host truncate f 5; guest read 1 0 99";
	struct judgement j = play("none", steps, "ok|data 61:10|stuck stays");

	(void)state;
	assert_int_equal(j.mark, MARK_HANG);
	assert_int_equal(j.problem, PROBLEM_ENDLESS);
	j = play("none", steps, "ok|data 61:10|error ENODATA");
	assert_int_equal(j.mark, MARK_ERROR);
	assert_int_equal(j.problem, PROBLEM_ENDLESS);
	EXPECT("guest stat f", "stuck gone", ALL(HANG));
	EXPECT("guest stat f", "died", ALL(ERROR));
}

static void an_error_is_honest_only_from_a_guard(void **state)
{
	const char *steps = A_READ "; host truncate f 5; guest read 1 0 99";
	const char *answers = "ok|data 61:10|data 61:5 !EIO";

	(void)state;
	assert_int_equal(play("none", steps, answers).mark, MARK_ERROR);
	assert_int_equal(play_on(LINUX, "none", true, steps, answers).mark, MARK_REFUSED);
	/* nothing is shorter here */
	assert_int_equal(play_on(LINUX, "none", true, A_READ, "ok|error EIO").mark, MARK_ERROR);
	/* zeros are none the better */
	assert_int_equal(
		play_on(LINUX, "none", true, steps, "ok|data 61:10|data 61:5 00:1 !EIO").mark,
		MARK_ZEROS);
}

static void names_are_as_old_as_what_holds_them(void **state)
{
	const char *replace = "host write g b*12; host rename g f; guest stat f";
	char steps[200];
	struct judgement j;

	(void)state;
	snprintf(steps, sizeof(steps), "%s; %s", A_READ, replace);
	EXPECT(steps, "ok|data 61:10|size 12", ALL(NEW));
	EXPECT(steps, "ok|data 61:10|size 10", MARK_OLD, MARK_STALE, MARK_STALE, MARK_STALE);
	j = play("none", steps, "ok|data 61:10|size 10");
	assert_int_equal(j.problem, PROBLEM_NAME);
	snprintf(steps, sizeof(steps), "%s; guest close 1; %s", A_READ, replace);
	EXPECT(steps, "ok|data 61:10|ok|size 10", MARK_OLD, MARK_OLD, MARK_OLD, MARK_STALE);
	EXPECT(A_READ "; host unlink f; guest stat f", "ok|data 61:10|error ENOENT", ALL(NEW));
	EXPECT(A_READ "; host unlink f; guest stat f", "ok|data 61:10|size 10", MARK_OLD,
	       MARK_STALE, MARK_STALE, MARK_STALE);
}

static void an_unlinked_file_is_still_there_for_its_holder(void **state)
{
	struct judgement j;

	(void)state;
	EXPECT(A_READ "; host unlink f; guest read 1 0 99; guest fstat 1",
	       "ok|data 61:10|data 61:10|size 10", ALL(NEW));
	EXPECT(A_READ "; host unlink f; guest fstat 1", "ok|data 61:10|error ENOENT", ALL(ERROR));
	j = play("none", A_READ "; host unlink f; guest fstat 1", "ok|data 61:10|error ENOENT");
	assert_int_equal(j.problem, PROBLEM_PATH);
	j = play("none", A_READ "; host write g b*12; host rename g f; guest fstat 1",
		 "ok|data 61:10|size 12");
	assert_int_equal(j.mark, MARK_WRONG);
	assert_int_equal(j.problem, PROBLEM_PATH);
	EXPECT("host write f a*10; guest open 1 f rw; guest unlink f; guest ftruncate 1 5",
	       "ok|ok|error ENOENT", ALL(ERROR));
}

static void that_a_name_is_absent_is_remembered_since_7_2(void **state)
{
	const char *steps = "guest stat f; " A "; guest stat f";
	const char *answers = "error ENOENT|error ENOENT";

	(void)state;
	EXPECT(steps, answers, ALL(ERROR));
	assert_int_equal(play_on("7.3.4-1", "loose", false, steps, answers).mark, MARK_STALE);
	assert_int_equal(play_on("7.3.4-1", "mmap", false, steps, answers).mark, MARK_ERROR);
}

static void the_host_may_have_to_wait_for_writes(void **state)
{
	const char *steps = A "; guest open 1 f rw; guest write 1 g*4; host look f";

	(void)state;
	EXPECT(steps, "ok|ok|data 67:4 61:6", ALL(NEW));
	EXPECT(steps, "ok|ok|data 61:10", MARK_LOST, MARK_LOST, MARK_STALE, MARK_STALE);
	EXPECT(A "; guest open 1 f rw; guest write 1 g*4; guest fsync 1; host look f",
	       "ok|ok|ok|data 61:10", ALL(LOST));
	EXPECT(A "; guest open 1 f rw; guest write 1 g*4; guest close 1; host look f",
	       "ok|ok|ok|data 61:10", ALL(LOST));
}

static void before_6_4_not_even_close_brings_writes_to_the_host_with_loose(void **state)
{
	const char *steps = A "; guest open 1 f rw; guest write 1 g*4; guest close 1; host look f";
	const char *answers = "ok|ok|ok|data 61:10";

	(void)state;
	assert_int_equal(play_on("6.1.0-56-amd64", "loose", false, steps, answers).mark,
			 MARK_STALE);
	assert_int_equal(play_on("6.1.0-56-amd64", "mmap", false, steps, answers).mark, MARK_LOST);
	assert_int_equal(play_on("6.6", "loose", false, steps, answers).mark, MARK_LOST);
}

static void a_guest_sees_its_own_writes(void **state)
{
	(void)state;
	EXPECT(A_READ "; guest open 2 f rw; guest write 2 g*4; guest read 1 0 99",
	       "ok|data 61:10|ok|ok|data 61:10", ALL(WRONG));
	/* nor does a change by the host in between make it otherwise */
	EXPECT(A_READ
	       "; guest open 2 f rw; host write f b*10; guest write 2 g*4; guest read 1 0 99",
	       "ok|data 61:10|ok|ok|data 67:4 61:6", MARK_OLD, MARK_STALE, MARK_STALE, MARK_STALE);
	EXPECT(A_READ
	       "; guest open 2 f rw; host write f b*10; guest write 2 g*4; guest read 1 0 99",
	       "ok|data 61:10|ok|ok|data 61:10", ALL(WRONG));
}

static void what_the_host_wrote_must_not_be_undone(void **state)
{
	const char *steps = A "; guest open 1 f rw; guest write 1 g*4; host write f h*2@6; "
			      "guest fsync 1; host look f";
	struct judgement j;

	(void)state;
	EXPECT(steps, "ok|ok|ok|data 67:4 61:2 68:2 61:2", ALL(NEW));
	EXPECT(steps, "ok|ok|ok|data 67:4 61:6", ALL(LOST));
	j = play("mmap", steps, "ok|ok|ok|data 67:4 61:6");
	assert_int_equal(j.problem, PROBLEM_UNDONE);
	/* what the guest wrote is gone: that is another thing */
	j = play("mmap", steps, "ok|ok|ok|data 61:6 68:2 61:2");
	assert_int_equal(j.mark, MARK_LOST);
	assert_int_equal(j.problem, PROBLEM_NONE);
}

static void appended_bytes_may_change_places_where_writes_wait(void **state)
{
	const char *steps = A "; guest open 1 f a; guest append 1 g*2; host append f h*3; "
			      "guest close 1; host look f";

	(void)state;
	EXPECT(steps, "ok|ok|ok|data 61:10 67:2 68:3", ALL(NEW));
	EXPECT(steps, "ok|ok|ok|data 61:10 68:3 67:2", MARK_WRONG, MARK_WRONG, MARK_NEW, MARK_NEW);
	EXPECT(steps, "ok|ok|ok|data 61:10 67:2", ALL(LOST));
	EXPECT(steps, "ok|ok|ok|data 61:10 67:2 68:3 67:2", ALL(WRONG));
}

static void mappings_keep_what_they_showed(void **state)
{
	const char *steps = A "; guest open 1 f r; guest map 1 10 r; guest peek 1 0 10; "
			      "host write f b*10; guest peek 1 0 10";

	(void)state;
	EXPECT(steps, "ok|ok|data 61:10|data 61:10", ALL(STALE));
	EXPECT(steps, "ok|ok|data 61:10|data 00:10", ALL(ZEROS));
	/* behind the end, in its last page */
	EXPECT(A "; guest open 1 f r; guest map 1 99 r; guest peek 1 0 99",
	       "ok|ok|data 61:10 00:89", ALL(NEW));
	EXPECT(A "; guest open 1 f r; guest map 1 9999 r; guest peek 1 0 9999",
	       "ok|ok|error SIGBUS", ALL(NEW));
	EXPECT(A "; guest open 1 f r; guest map 1 99 r; guest peek 1 0 99", "ok|ok|error SIGBUS",
	       ALL(ERROR));
}

static void a_shared_mapping_may_be_refused_where_nothing_is_cached(void **state)
{
	(void)state;
	EXPECT(A "; guest open 1 f rw; guest map 1 10 rw; guest poke 1 g*2; host look f",
	       "ok|error EINVAL|error EFAULT|data 61:10", MARK_REFUSED, MARK_REFUSED, MARK_ERROR,
	       MARK_ERROR);
	EXPECT(A "; guest open 1 f r; guest map 1 10 r", "ok|error EINVAL", ALL(ERROR));
}

static void a_kernel_may_not_know_a_mode(void **state)
{
	(void)state;
	assert_null(cache_rules_find("readahead", "6.1.0-56-amd64"));
	assert_non_null(cache_rules_find("mmap", "6.1.0-56-amd64"));
	assert_null(cache_rules_find("fish", LINUX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_host_holds_is_new),
		cmocka_unit_test(what_is_closed_may_be_old_only_with_loose),
		cmocka_unit_test(what_is_held_may_be_old_with_any_cache),
		cmocka_unit_test(a_size_may_be_as_old_as_data),
		cmocka_unit_test(zeros_are_never_allowed),
		cmocka_unit_test(padding_is_never_allowed),
		cmocka_unit_test(bytes_that_are_missing_are_lost),
		cmocka_unit_test(what_hangs_is_never_allowed),
		cmocka_unit_test(an_error_is_honest_only_from_a_guard),
		cmocka_unit_test(names_are_as_old_as_what_holds_them),
		cmocka_unit_test(an_unlinked_file_is_still_there_for_its_holder),
		cmocka_unit_test(that_a_name_is_absent_is_remembered_since_7_2),
		cmocka_unit_test(the_host_may_have_to_wait_for_writes),
		cmocka_unit_test(before_6_4_not_even_close_brings_writes_to_the_host_with_loose),
		cmocka_unit_test(a_guest_sees_its_own_writes),
		cmocka_unit_test(what_the_host_wrote_must_not_be_undone),
		cmocka_unit_test(appended_bytes_may_change_places_where_writes_wait),
		cmocka_unit_test(mappings_keep_what_they_showed),
		cmocka_unit_test(a_shared_mapping_may_be_refused_where_nothing_is_cached),
		cmocka_unit_test(a_kernel_may_not_know_a_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
