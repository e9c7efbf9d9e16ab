/* SPDX-License-Identifier: MIT */
/* The model as a whole gives the values that were seen in kernels and published: which sizes fail,
 * where the cursor stands, which bytes are lost. And no layout of memory changes what it does. */
#include "cmocka-all.h"

#include <stdlib.h>
#include <string.h>

#include "explore.h"
#include "macros.h"
#include "model.h"
#include "prng.h"

static const struct step sequential = {.kind = STEP_ADVISE, .advice = ADVICE_SEQUENTIAL};

static struct model_config config_of(const char *version)
{
	struct model_config c = model_config_default();

	assert_int_equal(kernel_rules_of(version, &c.rules), 0);
	return c;
}

/* Reads the file as cat does (IS_ANNOUNCED), or just from start to end. */
static struct model *cat(const struct model_config *c, bool is_announced)
{
	struct step read = {.kind = STEP_READ, .len = 131072};
	struct model *m;
	size_t n;

	assert_int_equal(model_new(c, &m), 0);
	if (is_announced)
		assert_int_equal(model_step(m, &sequential, NULL, NULL), 0);
	do {
		assert_int_equal(model_step(m, &read, NULL, &n), 0);
		read.offset += n;
	} while (n);
	assert_int_equal(read.offset, c->size);
	return m;
}

static uint64_t lost_by_cat(const struct model_config *c, bool is_announced)
{
	struct model *m = cat(c, is_announced);
	uint64_t lost = m->lost;

	model_free(m);
	return lost;
}

static const struct event *tread(const struct model *m, unsigned number)
{
	for (size_t i = 0; i < m->rec.n; i++)
		if (m->rec.events[i].kind == EVENT_TREAD && m->rec.events[i].tread == number)
			return &m->rec.events[i];
	fail_msg("there is no Tread %u", number);
	return NULL;
}

static void check_cursor(const struct cursor *c, size_t slot, size_t offset, size_t count)
{
	assert_int_equal(c->slot, slot);
	assert_int_equal(c->iov_offset, offset);
	assert_int_equal(c->count, count);
}

static void the_article_is_played_as_it_was_seen(void **state)
{
	struct model_config c = config_of("6.12.43");
	struct model *m = cat(&c, true);

	(void)state;
	assert_int_equal(m->rec.treads, 2);
	assert_int_equal(tread(m, 1)->count, 0x3000);
	assert_true(tread(m, 1)->zero_copy);
	check_cursor(&tread(m, 1)->before, 0, 0, 12943);
	check_cursor(&tread(m, 1)->after, 2, 4096, 655);
	assert_int_equal(tread(m, 2)->count, 0x28f);
	assert_false(tread(m, 2)->zero_copy);
	check_cursor(&tread(m, 2)->after, 3, 0, 0);
	assert_int_equal(m->n_damages, 1);
	assert_int_equal(m->damages[0].offset, 0x3000);
	assert_int_equal(m->damages[0].len, 655);
	assert_int_equal(m->damages[0].tread, 2);
	assert_int_equal(m->damages[0].step, 1);
	assert_true(m->damages[0].from == FROM_NOWHERE);
	assert_int_equal(m->rec.outside, 1);
	model_free(m);
}

static void the_fix_mends_it(void **state)
{
	struct model_config c = config_of("6.12.44");
	struct model *m = cat(&c, true);

	(void)state;
	assert_true(model_is_sound(m));
	check_cursor(&tread(m, 2)->before, 2, 4096, 655);
	check_cursor(&tread(m, 2)->after, 3, 655, 0);
	model_free(m);
}

static void not_to_park_would_have_mended_it_too(void **state)
{
	struct model_config c = config_of("6.12.43");
	struct model *m;

	(void)state;
	c.rules.has[BUG_PARKING] = false;
	m = cat(&c, true);
	assert_true(model_is_sound(m));
	check_cursor(&tread(m, 1)->after, 3, 0, 655);
	model_free(m);
}

/* In a fresh guest the pages came in descending order. */
static void the_stray_bytes_may_hit_the_same_file(void **state)
{
	struct model_config c = config_of("6.12.43");
	struct model *m;

	(void)state;
	c.layout = LAYOUT_DESCENDING;
	m = cat(&c, true);
	assert_int_equal(m->lost, 1310);
	assert_int_equal(m->damages[0].offset, 4096);
	assert_int_equal(m->damages[0].from, 0x3000);
	model_free(m);
}

static void the_right_order_of_pages_hides_it_from_all_but_the_model(void **state)
{
	struct model_config c = config_of("6.12.43");
	struct model *m;

	(void)state;
	c.layout = LAYOUT_ASCENDING;
	m = cat(&c, true);
	assert_int_equal(m->lost, 0);
	assert_int_equal(m->rec.outside, 1);
	assert_false(model_is_sound(m));
	model_free(m);
}

static void what_the_experiments_varied(void **state)
{
	static const struct {
		const char *version;
		uint64_t size;
		uint32_t msize, iounit;
		enum model_cache cache;
		bool is_announced;
		uint64_t lost;
	} rows[] = {
		{"6.12.43", 12943, 16384, 12288, MODEL_CACHE_MMAP, false, 0},
		{"6.12.43", 12943, 16384, 12288, MODEL_CACHE_READAHEAD, true, 655},
		{"6.12.43", 12943, 16384, 12288, MODEL_CACHE_LOOSE, true, 655},
		{"6.12.43", 12943, 16384, 12288, MODEL_CACHE_NONE, true, 0},
		{"6.1", 12943, 16384, 12288, MODEL_CACHE_NONE, true, 0},
		{"6.11", 12943, 16384, 12288, MODEL_CACHE_MMAP, true, 0},
		/* one request for all */
		{"6.12.43", 12943, 32768, 28672, MODEL_CACHE_MMAP, true, 0},
		/* requests that do not end with a page */
		{"6.12.43", 12943, 16384, 0, MODEL_CACHE_MMAP, true, 0},
		{"6.12.43", 12943, 16384, 12287, MODEL_CACHE_MMAP, true, 0},
		{"6.12.43", 12943, 12312, 0, MODEL_CACHE_MMAP, true, 655},
		/* a small iounit brings it about without an advice */
		{"6.12.43", 12943, 512000, 12288, MODEL_CACHE_MMAP, false, 655},
		{"6.12.43", 4097, 16384, 4096, MODEL_CACHE_MMAP, false, 1},
		/* only what is copied is lost */
		{"6.12.43", 12288, 16384, 12288, MODEL_CACHE_MMAP, true, 0},
		{"6.12.43", 12289, 16384, 12288, MODEL_CACHE_MMAP, true, 1},
		{"6.12.43", 13312, 16384, 12288, MODEL_CACHE_MMAP, true, 1024},
		{"6.12.43", 13313, 16384, 12288, MODEL_CACHE_MMAP, true, 0},
		/* the default msize */
		{"6.12.43", 131073, 131096, 0, MODEL_CACHE_MMAP, true, 1},
		{"6.12.43", 131727, 131096, 0, MODEL_CACHE_MMAP, true, 655},
		{"6.12.43", 132097, 131096, 0, MODEL_CACHE_MMAP, true, 0},
		/* the bugs before it */
		{"6.12-rc5", 40000, 131096, 12288, MODEL_CACHE_MMAP, false, 27712},
		{"6.12-rc6", 40000, 131096, 12288, MODEL_CACHE_MMAP, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct model_config c = config_of(rows[i].version);
		uint64_t lost;

		c.size = rows[i].size;
		c.msize = rows[i].msize;
		c.iounit = rows[i].iounit;
		c.cache = rows[i].cache;
		lost = lost_by_cat(&c, rows[i].is_announced);
		if (lost != rows[i].lost)
			fail_msg("row %zu: %u lost", i, (unsigned)lost);
	}
}

static void short_answers_and_other_transports_are_safe(void **state)
{
	struct model_config c = config_of("6.12.43");

	(void)state;
	c.reply_limit = 5000;
	assert_int_equal(lost_by_cat(&c, true), 0);
	c.reply_limit = 0;
	c.is_copy_only = true;
	assert_int_equal(lost_by_cat(&c, true), 0);
}

/* 1024 of each 12288 sizes with two windows of one chunk each: 4.4 % of them. */
static void one_size_in_twenty_three_fails(void **state)
{
	struct model_config c = config_of("6.12.43");
	unsigned failing = 0, n = 0;

	(void)state;
	c.is_brief = true;
	for (c.size = 12289; c.size <= 100000; c.size += 61, n++)
		failing += lost_by_cat(&c, true) > 0;
	assert_in_range(failing * 1000 / n, 40, 48);
}

/* A random configuration and eight random steps. */
static struct model *play(const char *version, uint64_t seed, enum layout layout)
{
	static const uint32_t msizes[] = {8216, 12312, 16384, 20504, 36888, 131096};
	static const uint32_t iounits[] = {0, 4096, 12288, 12287, 1000};
	struct model_config c = config_of(version);
	uint64_t rng = seed + 1;
	struct model *m;

	c.msize = msizes[prng_below(&rng, ARRAY_SIZE(msizes))];
	c.iounit = iounits[prng_below(&rng, ARRAY_SIZE(iounits))];
	c.cache = (enum model_cache)prng_below(&rng, N_MODEL_CACHES);
	c.reply_limit = prng_below(&rng, 6) ? 0 : 700 + (uint32_t)prng_below(&rng, 9000);
	c.size = 1 + prng_below(&rng, 3 * 12288);
	if (prng_below(&rng, 2))
		c.size = (1 + prng_below(&rng, 6)) * 4096 + prng_below(&rng, 1100);
	c.layout = layout;
	assert_int_equal(model_new(&c, &m), 0);
	for (unsigned i = 0; i < 8; i++) {
		struct step s = {.kind = prng_below(&rng, 3) ? STEP_READ
							     : (enum step_kind)prng_below(&rng, 4),
				 .advice = (enum advice)prng_below(&rng, 5),
				 .offset = prng_below(&rng, c.size),
				 .len = 1 + prng_below(&rng, 2 * c.size)};

		if (prng_below(&rng, 2))
			s.offset = s.offset / 4096 * 4096;
		assert_int_equal(model_step(m, &s, NULL, NULL), 0);
	}
	return m;
}

#define CASES 2000

static void no_invariant_breaks_without_a_bug(void **state)
{
	static const char *const versions[] = {"6.12.44", "6.1", "7.0"};

	(void)state;
	for (uint64_t seed = 0; seed < CASES; seed++) {
		struct model *m = play(versions[seed % 3], seed, (enum layout)(seed % N_LAYOUTS));

		if (!model_is_sound(m))
			fail_msg("seed %u", (unsigned)seed);
		model_free(m);
	}
}

static bool is_same_cursor(const struct cursor *a, const struct cursor *b)
{
	return a->slot == b->slot && a->iov_offset == b->iov_offset && a->count == b->count;
}

/* With the bug or without: where the bytes go is another thing, what is done is the same. */
static void the_layout_of_memory_decides_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < CASES / 10; seed++) {
		struct model *a = play("6.12.43", seed, LAYOUT_SCATTERED);

		for (int layout = 1; layout < N_LAYOUTS; layout++) {
			struct model *b = play("6.12.43", seed, (enum layout)layout);

			assert_int_equal(a->rec.treads, b->rec.treads);
			assert_int_equal(a->rec.outside, b->rec.outside);
			for (unsigned i = 1; i <= a->rec.treads; i++)
				assert_true(
					is_same_cursor(&tread(a, i)->after, &tread(b, i)->after));
			model_free(b);
		}
		model_free(a);
	}
}

static unsigned unsound_with(const char *version)
{
	unsigned n = 0;

	for (uint64_t seed = 0; seed < CASES; seed++) {
		struct model *m = play(version, seed, LAYOUT_SCATTERED);

		n += !model_is_sound(m);
		model_free(m);
	}
	print_message("%s: %u of %u cases break an invariant\n", version, n, CASES);
	return n;
}

static void each_bug_breaks_invariants(void **state)
{
	unsigned rc1 = unsound_with("6.12-rc1"), rc2 = unsound_with("6.12-rc2"),
		 rc6 = unsound_with("6.12-rc6");

	(void)state;
	assert_true(rc1 > rc2 && rc2 > rc6 && rc6 > 20);
}

static void the_smallest_file_is_found(void **state)
{
	struct explore_plan plan = {.config = config_of("6.12.43"), .max_steps = 2, .max_pages = 4};
	struct explore_result found;
	struct read_trace t;

	(void)state;
	assert_int_equal(explore(&plan, &t, &found), 0);
	assert_true(found.is_found);
	assert_int_equal(t.config.size, 12289);
	assert_int_equal(t.n, 2);
	read_trace_done(&t);
	plan.config = config_of("6.12.44");
	assert_int_equal(explore(&plan, &t, &found), 0);
	assert_false(found.is_found);
	assert_int_equal(found.sizes, 20);
	read_trace_done(&t);
}

static void an_empty_file_and_a_read_behind_the_end_are_no_trouble(void **state)
{
	struct model_config c = config_of("6.12.43");
	struct step s = {.kind = STEP_READ, .offset = 1 << 20, .len = 4096};
	struct model *m;
	size_t n = 1;

	(void)state;
	for (int cache = 0; cache < N_MODEL_CACHES; cache++) {
		c.cache = (enum model_cache)cache;
		c.size = cache % 2 ? 0 : 5000;
		assert_int_equal(model_new(&c, &m), 0);
		assert_int_equal(model_step(m, &s, NULL, &n), 0);
		assert_int_equal(n, 0);
		assert_true(model_is_sound(m));
		model_free(m);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_article_is_played_as_it_was_seen),
		cmocka_unit_test(the_fix_mends_it),
		cmocka_unit_test(not_to_park_would_have_mended_it_too),
		cmocka_unit_test(the_stray_bytes_may_hit_the_same_file),
		cmocka_unit_test(the_right_order_of_pages_hides_it_from_all_but_the_model),
		cmocka_unit_test(what_the_experiments_varied),
		cmocka_unit_test(short_answers_and_other_transports_are_safe),
		cmocka_unit_test(one_size_in_twenty_three_fails),
		cmocka_unit_test(no_invariant_breaks_without_a_bug),
		cmocka_unit_test(the_layout_of_memory_decides_nothing),
		cmocka_unit_test(each_bug_breaks_invariants),
		cmocka_unit_test(the_smallest_file_is_found),
		cmocka_unit_test(an_empty_file_and_a_read_behind_the_end_are_no_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
