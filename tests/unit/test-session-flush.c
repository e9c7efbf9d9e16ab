/* SPDX-License-Identifier: MIT */
/* Tflush, Tversion and the end of a session against requests that wait and that run. */
#include "metrics.h"
#include "session-all.h"

static struct rig rig;
static const struct msg *reply;

/* One worker: what is behind the first request stays queued. Fids 1 and 2 are slow files. */
static int start(void **state)
{
	(void)state;
	rig = rig_start((struct server_config){.workers = 1}, (struct fake_config){.part = 100});
	rig_attach(&rig);
	rig_open(&rig, 1, "slow1");
	rig_open(&rig, 2, "slow2");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	rig_stop(&rig);
	return 0;
}

/* A request with tag 10 that runs in the worker. */
static void run_one(void)
{
	SEND(&rig, "Tread tag=10 fid=1 offset=0 count=300");
	toy_wait_blocked(rig.backend, 1);
}

static void a_slow_request_is_answered_by_a_worker(void **state)
{
	struct metrics st;

	(void)state;
	run_one();
	assert_false(fake_channel_has_reply(rig.fc));
	CALL(&rig, 0, "Tgetattr tag=11 fid=0 request_mask=0x7ff");
	toy_release(rig.backend, 1);
	EXPECT(&rig, Rread, 10);
	assert_int_equal(reply->Rread.data.count, 300);
	assert_int_equal(reply->Rread.data.p[299], (uint8_t)299);
	server_get_metrics(rig.server, &st);
	assert_int_equal(st.value[METRIC_DEFERRED], 1);
}

static void flushing_what_is_not_there_is_answered_at_once(void **state)
{
	(void)state;
	CALL(&rig, 0, "Tflush tag=5 oldtag=77");
	CALL(&rig, 0, "Tflush tag=5 oldtag=5");
	CALL(&rig, 0, "Tflush tag=5 oldtag=1");
}

static void a_queued_request_is_dropped_by_flush(void **state)
{
	(void)state;
	run_one();
	SEND(&rig, "Tread tag=11 fid=2 count=300");
	CALL(&rig, 0, "Tflush tag=12 oldtag=11");
	assert_int_equal(fake_channel_n_dropped(rig.fc), 1);
	toy_release(rig.backend, 1);
	EXPECT(&rig, Rread, 10);
	/* its tag is free */
	SEND(&rig, "Tread tag=11 fid=2 count=300");
	toy_release(rig.backend, 1);
	EXPECT(&rig, Rread, 11);
}

static void a_flush_follows_the_reply_of_what_runs(void **state)
{
	(void)state;
	run_one();
	SEND(&rig, "Tflush tag=12 oldtag=10");
	assert_false(fake_channel_has_reply(rig.fc));
	toy_release(rig.backend, 1);
	EXPECT(&rig, Rread, 10);
	EXPECT(&rig, Rflush, 12);
}

static void flushes_of_one_tag_are_answered_in_order(void **state)
{
	(void)state;
	run_one();
	for (unsigned i = 20; i < 30; i++)
		SEND(&rig, "Tflush tag=%u oldtag=10", i);
	toy_release(rig.backend, 1);
	EXPECT(&rig, Rread, 10);
	for (uint16_t i = 20; i < 30; i++)
		EXPECT(&rig, Rflush, i);
	assert_int_equal(fake_channel_n_dropped(rig.fc), 0);
}

static void a_flush_can_be_flushed(void **state)
{
	(void)state;
	run_one();
	SEND(&rig, "Tflush tag=20 oldtag=10");
	SEND(&rig, "Tflush tag=21 oldtag=20");
	SEND(&rig, "Tflush tag=22 oldtag=21");
	SEND(&rig, "Tflush tag=23 oldtag=20");
	toy_release(rig.backend, 1);
	EXPECT(&rig, Rread, 10);
	EXPECT(&rig, Rflush, 20);
	EXPECT(&rig, Rflush, 21);
	EXPECT(&rig, Rflush, 23);
	EXPECT(&rig, Rflush, 22);
}

static void a_tag_in_use_is_refused(void **state)
{
	(void)state;
	run_one();
	CALL(&rig, -EINVAL, "Tgetattr tag=10 fid=0");
	CALL(&rig, -EINVAL, "Tflush tag=10 oldtag=10");
	SEND(&rig, "Tread tag=11 fid=2 count=300");
	CALL(&rig, -EINVAL, "Tread tag=11 fid=2 count=300");
	toy_release(rig.backend, 2);
	EXPECT(&rig, Rread, 10);
	EXPECT(&rig, Rread, 11);
}

static void a_request_keeps_the_fid_that_it_came_for(void **state)
{
	(void)state;
	run_one();
	SEND(&rig, "Tread tag=11 fid=2 count=300");
	CALL(&rig, 0, "Tclunk tag=12 fid=1");
	CALL(&rig, 0, "Tclunk tag=12 fid=2");
	CALL(&rig, -EBADF, "Tread tag=12 fid=1 count=1");
	toy_release(rig.backend, 2);
	EXPECT(&rig, Rread, 10);
	EXPECT(&rig, Rread, 11);
	SEND(&rig, "Tgetattr tag=1 fid=0 request_mask=0x7ff");
	EXPECT(&rig, Rgetattr, 1);
	assert_int_equal(toy_n_live(rig.backend), 1);
}

static void version_waits_for_what_runs_and_drops_all(void **state)
{
	(void)state;
	run_one();
	SEND(&rig, "Tread tag=11 fid=2 count=300");
	SEND(&rig, "Tflush tag=12 oldtag=10");
	SEND(&rig, "Tversion tag=65535 msize=8192 version=9P2000.L");
	assert_false(fake_channel_has_reply(rig.fc));
	assert_int_equal(fake_channel_n_dropped(rig.fc), 1);
	CALL(&rig, -EPROTO, "Tgetattr tag=1 fid=0");
	toy_release(rig.backend, 1);
	EXPECT(&rig, Rversion, 65535);
	assert_int_equal(fake_channel_n_dropped(rig.fc), 3);
	CALL(&rig, -EBADF, "Tgetattr tag=10 fid=0");
	assert_int_equal(toy_n_live(rig.backend), 0);
}

static void version_waits_for_all_that_run(void **state)
{
	struct rig two = rig_start((struct server_config){.workers = 2},
				   (struct fake_config){.room = 0});

	(void)state;
	rig_attach(&two);
	rig_open(&two, 1, "slow1");
	rig_open(&two, 2, "slow2");
	SEND(&two, "Tread tag=10 fid=1 count=10");
	SEND(&two, "Tread tag=11 fid=2 count=10");
	toy_wait_blocked(two.backend, 2);
	SEND(&two, "Tversion tag=65535 msize=8192 version=9P2000.L");
	toy_release(two.backend, 1);
	fake_channel_wait_dropped(two.fc, 1);
	/* in the session of before, and after an Rversion, this would be another error */
	CALL(&two, -EPROTO, "Tgetattr tag=1 fid=0");
	toy_release(two.backend, 1);
	EXPECT(&two, Rversion, 65535);
	assert_int_equal(toy_n_live(two.backend), 0);
	rig_stop(&two);
}

static void the_newest_version_wins(void **state)
{
	(void)state;
	run_one();
	SEND(&rig, "Tversion tag=1 msize=8192 version=9P2000.L");
	SEND(&rig, "Tversion tag=2 msize=4096 version=9P2000.L");
	assert_int_equal(fake_channel_n_dropped(rig.fc), 1);
	toy_release(rig.backend, 1);
	EXPECT(&rig, Rversion, 2);
	assert_int_equal(reply->Rversion.msize, 4096);
	assert_int_equal(fake_channel_n_dropped(rig.fc), 2);
}

static void the_session_outlives_the_channel_until_all_requests_end(void **state)
{
	(void)state;
	run_one();
	SEND(&rig, "Tread tag=11 fid=2 count=300");
	SEND(&rig, "Tflush tag=12 oldtag=10");
	SEND(&rig, "Tflush tag=13 oldtag=12");
	fake_channel_close(rig.fc);
	assert_int_equal(fake_channel_n_dropped(rig.fc), 1);
	assert_false(fake_channel_is_released(rig.fc));
	toy_release(rig.backend, 1);
}

static void the_session_may_end_while_version_waits(void **state)
{
	(void)state;
	run_one();
	SEND(&rig, "Tversion tag=65535 msize=8192 version=9P2000.L");
	fake_channel_close(rig.fc);
	assert_false(fake_channel_is_released(rig.fc));
	toy_release(rig.backend, 1);
}

static void an_idle_session_is_released_at_once(void **state)
{
	(void)state;
	fake_channel_close(rig.fc);
	assert_true(fake_channel_is_released(rig.fc));
	assert_int_equal(toy_n_live(rig.backend), 0);
}

static void writes_and_syncs_wait_too(void **state)
{
	(void)state;
	SEND(&rig, "Twrite tag=10 fid=1 offset=97 data=abcdef");
	SEND(&rig, "Tfsync tag=11 fid=1");
	toy_release(rig.backend, 2);
	EXPECT(&rig, Rwrite, 10);
	assert_int_equal(reply->Rwrite.count, 6);
	EXPECT(&rig, Rfsync, 11);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slow_request_is_answered_by_a_worker),
		TEST(flushing_what_is_not_there_is_answered_at_once),
		TEST(a_queued_request_is_dropped_by_flush),
		TEST(a_flush_follows_the_reply_of_what_runs),
		TEST(flushes_of_one_tag_are_answered_in_order),
		TEST(a_flush_can_be_flushed),
		TEST(a_tag_in_use_is_refused),
		TEST(a_request_keeps_the_fid_that_it_came_for),
		TEST(version_waits_for_what_runs_and_drops_all),
		cmocka_unit_test(version_waits_for_all_that_run),
		TEST(the_newest_version_wins),
		TEST(the_session_outlives_the_channel_until_all_requests_end),
		TEST(the_session_may_end_while_version_waits),
		TEST(an_idle_session_is_released_at_once),
		TEST(writes_and_syncs_wait_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
