/* SPDX-License-Identifier: MIT */
/* What the decoder refuses, and as what. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "cmocka-all.h"
#include "wire-all.h"

static uint8_t bytes[MOST_BYTES + 1];
static char scratch[MSG_RANDOM_SCRATCH];

static size_t encode(const struct msg *m)
{
	size_t n;

	assert_int_equal(msg_encode(m, bytes, MOST_BYTES, &n), 0);
	return n;
}

static size_t encode_text(const char *text)
{
	char views[1024];
	struct msg m;

	assert_int_equal(msg_parse(text, views, sizeof(views), &m, NULL), 0);
	return encode(&m);
}

static void set_size(size_t n)
{
	for (unsigned i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(n >> 8 * i);
}

/* From a buffer of exactly N bytes, so that a sanitizer sees a read behind them. */
static int decode_sided(size_t n, size_t outside, enum msg_side side)
{
	autofree uint8_t *exact = malloc(n + !n);
	struct msg m;

	assert_non_null(exact);
	memcpy(exact, bytes, n);
	return msg_decode(exact, n, outside, side, &m);
}

static int decode(size_t n)
{
	return decode_sided(n, 0, MSG_FROM_ANY);
}

static void a_truncated_message_is_refused(void **state)
{
	(void)state;
	for_each_type(type)
	{
		for (uint64_t seed = 0; seed < 5; seed++) {
			struct msg m;
			size_t n;

			msg_random(*type, seed, scratch, &m);
			n = encode(&m);
			for (size_t cut = 0; cut < n; cut++) {
				set_size(n);
				assert_int_equal(decode(cut), -EBADMSG);
				/* The same with a size field that admits it. */
				set_size(cut);
				assert_int_not_equal(decode(cut), 0);
			}
		}
	}
}

static void a_trailing_byte_is_refused(void **state)
{
	(void)state;
	for_each_type(type)
	{
		for (uint64_t seed = 0; seed < 20; seed++) {
			struct msg m;
			size_t n;

			msg_random(*type, seed, scratch, &m);
			n = encode(&m);
			bytes[n] = 0;
			assert_int_equal(decode(n + 1), -EBADMSG);
			set_size(n + 1);
			assert_int_equal(decode(n + 1), -EBADMSG);
		}
	}
}

static void a_reply_is_not_a_request(void **state)
{
	(void)state;
	for_each_type(type)
	{
		bool request = msg_name(*type)[0] == 'T';
		struct msg m;
		size_t n;

		msg_random(*type, 0, scratch, &m);
		n = encode(&m);
		assert_int_equal(decode_sided(n, 0, MSG_FROM_CLIENT), request ? 0 : -EPROTO);
		assert_int_equal(decode_sided(n, 0, MSG_FROM_SERVER), request ? -EPROTO : 0);
	}
}

static void a_type_without_a_row_is_refused(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		if (msg_name((uint8_t)type))
			continue;
		set_size(P9_HEADER_SIZE);
		bytes[4] = (uint8_t)type;
		assert_int_equal(decode(P9_HEADER_SIZE), -EOPNOTSUPP);
	}
}

static void a_refused_message_still_tells_its_tag(void **state)
{
	size_t n = encode_text("Tlcreate tag=513 fid=1 name=a");
	struct msg m;

	(void)state;
	bytes[13] = '/';
	assert_int_equal(msg_decode(bytes, n, 0, MSG_FROM_CLIENT, &m), -EINVAL);
	assert_int_equal(m.type, Tlcreate);
	assert_int_equal(m.tag, 513);
	assert_int_equal(msg_decode(bytes, n, 0, MSG_FROM_SERVER, &m), -EPROTO);
	assert_int_equal(m.tag, 513);
	assert_int_equal(msg_decode(bytes, P9_HEADER_SIZE, 0, MSG_FROM_CLIENT, &m), -EBADMSG);
	assert_int_equal(m.tag, 513);
	assert_int_equal(msg_decode(bytes, 6, 0, MSG_FROM_CLIENT, &m), -EBADMSG);
	assert_int_equal(m.tag, P9_NOTAG);
}

static void a_nul_in_a_string_is_refused(void **state)
{
	static const char *const texts[] = {
		"Tversion msize=1 version=\"a\\x00b\"", "Tsymlink name=a symtgt=\"\\x00\"",
		"Tattach uname=\"root\\x00\"",		"Txattrwalk name=\"\\x00user\"",
		"Rreadlink target=\"a\\x00\"",		"Tlock client_id=\"\\x00\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(decode(encode_text(texts[i])), -EBADMSG);
}

/* Each message with a name, one line each; %s is a bad one. */
static const char *const named[] = {
	"Tlcreate name=%s",	  "Tsymlink name=%s symtgt=x",
	"Tmknod name=%s",	  "Trename name=%s",
	"Tlink name=%s",	  "Tmkdir name=%s",
	"Tunlinkat name=%s",	  "Trenameat oldname=%s newname=ok",
	"Twalk wname=[ok,%s,ok]", "Trenameat oldname=ok newname=%s",
};

static int decode_named(const char *format, const char *name)
{
	char text[1024];

	/* The text of the caller's table, and nothing else, is the format. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), format, name);
#pragma GCC diagnostic pop
	return decode(encode_text(text));
}

static void a_name_that_is_no_component_is_refused(void **state)
{
	static const char *const bad[] = {"\"\"", ".", "/", "a/b", "/etc", "a/", "../.."};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		assert_int_equal(decode_named(named[i], "a"), 0);
		assert_int_equal(decode_named(named[i], "..."), 0);
		assert_int_equal(decode_named(named[i], "\"\\xff \\x01\""), 0);
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++)
			assert_int_equal(decode_named(named[i], bad[j]), -EINVAL);
		assert_int_equal(decode_named(named[i], "\"a\\x00\""), -EBADMSG);
	}
}

static void dotdot_is_for_walking_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(named); i++)
		assert_int_equal(decode_named(named[i], ".."),
				 strncmp(named[i], "Twalk", 5) ? -EINVAL : 0);
}

static void a_name_has_at_most_255_bytes(void **state)
{
	char name[P9_NAME_MAX + 2];

	(void)state;
	memset(name, 'n', sizeof(name));
	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		name[P9_NAME_MAX + 1] = 0;
		assert_int_equal(decode_named(named[i], name), -ENAMETOOLONG);
		name[P9_NAME_MAX] = 0;
		assert_int_equal(decode_named(named[i], name), 0);
		name[P9_NAME_MAX] = 'n';
	}
}

/* An attribute's name is no component of a path: empty lists, and may hold what it likes. */
static void an_attribute_name_is_only_a_string(void **state)
{
	(void)state;
	assert_int_equal(decode(encode_text("Txattrwalk name=\"\"")), 0);
	assert_int_equal(decode(encode_text("Txattrcreate name=user.a/b")), 0);
}

static void a_walk_of_seventeen_is_refused(void **state)
{
	size_t n = encode_text("Twalk fid=1 newfid=2 wname=[a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p]");

	(void)state;
	assert_int_equal(decode(n), 0);
	memcpy(bytes + n, "\1\0q", 3);
	bytes[15] = 17;
	set_size(n + 3);
	assert_int_equal(decode(n + 3), -EBADMSG);

	n = encode_text("Rwalk wqid=[]");
	memset(bytes + n, 0, sizeof(struct qid) * 17);
	bytes[7] = 16;
	set_size(n + 13 * 16);
	assert_int_equal(decode(n + 13 * 16), 0);
	bytes[7] = 17;
	set_size(n + 13 * 17);
	assert_int_equal(decode(n + 13 * 17), -EBADMSG);
}

/* A list that says more than there is; one that says less leaves bytes over. */
static void a_list_count_that_lies_is_refused(void **state)
{
	size_t n = encode_text("Twalk fid=1 newfid=2 wname=[a,b]");

	(void)state;
	for (unsigned count = 0; count < 256; count++) {
		bytes[15] = (uint8_t)count;
		assert_int_equal(decode(n), count == 2 ? 0 : -EBADMSG);
	}
	bytes[15] = 2;
	bytes[16] = 1;
	assert_int_equal(decode(n), -EBADMSG);
}

static void a_data_count_that_lies_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t at;
	} cases[] = {{"Rread data=abc", 7}, {"Rreaddir data=abc", 7}, {"Twrite data=abc", 19}};
	static const uint32_t counts[] = {0, 2, 4, 0x80000000, 0xfffffff8, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = encode_text(cases[i].text);

		assert_int_equal(decode(n), 0);
		for (size_t j = 0; j < ARRAY_SIZE(counts); j++) {
			for (unsigned k = 0; k < 4; k++)
				bytes[cases[i].at + k] = (uint8_t)(counts[j] >> 8 * k);
			assert_int_equal(decode(n), -EBADMSG);
		}
	}
}

static void data_held_elsewhere_has_to_be_all_of_it(void **state)
{
	size_t n = encode_text("Twrite fid=1 data=#100");

	(void)state;
	assert_int_equal(n, P9_WRITE_HEADER_SIZE);
	assert_int_equal(decode_sided(n, 100, MSG_FROM_CLIENT), 0);
	assert_int_equal(decode_sided(n, 99, MSG_FROM_CLIENT), -EBADMSG);
	assert_int_equal(decode_sided(n, 101, MSG_FROM_CLIENT), -EBADMSG);
	assert_int_equal(decode_sided(n, 0, MSG_FROM_CLIENT), -EBADMSG);
	assert_int_equal(decode_sided(n, SIZE_MAX, MSG_FROM_CLIENT), -EBADMSG);
	/* size[4] agrees, the count does not: one byte here, 99 elsewhere. */
	assert_int_equal(decode_sided(n + 1, 99, MSG_FROM_CLIENT), -EBADMSG);
}

/* All of the message is there, and agrees with itself, but for its first four bytes. */
static void a_size_that_lies_is_refused(void **state)
{
	static const int wrong[] = {-1, 1, 256, 65536};
	size_t head = encode_text("Twrite fid=1 data=#100");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		set_size(head + 100 + (size_t)wrong[i]);
		assert_int_equal(decode_sided(head, 100, MSG_FROM_CLIENT), -EBADMSG);
	}
	/* The count lies: what is elsewhere is not what the message says. */
	set_size(head + 100);
	for (unsigned count = 0; count < 256; count++) {
		bytes[19] = (uint8_t)count;
		assert_int_equal(decode_sided(head, 100, MSG_FROM_CLIENT),
				 count == 100 ? 0 : -EBADMSG);
	}
	for_each_type(type)
	{
		struct msg m;
		size_t n;

		msg_random(*type, 4, scratch, &m);
		n = encode(&m);
		for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
			set_size(n + (size_t)wrong[i]);
			assert_int_equal(decode(n), -EBADMSG);
		}
	}
}

static void a_message_without_data_has_none_elsewhere(void **state)
{
	(void)state;
	for_each_type(type)
	{
		struct msg m;
		size_t n;

		if (*type == Rread || *type == Rreaddir || *type == Twrite)
			continue;
		msg_random(*type, 2, scratch, &m);
		n = encode(&m);
		set_size(n + 10);
		assert_int_equal(decode_sided(n, 10, MSG_FROM_ANY), -EBADMSG);
	}
}

static void random_damage_is_decoded_or_refused(void **state)
{
	uint32_t rnd = 1;

	(void)state;
	for_each_type(type)
	{
		for (uint64_t seed = 0; seed < 200; seed++) {
			struct msg m;
			size_t n;

			msg_random(*type, seed, scratch, &m);
			n = encode(&m);
			for (unsigned i = 0; i < 3; i++) {
				rnd = rnd * 1664525 + 1013904223;
				bytes[7 + (rnd >> 8) % (n - 6)] = (uint8_t)(rnd >> 24);
			}
			(void)decode(n);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_truncated_message_is_refused),
		cmocka_unit_test(a_trailing_byte_is_refused),
		cmocka_unit_test(a_reply_is_not_a_request),
		cmocka_unit_test(a_type_without_a_row_is_refused),
		cmocka_unit_test(a_refused_message_still_tells_its_tag),
		cmocka_unit_test(a_nul_in_a_string_is_refused),
		cmocka_unit_test(a_name_that_is_no_component_is_refused),
		cmocka_unit_test(dotdot_is_for_walking_only),
		cmocka_unit_test(a_name_has_at_most_255_bytes),
		cmocka_unit_test(an_attribute_name_is_only_a_string),
		cmocka_unit_test(a_walk_of_seventeen_is_refused),
		cmocka_unit_test(a_list_count_that_lies_is_refused),
		cmocka_unit_test(a_data_count_that_lies_is_refused),
		cmocka_unit_test(data_held_elsewhere_has_to_be_all_of_it),
		cmocka_unit_test(a_size_that_lies_is_refused),
		cmocka_unit_test(a_message_without_data_has_none_elsewhere),
		cmocka_unit_test(random_damage_is_decoded_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
