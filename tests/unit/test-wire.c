/* SPDX-License-Identifier: MIT */
/* What one direction does, the other undoes: bytes, text, directory entries. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "cmocka-all.h"
#include "wire-all.h"

#define ROUNDS 2000

static uint8_t bytes[MOST_BYTES], again[MOST_BYTES];
static char scratch[MSG_RANDOM_SCRATCH], text_scratch[MSG_RANDOM_SCRATCH];

static size_t encode(const struct msg *m, uint8_t *buf)
{
	size_t n;

	assert_int_equal(msg_encode(m, buf, MOST_BYTES, &n), 0);
	return n;
}

static void decode(const uint8_t *buf, size_t n, struct msg *m)
{
	assert_int_equal(msg_decode(buf, n, 0, MSG_FROM_ANY, m), 0);
}

static char *print(const struct msg *m)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	msg_print(f, m);
	fclose(f);
	return text;
}

static void every_message_decodes_as_it_was_encoded(void **state)
{
	(void)state;
	for_each_type(type)
	{
		for (uint64_t seed = 0; seed < ROUNDS; seed++) {
			struct msg m, back;
			size_t n;

			msg_random(*type, seed, scratch, &m);
			n = encode(&m, bytes);
			decode(bytes, n, &back);
			assert_true(msg_is_equal(&m, &back));
			assert_int_equal(encode(&back, again), n);
			assert_memory_equal(bytes, again, n);
		}
	}
}

static void every_message_parses_as_it_was_printed(void **state)
{
	(void)state;
	for_each_type(type)
	{
		for (uint64_t seed = 0; seed < ROUNDS / 4; seed++) {
			autofree char *text = NULL;
			struct msg m, back;
			const char *at;

			msg_random(*type, seed, scratch, &m);
			text = print(&m);
			assert_int_equal(
				msg_parse(text, text_scratch, sizeof(text_scratch), &back, &at), 0);
			assert_int_equal(*at, 0);
			assert_true(msg_is_equal(&m, &back));
		}
	}
}

/* A comparison that overlooked a field would make the two tests above worthless. */
static void a_changed_byte_is_a_different_message(void **state)
{
	(void)state;
	for_each_type(type)
	{
		for (uint64_t seed = 0; seed < 20; seed++) {
			struct msg m, other;
			size_t n;

			msg_random(*type, seed, scratch, &m);
			n = encode(&m, bytes);
			for (size_t i = 5; i < n; i++) {
				bytes[i] ^= 1;
				if (!msg_decode(bytes, n, 0, MSG_FROM_ANY, &other))
					assert_false(msg_is_equal(&m, &other));
				bytes[i] ^= 1;
			}
		}
	}
}

static void a_random_message_stays_in_its_scratch(void **state)
{
	uint8_t *wide = malloc(MSG_RANDOM_SCRATCH + 64);

	(void)state;
	assert_non_null(wide);
	memset(wide, 0xa5, MSG_RANDOM_SCRATCH + 64);
	for_each_type(type)
	{
		for (uint64_t seed = 0; seed < ROUNDS / 4; seed++) {
			struct msg m;

			msg_random(*type, seed, wide, &m);
		}
	}
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(wide[MSG_RANDOM_SCRATCH + i], 0xa5);
	free(wide);
}

static void a_seed_gives_the_same_message_again(void **state)
{
	(void)state;
	for_each_type(type)
	{
		struct msg m, same;

		msg_random(*type, 7, scratch, &m);
		msg_random(*type, 7, text_scratch, &same);
		assert_true(msg_is_equal(&m, &same));
	}
}

static void the_size_field_counts_every_byte(void **state)
{
	(void)state;
	for_each_type(type)
	{
		struct msg m;
		size_t n;

		msg_random(*type, 1, scratch, &m);
		n = encode(&m, bytes);
		assert_int_equal(bytes[0] | bytes[1] << 8 | bytes[2] << 16 | bytes[3] << 24, n);
		assert_int_equal(bytes[4], *type);
		assert_int_equal(bytes[5] | bytes[6] << 8, m.tag);
	}
}

static void a_buffer_too_small_is_refused(void **state)
{
	(void)state;
	for_each_type(type)
	{
		struct msg m;
		size_t n, unused = 12345;

		msg_random(*type, 3, scratch, &m);
		n = encode(&m, bytes);
		for (size_t cap = 0; cap < n; cap++) {
			assert_int_equal(msg_encode(&m, again, cap, &unused), -EMSGSIZE);
			assert_int_equal(unused, 12345);
		}
		assert_int_equal(msg_encode(&m, again, n, &unused), 0);
	}
}

/* Data that the caller sends by itself: the header says that it follows. */
static void data_held_elsewhere_is_counted_but_not_written(void **state)
{
	static const uint8_t data_types[] = {Rread, Rreaddir, Twrite};
	uint8_t data[100] = {1, 2, 3};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(data_types); i++) {
		struct msg m = {.type = data_types[i], .tag = 9}, back;
		struct data *d = m.type == Rread      ? &m.Rread.data
				 : m.type == Rreaddir ? &m.Rreaddir.data
						      : &m.Twrite.data;
		size_t whole, head;

		*d = (struct data){.count = sizeof(data), .p = data};
		whole = encode(&m, bytes);
		d->p = NULL;
		head = encode(&m, again);
		assert_int_equal(head,
				 m.type == Twrite ? P9_WRITE_HEADER_SIZE : P9_READ_HEADER_SIZE);
		assert_int_equal(whole, head + sizeof(data));
		assert_memory_equal(bytes, again, head);
		assert_int_equal(msg_decode(again, head, sizeof(data), MSG_FROM_ANY, &back), 0);
		assert_true(msg_is_equal(&m, &back));
	}
}

static void a_message_larger_than_its_size_field_is_refused(void **state)
{
	struct msg m = {.type = Rread};
	size_t n;

	(void)state;
	m.Rread.data.count = UINT32_MAX - P9_READ_HEADER_SIZE;
	assert_int_equal(msg_encode(&m, bytes, sizeof(bytes), &n), 0);
	m.Rread.data.count++;
	assert_int_equal(msg_encode(&m, bytes, sizeof(bytes), &n), -EMSGSIZE);
}

static void a_list_too_long_is_not_encoded(void **state)
{
	struct msg walk = {.type = Twalk}, walked = {.type = Rwalk}, none = {.type = 6};
	size_t n;

	(void)state;
	walk.Twalk.wname.n = P9_MAXWELEM + 1;
	walked.Rwalk.wqid.n = P9_MAXWELEM + 1;
	assert_int_equal(msg_encode(&walk, bytes, sizeof(bytes), &n), -EMSGSIZE);
	assert_int_equal(msg_encode(&walked, bytes, sizeof(bytes), &n), -EMSGSIZE);
	assert_int_equal(msg_encode(&none, bytes, sizeof(bytes), &n), -EOPNOTSUPP);
}

static void an_empty_read_is_empty_wherever_its_data_lies(void **state)
{
	struct msg a = {.type = Rread}, b = {.type = Rread};
	autofree char *text = print(&a);

	(void)state;
	assert_string_equal(text, "Rread tag=0 data=\"\"");
	b.Rread.data.p = bytes;
	assert_true(msg_is_equal(&a, &b));
	b.Rread.data.count = 1;
	a.Rread.data.count = 1;
	assert_false(msg_is_equal(&a, &b));
}

static void names_and_types_belong_together(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		const char *name = msg_name((uint8_t)type);

		if (!name)
			continue;
		assert_int_equal(msg_type_of(name, strlen(name)), type);
		assert_int_equal(msg_type_of(name, strlen(name) - 1), 0);
		assert_int_equal(msg_is_request((uint8_t)type), name[0] == 'T');
		/* Each request has its reply. */
		if (name[0] == 'T')
			assert_string_equal(msg_name((uint8_t)(type + 1)) + 1, name + 1);
	}
	assert_null(msg_name(6));
	assert_null(msg_name(255));
	assert_int_equal(msg_type_of("", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_decodes_as_it_was_encoded),
		cmocka_unit_test(every_message_parses_as_it_was_printed),
		cmocka_unit_test(a_changed_byte_is_a_different_message),
		cmocka_unit_test(a_random_message_stays_in_its_scratch),
		cmocka_unit_test(a_seed_gives_the_same_message_again),
		cmocka_unit_test(the_size_field_counts_every_byte),
		cmocka_unit_test(a_buffer_too_small_is_refused),
		cmocka_unit_test(data_held_elsewhere_is_counted_but_not_written),
		cmocka_unit_test(a_message_larger_than_its_size_field_is_refused),
		cmocka_unit_test(a_list_too_long_is_not_encoded),
		cmocka_unit_test(an_empty_read_is_empty_wherever_its_data_lies),
		cmocka_unit_test(names_and_types_belong_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
