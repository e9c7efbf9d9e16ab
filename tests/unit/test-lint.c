/* SPDX-License-Identifier: MIT */
/* Each rule is broken once, and a session that breaks none. */
#include "cmocka-all.h"

#include <stdio.h>
#include <string.h>

#include "lint.h"
#include "msg.h"

static struct lint *lint;
static unsigned n_found[LINT_N];
static uint64_t now;

static void report(void *arg, const struct lint_finding *f)
{
	(void)arg;
	assert_true(f->rule < LINT_N);
	assert_non_null(f->what);
	n_found[f->rule]++;
}

static void add(struct trace_record *r)
{
	r->conn = 1;
	r->time = now += 1000;
	assert_int_equal(lint_add(lint, r), 0);
}

static void control(enum trace_kind kind)
{
	struct trace_record r = {.kind = kind, .lost = 1};

	add(&r);
}

/* A message in its text form. */
static void say(const char *text)
{
	char scratch[1024];
	uint8_t bytes[1024];
	struct trace_record r = {.head = bytes};
	struct msg m;
	size_t n;

	assert_int_equal(msg_parse(text, scratch, sizeof(scratch), &m, NULL), 0);
	r.kind = msg_is_request(m.type) ? TRACE_REQUEST : TRACE_REPLY;
	r.payload_len = m.type == Rread && !m.Rread.data.p	   ? m.Rread.data.count
			: m.type == Rreaddir && !m.Rreaddir.data.p ? m.Rreaddir.data.count
			: m.type == Twrite && !m.Twrite.data.p	   ? m.Twrite.data.count
								   : 0;
	assert_int_equal(msg_encode(&m, bytes, sizeof(bytes), &n), 0);
	r.head_len = (uint32_t)n;
	add(&r);
}

static void both(const char *request, const char *reply)
{
	say(request);
	say(reply);
}

/* Fid 0 is the root, fid 1 an open file of 100 bytes. */
static void start(void)
{
	memset(n_found, 0, sizeof(n_found));
	lint = lint_new(report, NULL);
	assert_non_null(lint);
	control(TRACE_OPENED);
	both("Tversion tag=65535 msize=8192 version=9P2000.L",
	     "Rversion tag=65535 msize=8192 version=9P2000.L");
	both("Tattach tag=0 fid=0 afid=4294967295", "Rattach tag=0 qid=80.1.1");
	both("Twalk tag=0 fid=0 newfid=1 wname=[a]", "Rwalk tag=0 wqid=[00.1.2]");
	both("Tlopen tag=0 fid=1 flags=0", "Rlopen tag=0 qid=00.1.2 iounit=4096");
	both("Tgetattr tag=0 fid=1 request_mask=0x7ff",
	     "Rgetattr tag=0 valid=0x7ff qid=00.1.2 mode=0100644 nlink=1 size=100");
}

/* So many findings of RULE, and none of others. */
static void ends_with(enum lint_id rule, unsigned n)
{
	lint_end(lint);
	lint_free(lint);
	for (unsigned i = 0; i < LINT_N; i++)
		if (n_found[i] != (i == rule ? n : 0))
			fail_msg("%u of %s", n_found[i], lint_rules[i].name);
}

static void a_good_session_breaks_no_rule(void **state)
{
	(void)state;
	start();
	both("Tread tag=0 fid=1 offset=0 count=4096", "Rread tag=0 data=#100");
	both("Tread tag=0 fid=1 offset=100 count=4096", "Rread tag=0 data=#0");
	both("Twalk tag=0 fid=1 newfid=2 wname=[]", "Rwalk tag=0 wqid=[]");
	both("Twalk tag=0 fid=0 newfid=3 wname=[a,b]", "Rwalk tag=0 wqid=[80.1.3]");
	both("Twalk tag=0 fid=0 newfid=3 wname=[a,b]", "Rlerror tag=0 ecode=2");
	both("Txattrwalk tag=0 fid=1 newfid=3 name=user.x", "Rxattrwalk tag=0 size=3");
	both("Tread tag=0 fid=3 offset=0 count=3", "Rread tag=0 data=#3");
	both("Tclunk tag=0 fid=3", "Rclunk tag=0");
	/* two at once, answered in the other order */
	say("Tgetattr tag=1 fid=0");
	say("Tread tag=2 fid=1 offset=0 count=10");
	say("Rread tag=2 data=#10");
	say("Rgetattr tag=1 qid=80.1.1 mode=040755 nlink=2");
	/* flushed: answered before, not answered */
	say("Tread tag=3 fid=1 offset=0 count=10");
	say("Tread tag=4 fid=1 offset=0 count=10");
	say("Tflush tag=5 oldtag=3");
	say("Tflush tag=6 oldtag=4");
	say("Rread tag=3 data=#10");
	say("Rflush tag=5");
	say("Rflush tag=6");
	both("Tclunk tag=4 fid=2", "Rclunk tag=4");
	both("Tremove tag=0 fid=1", "Rlerror tag=0 ecode=1");
	both("Twalk tag=0 fid=0 newfid=1 wname=[a]", "Rwalk tag=0 wqid=[00.1.2]");
	control(TRACE_CLOSED);
	ends_with(LINT_N, 0);
}

static void bytes_that_are_no_message(void **state)
{
	static const uint8_t bytes[] = {9, 0, 0, 0, Twalk, 0, 0, 1, 2};
	struct trace_record r = {.kind = TRACE_REQUEST, .head = bytes, .head_len = sizeof(bytes)};

	(void)state;
	start();
	add(&r);
	say("Rlerror tag=0 ecode=22");
	ends_with(LINT_MALFORMED, 1);
}

static void a_session_without_version(void **state)
{
	(void)state;
	memset(n_found, 0, sizeof(n_found));
	lint = lint_new(report, NULL);
	control(TRACE_OPENED);
	both("Tattach tag=0 fid=0 afid=4294967295", "Rattach tag=0 qid=80.1.1");
	both("Tgetattr tag=65535 fid=0", "Rgetattr tag=65535 qid=80.1.1");
	ends_with(LINT_VERSION_FIRST, 2);
}

static void messages_beyond_msize(void **state)
{
	(void)state;
	start();
	both("Tread tag=0 fid=1 offset=200 count=9000", "Rlerror tag=0 ecode=5");
	say("Twrite tag=0 fid=1 offset=0 data=#8180");
	say("Rwrite tag=0 count=8180");
	both("Tversion tag=65535 msize=8192", "Rversion tag=65535 msize=9000");
	ends_with(LINT_MSIZE, 2);
}

static void a_request_that_waits_for_ever(void **state)
{
	(void)state;
	start();
	say("Tgetattr tag=7 fid=0");
	now += 6000000000;
	both("Tgetattr tag=8 fid=0", "Rgetattr tag=8 qid=80.1.1");
	say("Tgetattr tag=9 fid=0"); /* a moment is fine */
	ends_with(LINT_NO_REPLY, 1);
}

static void replies_to_nothing(void **state)
{
	(void)state;
	start();
	both("Tgetattr tag=0 fid=0", "Rgetattr tag=0 qid=80.1.1");
	say("Rgetattr tag=0 qid=80.1.1");
	say("Rlerror tag=17 ecode=5");
	ends_with(LINT_UNASKED, 2);
}

static void replies_of_another_type(void **state)
{
	(void)state;
	start();
	both("Tgetattr tag=0 fid=0", "Rclunk tag=0");
	ends_with(LINT_REPLY_TYPE, 1);
}

static void a_tag_that_is_in_flight(void **state)
{
	(void)state;
	start();
	say("Tgetattr tag=0 fid=0");
	both("Tgetattr tag=0 fid=0", "Rgetattr tag=0 qid=80.1.1");
	ends_with(LINT_TAG_REUSE, 1);
}

static void a_reply_after_rflush(void **state)
{
	(void)state;
	start();
	say("Tread tag=1 fid=1 offset=0 count=10");
	both("Tflush tag=2 oldtag=1", "Rflush tag=2");
	say("Rread tag=1 data=#10");
	ends_with(LINT_FLUSH_ORDER, 1);
}

static void more_than_was_asked_for(void **state)
{
	(void)state;
	start();
	both("Tread tag=0 fid=1 offset=0 count=10", "Rread tag=0 data=#11");
	both("Twrite tag=0 fid=1 offset=0 data=abc", "Rwrite tag=0 count=4");
	both("Tlopen tag=0 fid=0 flags=0", "Rlopen tag=0 qid=80.1.1 iounit=0");
	both("Treaddir tag=0 fid=0 offset=0 count=10", "Rreaddir tag=0 data=#20");
	ends_with(LINT_COUNT, 3);
}

static void an_iounit_that_does_not_fit(void **state)
{
	(void)state;
	start();
	both("Twalk tag=0 fid=0 newfid=2 wname=[b]", "Rwalk tag=0 wqid=[00.1.3]");
	both("Tlopen tag=0 fid=2 flags=0", "Rlopen tag=0 qid=00.1.3 iounit=8192");
	ends_with(LINT_IOUNIT, 1);
}

static void a_walk_of_too_many_or_no_names(void **state)
{
	(void)state;
	start();
	both("Twalk tag=0 fid=0 newfid=2 wname=[b]", "Rwalk tag=0 wqid=[00.1.3,00.1.4]");
	both("Twalk tag=0 fid=0 newfid=3 wname=[b]", "Rwalk tag=0 wqid=[]");
	ends_with(LINT_WALK_QIDS, 2);
}

static void fids_that_are_not_there(void **state)
{
	(void)state;
	start();
	both("Tgetattr tag=0 fid=9", "Rlerror tag=0 ecode=9");
	/* before the reply that makes it */
	say("Twalk tag=1 fid=0 newfid=2 wname=[b]");
	say("Tgetattr tag=2 fid=2");
	say("Rwalk tag=1 wqid=[00.1.3]");
	say("Rlerror tag=2 ecode=9");
	/* after its Tclunk */
	say("Tclunk tag=1 fid=2");
	say("Tgetattr tag=2 fid=2");
	say("Rclunk tag=1");
	say("Rlerror tag=2 ecode=9");
	both("Tgetattr tag=0 fid=2", "Rlerror tag=0 ecode=9");
	ends_with(LINT_FID_UNKNOWN, 4);
}

static void a_fid_that_only_the_server_knows(void **state)
{
	(void)state;
	start();
	both("Tgetattr tag=0 fid=9", "Rgetattr tag=0 qid=80.1.1");
	assert_int_equal(n_found[LINT_FID_UNKNOWN], 1);
	n_found[LINT_FID_UNKNOWN] = 0;
	ends_with(LINT_FID_ACCEPTED, 1);
}

static void a_new_fid_that_exists(void **state)
{
	(void)state;
	start();
	both("Twalk tag=0 fid=0 newfid=1 wname=[b]", "Rlerror tag=0 ecode=9");
	ends_with(LINT_FID_IN_USE, 1);
}

static void reading_what_is_not_open(void **state)
{
	(void)state;
	start();
	both("Twalk tag=0 fid=0 newfid=2 wname=[b]", "Rwalk tag=0 wqid=[00.1.3]");
	both("Tread tag=0 fid=2 offset=0 count=10", "Rread tag=0 data=#1");
	ends_with(LINT_NOT_OPEN, 1);
}

static void a_version_that_comes_back(void **state)
{
	(void)state;
	start();
	both("Tgetattr tag=0 fid=1", "Rgetattr tag=0 qid=00.2.2 mode=0100644 nlink=1 size=100");
	both("Tgetattr tag=0 fid=1", "Rgetattr tag=0 qid=00.0.2 mode=0100644 nlink=1 size=100");
	both("Tgetattr tag=0 fid=1", "Rgetattr tag=0 qid=00.1.2 mode=0100644 nlink=1 size=100");
	ends_with(LINT_QID_VERSION, 1);
}

/* What was asked before the new version was told may tell the old one. */
static void versions_may_cross(void **state)
{
	(void)state;
	start();
	say("Tgetattr tag=1 fid=1");
	say("Tgetattr tag=2 fid=1");
	say("Rgetattr tag=2 qid=00.2.2 mode=0100644 nlink=1 size=100");
	say("Rgetattr tag=1 qid=00.1.2 mode=0100644 nlink=1 size=100");
	ends_with(LINT_N, 0);
}

static void nothing_before_the_end(void **state)
{
	(void)state;
	start();
	both("Tread tag=0 fid=1 offset=50 count=10", "Rread tag=0 data=#0");
	/* unless it was made shorter */
	both("Tsetattr tag=0 fid=1 valid=8 size=10", "Rsetattr tag=0");
	both("Tread tag=0 fid=1 offset=50 count=10", "Rread tag=0 data=#0");
	ends_with(LINT_SIZE_EMPTY, 1);
}

static void bytes_behind_the_end(void **state)
{
	(void)state;
	start();
	both("Tread tag=0 fid=1 offset=50 count=100", "Rread tag=0 data=#60");
	/* unless it was made longer */
	both("Twrite tag=0 fid=1 offset=100 data=abc", "Rwrite tag=0 count=3");
	both("Tread tag=0 fid=1 offset=50 count=100", "Rread tag=0 data=#53");
	ends_with(LINT_SIZE_BEYOND, 1);
}

static void what_was_lost_breaks_no_rule(void **state)
{
	(void)state;
	start();
	say("Tgetattr tag=0 fid=0");
	control(TRACE_LOST);
	both("Tgetattr tag=0 fid=77", "Rgetattr tag=0 qid=80.1.1");
	say("Rgetattr tag=5 qid=80.1.1");
	ends_with(LINT_N, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_session_breaks_no_rule),
		cmocka_unit_test(bytes_that_are_no_message),
		cmocka_unit_test(a_session_without_version),
		cmocka_unit_test(messages_beyond_msize),
		cmocka_unit_test(a_request_that_waits_for_ever),
		cmocka_unit_test(replies_to_nothing),
		cmocka_unit_test(replies_of_another_type),
		cmocka_unit_test(a_tag_that_is_in_flight),
		cmocka_unit_test(a_reply_after_rflush),
		cmocka_unit_test(more_than_was_asked_for),
		cmocka_unit_test(an_iounit_that_does_not_fit),
		cmocka_unit_test(a_walk_of_too_many_or_no_names),
		cmocka_unit_test(fids_that_are_not_there),
		cmocka_unit_test(a_fid_that_only_the_server_knows),
		cmocka_unit_test(a_new_fid_that_exists),
		cmocka_unit_test(reading_what_is_not_open),
		cmocka_unit_test(a_version_that_comes_back),
		cmocka_unit_test(versions_may_cross),
		cmocka_unit_test(nothing_before_the_end),
		cmocka_unit_test(bytes_behind_the_end),
		cmocka_unit_test(what_was_lost_breaks_no_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
