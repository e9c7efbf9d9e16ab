/* SPDX-License-Identifier: MIT */
/* Workers against the channel's thread, on the same fids and tags: for the thread sanitizer, and
 * for the counts at the end. */
#include <pthread.h>

#include "metrics.h"
#include "session-all.h"

static const struct msg *reply;

static void start(struct rig *rig)
{
	*rig = rig_start((struct server_config){.workers = 4}, (struct fake_config){.part = 64});
	rig_attach(rig);
	rig_open(rig, 1, "slow1");
	/* all that will come may pass the gate: each goes through a worker, none waits */
	toy_release(rig->backend, 1000000);
}

static void receive_all(struct rig *rig, unsigned sent)
{
	while (sent--)
		(void)fake_channel_recv(rig->fc);
}

static void fids_are_replaced_under_running_reads(void **state)
{
	struct rig rig;
	const unsigned rounds = 500;
	unsigned sent = 0;

	(void)state;
	start(&rig);
	for (unsigned i = 0; i < rounds; i++) {
		unsigned fid = 2 + i % 3, tag = 10 + 8 * (i % 1000);

		SEND(&rig, "Twalk tag=%u fid=0 newfid=%u wname=[slow2]", tag, fid);
		SEND(&rig, "Tlopen tag=%u fid=%u flags=2", tag + 1, fid);
		SEND(&rig, "Tread tag=%u fid=%u count=200", tag + 2, fid);
		SEND(&rig, "Trename tag=%u fid=%u dfid=0 name=slow3", tag + 3, fid);
		SEND(&rig, "Twrite tag=%u fid=%u offset=97 data=abc", tag + 4, fid);
		SEND(&rig, "Tclunk tag=%u fid=%u", tag + 5, fid);
		sent += 6;
	}
	receive_all(&rig, sent);
	assert_int_equal(fake_channel_n_dropped(rig.fc), 0);
	rig_stop(&rig);
}

/* Whether a flush comes before, while or after its read runs: one Rflush, and not before Rread. */
static void flushes_race_with_replies(void **state)
{
	struct rig rig;
	const unsigned rounds = 2000;

	(void)state;
	start(&rig);
	for (unsigned i = 0; i < rounds; i++) {
		SEND(&rig, "Tread tag=10 fid=1 count=200");
		SEND(&rig, "Tflush tag=11 oldtag=10");
		SEND(&rig, "Tflush tag=12 oldtag=11");
		reply = fake_channel_recv(rig.fc);
		if (reply->type == Rread)
			EXPECT(&rig, Rflush, 11);
		assert_int_equal(reply->tag, 11);
		EXPECT(&rig, Rflush, 12);
		assert_false(fake_channel_has_reply(rig.fc));
	}
	rig_stop(&rig);
}

/* The reply may be with the peer before the server has forgotten the tag. */
static void a_tag_can_be_used_again_once_its_reply_came(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	for (unsigned i = 0; i < 5000; i++) {
		SEND(&rig, "Tread tag=10 fid=1 count=200");
		EXPECT(&rig, Rread, 10);
	}
	rig_stop(&rig);
}

static void version_races_with_replies(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	for (unsigned i = 0; i < 500; i++) {
		for (unsigned j = 0; j < 5; j++)
			SEND(&rig, "Tread tag=%u fid=1 count=200", 10 + j);
		SEND(&rig, "Tversion tag=9 msize=8192 version=9P2000.L");
		do
			reply = fake_channel_recv(rig.fc);
		while (reply->type == Rread);
		assert_int_equal(reply->type, Rversion);
		assert_int_equal(toy_n_live(rig.backend), 0);
		CALL(&rig, 0, "Tattach tag=1 fid=0 afid=4294967295");
		rig_open(&rig, 1, "slow1");
	}
	rig_stop(&rig);
}

static void sessions_end_under_running_requests(void **state)
{
	struct rig rig;
	struct fake_config cfg = {.part = 64};

	(void)state;
	start(&rig);
	for (unsigned i = 0; i < 500; i++) {
		struct rig r = {rig.backend, rig.server,
				fake_channel_new(server_handler(rig.server), &cfg)};

		assert_non_null(r.fc);
		rig_attach(&r);
		rig_open(&r, 1, "slow1");
		for (unsigned j = 0; j < 5; j++)
			SEND(&r, "Tread tag=%u fid=1 count=200", 10 + j);
		SEND(&r, "Tflush tag=9 oldtag=10");
		fake_channel_free(r.fc);
	}
	rig_stop(&rig);
}

struct client {
	pthread_t thread;
	const struct handler *handler;
};

static void *run_client(void *arg)
{
	struct client *c = arg;
	struct fake_config cfg = {.part = 64};
	struct fake_channel *fc = fake_channel_new(c->handler, &cfg);

	fake_channel_callf(fc, NULL, "Tversion tag=65535 msize=65536 version=9P2000.L");
	fake_channel_callf(fc, NULL, "Tattach tag=1 fid=0 afid=4294967295");
	for (unsigned i = 1; i < 200; i++) {
		fake_channel_callf(fc, NULL, "Twalk tag=1 fid=0 newfid=%u wname=[slow]", i);
		fake_channel_callf(fc, NULL, "Tlopen tag=1 fid=%u", i);
		fake_channel_callf(fc, NULL, "Tread tag=1 fid=%u count=100", i);
	}
	fake_channel_free(fc);
	return NULL;
}

static void sessions_share_the_workers(void **state)
{
	struct client clients[4];
	struct metrics st;
	struct rig rig;

	(void)state;
	start(&rig);
	for (unsigned i = 0; i < 4; i++) {
		clients[i].handler = server_handler(rig.server);
		assert_int_equal(pthread_create(&clients[i].thread, NULL, run_client, &clients[i]),
				 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(clients[i].thread, NULL);
	server_get_metrics(rig.server, &st);
	assert_int_equal(metrics_errors(&st), 0);
	assert_int_equal(st.value[METRIC_DEFERRED], 4 * 199);
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fids_are_replaced_under_running_reads),
		cmocka_unit_test(flushes_race_with_replies),
		cmocka_unit_test(a_tag_can_be_used_again_once_its_reply_came),
		cmocka_unit_test(version_races_with_replies),
		cmocka_unit_test(sessions_end_under_running_requests),
		cmocka_unit_test(sessions_share_the_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
