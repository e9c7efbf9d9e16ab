/* SPDX-License-Identifier: MIT */
/* The text form: what it looks like, what it takes, where it stops understanding. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "cmocka-all.h"
#include "macros.h"
#include "msg.h"

static char scratch[4096];

static int parse(const char *text, struct msg *m)
{
	return msg_parse(text, scratch, sizeof(scratch), m, NULL);
}

/* One of each kind of field; each line prints as it stands here. */
static void a_message_prints_as_the_manual_shows(void **state)
{
	static const char *const lines[] = {
		"Tversion tag=65535 msize=512000 version=9P2000.L",
		"Twalk tag=1 fid=0 newfid=1 wname=[etc,\"a b\",..]",
		"Twalk tag=1 fid=0 newfid=1 wname=[]",
		"Rwalk tag=1 wqid=[80.0.1,00.4294967295.ffffffffffffffff]",
		"Tlcreate tag=2 fid=1 name=x flags=0x8042 mode=0644 gid=1000",
		("Rgetlock tag=3 type=255 start=18446744073709551615 length=0 proc_id=0 "
		 "client_id=\"\""),
		"Rread tag=4 data=\"\\x00\\\\\\\"\\x0a\\xff\"",
		"Rread tag=4 data=\"\"",
		"Rread tag=4 data=#65536",
		"Rclunk tag=0",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		autofree char *text = NULL;
		struct msg m;
		size_t n;
		FILE *f = open_memstream(&text, &n);

		assert_int_equal(parse(lines[i], &m), 0);
		msg_print(f, &m);
		fclose(f);
		assert_string_equal(text, lines[i]);
	}
}

static void a_number_is_taken_up_to_its_limit(void **state)
{
	struct msg m;

	(void)state;
	assert_int_equal(parse("Tclunk tag=65535 fid=4294967295", &m), 0);
	assert_int_equal(parse("Tclunk tag=65536 fid=0", &m), -EINVAL);
	assert_int_equal(parse("Tclunk tag=0 fid=4294967296", &m), -EINVAL);
	assert_int_equal(parse("Rlock status=255", &m), 0);
	assert_int_equal(parse("Rlock status=256", &m), -EINVAL);
	assert_int_equal(parse("Rxattrwalk size=18446744073709551615", &m), 0);
	assert_int_equal(parse("Rxattrwalk size=18446744073709551616", &m), -EINVAL);
	assert_int_equal(parse("Tlopen flags=0xffffffff", &m), 0);
	assert_int_equal(parse("Tlopen flags=0x100000000", &m), -EINVAL);
	assert_int_equal(parse("Tmkdir mode=037777777777", &m), 0);
	assert_int_equal(parse("Tmkdir mode=040000000000", &m), -EINVAL);
	assert_int_equal(parse("Rattach qid=ff.4294967295.ffffffffffffffff", &m), 0);
	assert_int_equal(parse("Rattach qid=100.0.0", &m), -EINVAL);
	assert_int_equal(parse("Rattach qid=0.4294967296.0", &m), -EINVAL);
	assert_int_equal(parse("Rattach qid=0.0.10000000000000000", &m), -EINVAL);
}

static void a_number_may_have_any_base(void **state)
{
	struct msg m;

	(void)state;
	assert_int_equal(parse("Tclunk tag=0x10 fid=010", &m), 0);
	assert_int_equal(m.tag, 16);
	assert_int_equal(m.Tclunk.fid, 8);
}

static void fields_come_in_any_order_or_not_at_all(void **state)
{
	struct msg m;

	(void)state;
	assert_int_equal(parse("Twalk  newfid=2   fid=1 ", &m), 0);
	assert_int_equal(m.tag, 0);
	assert_int_equal(m.Twalk.fid, 1);
	assert_int_equal(m.Twalk.newfid, 2);
	assert_int_equal(m.Twalk.wname.n, 0);
}

/* Tests send bad names; refusing them is the decoder's part. */
static void a_bad_name_parses(void **state)
{
	struct msg m;

	(void)state;
	assert_int_equal(parse("Tmkdir name=../..", &m), 0);
	assert_true(str_is(m.Tmkdir.name, "../.."));
}

static void text_that_is_no_message_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t at; /* what is not understood */
	} cases[] = {
		{"", 0},
		{" Tclunk", 0},
		{"Tfoo tag=1", 0},
		{"tclunk tag=1", 0},
		{"Tclunk,tag=1", 0},
		{"Tclunk tag", 7},
		{"Tclunk tag =1", 7},
		{"Tclunk =1", 8},
		{"Tclunk newfid=1", 14},
		{"Tclunk tag=", 11},
		{"Tclunk tag=x", 11},
		{"Tclunk tag=a", 11},
		{"Tclunk tag=-1", 11},
		{"Tclunk tag=+1", 11},
		{"Tclunk tag=1x", 12},
		{"Tclunk tag=0x", 12},
		{"Tclunk tag=1\n", 12},
		{"Twalk wname=a", 12},
		{"Twalk wname=[", 13},
		{"Twalk wname=[a", 14},
		{"Twalk wname=[a,]", 15},
		{"Twalk wname=[a b]", 14},
		{"Twalk wname=[,a]", 13},
		{"Twalk wname=[a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]", 44},
		{"Rattach qid=80", 14},
		{"Rattach qid=80.1", 16},
		{"Rattach qid=80.a.1", 15},
		{"Rread data=#", 12},
		{"Rread data=\"a", 11},
		{"Tmkdir name=", 12},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct msg m = {.type = 1};
		const char *at;

		assert_int_equal(msg_parse(cases[i].text, scratch, sizeof(scratch), &m, &at),
				 -EINVAL);
		assert_int_equal(at - cases[i].text, cases[i].at);
		assert_int_equal(m.type, 1);
	}
}

static void a_string_longer_than_its_length_field_is_refused(void **state)
{
	autofree char *text = malloc(70000), *views = malloc(70000);
	struct msg m;

	(void)state;
	assert_true(text && views);
	strcpy(text, "Rreadlink target=");
	memset(text + 17, 'a', 65536);
	text[17 + 65536] = 0;
	assert_int_equal(msg_parse(text, views, 70000, &m, NULL), -EINVAL);
	text[17 + 65535] = 0;
	assert_int_equal(msg_parse(text, views, 70000, &m, NULL), 0);
	assert_int_equal(m.Rreadlink.target.len, 65535);
}

static void scratch_too_small_is_refused(void **state)
{
	static const char text[] = "Twalk wname=[abc,def]";
	struct msg m;

	(void)state;
	for (size_t cap = 0; cap < 6; cap++)
		assert_int_equal(msg_parse(text, scratch, cap, &m, NULL), -ENOSPC);
	assert_int_equal(msg_parse(text, scratch, 6, &m, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_prints_as_the_manual_shows),
		cmocka_unit_test(a_number_is_taken_up_to_its_limit),
		cmocka_unit_test(a_number_may_have_any_base),
		cmocka_unit_test(fields_come_in_any_order_or_not_at_all),
		cmocka_unit_test(a_bad_name_parses),
		cmocka_unit_test(text_that_is_no_message_is_refused),
		cmocka_unit_test(a_string_longer_than_its_length_field_is_refused),
		cmocka_unit_test(scratch_too_small_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
