/* SPDX-License-Identifier: MIT */
/* Damage is planted in a block; the class and the range have to come out, with the guest's bytes
 * known and with nothing but their digest. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "classify.h"
#include "corpus.h"
#include "digest.h"

#define BLOCKS 8
#define BLOCK 3 /* the one that is damaged */

struct setting {
	unsigned char file[BLOCKS * DIGEST_BLOCK];
	unsigned char guest[DIGEST_BLOCK];
	struct specimen s;
};

static int setup(void **state)
{
	struct setting *t = calloc(1, sizeof(*t));

	srandom(1);
	for (size_t i = 0; i < sizeof(t->file); i++)
		t->file[i] = (unsigned char)(random() >> 8);
	t->s = (struct specimen){
		.host = t->file + BLOCK * DIGEST_BLOCK,
		.n = DIGEST_BLOCK,
		.offset = BLOCK * DIGEST_BLOCK,
		.host_fd = memfd_create("file", MFD_CLOEXEC),
		.is_thorough = true,
	};
	if (write(t->s.host_fd, t->file, sizeof(t->file)) != (ssize_t)sizeof(t->file))
		return -1;
	memcpy(t->guest, t->s.host, DIGEST_BLOCK);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct setting *t = *state;

	close(t->s.host_fd);
	free(t);
	return 0;
}

/* Once with the bytes, once with the digest alone. */
static void expect(struct setting *t, enum damage class, size_t from, size_t to, int64_t shift)
{
	for (int with_bytes = 0; with_bytes < 2; with_bytes++) {
		struct diagnosis d;

		t->s.digest = digest_of(t->guest, t->s.n);
		t->s.guest = with_bytes ? t->guest : NULL;
		classify(&t->s, &d);
		assert_string_equal(damage_name(d.class), damage_name(class));
		assert_int_equal(d.from, from);
		assert_int_equal(d.to, to);
		assert_int_equal(d.shift, shift);
	}
}

static void a_zeroed_tail_is_found_to_the_byte(void **state)
{
	struct setting *t = *state;

	memset(t->guest + 1000, 0, DIGEST_BLOCK - 1000);
	expect(t, DAMAGE_ZERO, 1000, DIGEST_BLOCK, 0);
}

static void the_last_block_may_be_short(void **state)
{
	struct setting *t = *state;

	t->s.n = 655;
	memset(t->guest, 0, 655);
	expect(t, DAMAGE_ZERO, 0, 655, 0);
}

static void a_zeroed_start_is_found_to_the_byte(void **state)
{
	struct setting *t = *state;

	memset(t->guest, 0, 1213);
	expect(t, DAMAGE_ZERO, 0, 1213, 0);
}

static void a_flipped_bit_is_found(void **state)
{
	struct setting *t = *state;

	t->guest[777] ^= 0x10;
	expect(t, DAMAGE_BITFLIP, 777, 778, 0);
}

static void the_last_bit_that_became_zero_is_a_flip(void **state)
{
	struct setting *t = *state;

	t->file[BLOCK * DIGEST_BLOCK + DIGEST_BLOCK - 1] = 0x40;
	t->guest[DIGEST_BLOCK - 1] = 0;
	expect(t, DAMAGE_BITFLIP, DIGEST_BLOCK - 1, DIGEST_BLOCK, 0);
}

static void bytes_of_another_place_are_shifted(void **state)
{
	struct setting *t = *state;

	memcpy(t->guest, t->s.host + 24, DIGEST_BLOCK);
	expect(t, DAMAGE_SHIFTED, 0, DIGEST_BLOCK, 24);
	memcpy(t->guest, t->s.host - 4096, DIGEST_BLOCK);
	expect(t, DAMAGE_SHIFTED, 0, DIGEST_BLOCK, -4096);
}

static void one_wrong_byte_is_found(void **state)
{
	struct setting *t = *state;

	t->guest[5] ^= 0x5a;
	expect(t, DAMAGE_RANDOM, 5, 6, 0);
}

static void noise_is_random_and_its_range_is_known_with_bytes(void **state)
{
	struct setting *t = *state;
	struct diagnosis d;

	for (size_t i = 100; i < 200; i++)
		t->guest[i] ^= 0xa5;
	t->s.digest = digest_of(t->guest, t->s.n);
	t->s.is_thorough = false;
	classify(&t->s, &d);
	assert_int_equal(d.class, DAMAGE_RANDOM);
	assert_false(d.is_exact);
	assert_int_equal(d.to, DIGEST_BLOCK);
	t->s.guest = t->guest;
	classify(&t->s, &d);
	assert_int_equal(d.class, DAMAGE_RANDOM);
	assert_true(d.is_exact);
	assert_int_equal(d.from, 100);
	assert_int_equal(d.to, 200);
}

/* The host's block becomes one of the corpus, of generation 3. */
static void make_corpus(struct setting *t, size_t n)
{
	t->s.n = n;
	corpus_fill(0x101, 3, (uint32_t)t->s.offset, (unsigned char *)t->s.host, n);
	memcpy(t->guest, t->s.host, n);
}

static void an_older_generation_is_stale(void **state)
{
	struct setting *t = *state;

	make_corpus(t, DIGEST_BLOCK);
	corpus_fill(0x101, 1, (uint32_t)t->s.offset, t->guest, t->s.n);
	expect(t, DAMAGE_STALE, 0, DIGEST_BLOCK, 0);
	/* The end of the file cuts its last unit. */
	make_corpus(t, 653);
	corpus_fill(0x101, 2, (uint32_t)t->s.offset, t->guest, t->s.n);
	expect(t, DAMAGE_STALE, 0, 653, 0);
}

static void two_generations_in_a_page_are_torn(void **state)
{
	struct setting *t = *state;

	make_corpus(t, DIGEST_BLOCK);
	corpus_fill(0x101, 2, (uint32_t)t->s.offset + 1024, t->guest + 1024, DIGEST_BLOCK - 1024);
	expect(t, DAMAGE_TORN, 1024, DIGEST_BLOCK, 0);
	make_corpus(t, DIGEST_BLOCK);
	corpus_fill(0x101, 2, (uint32_t)t->s.offset, t->guest, 48);
	expect(t, DAMAGE_TORN, 0, 48, 0);
}

static void units_of_other_places_are_not_old(void **state)
{
	struct setting *t = *state;
	struct diagnosis d;

	make_corpus(t, DIGEST_BLOCK);
	corpus_fill(0x101, 2, (uint32_t)t->s.offset + 4096, t->guest, DIGEST_BLOCK);
	t->s.digest = digest_of(t->guest, t->s.n);
	t->s.guest = t->guest;
	classify(&t->s, &d);
	assert_int_equal(d.class, DAMAGE_RANDOM);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_zeroed_tail_is_found_to_the_byte),
		TEST(the_last_block_may_be_short),
		TEST(a_zeroed_start_is_found_to_the_byte),
		TEST(a_flipped_bit_is_found),
		TEST(the_last_bit_that_became_zero_is_a_flip),
		TEST(bytes_of_another_place_are_shifted),
		TEST(one_wrong_byte_is_found),
		TEST(an_older_generation_is_stale),
		TEST(two_generations_in_a_page_are_torn),
		TEST(units_of_other_places_are_not_old),
		TEST(noise_is_random_and_its_range_is_known_with_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
