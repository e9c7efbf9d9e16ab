/* SPDX-License-Identifier: MIT */
/* Each allocation of the server fails once: the client gets an error, nothing is left behind, and
 * the session goes on. The channel and the backend of this test never fail. */
#include <stdlib.h>

#include "session-all.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);

/* So many allocations of this thread go well before one fails; negative: none fails. */
static _Thread_local int good = -1;

static bool fails(void)
{
	return good >= 0 && good-- == 0;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

static const struct msg *reply;

/* Sends TEXT until it is answered although allocation number 0, 1 ... of the server fails. Returns
 * how many times that was an error. */
static unsigned call_until_good(struct rig *rig, const char *text)
{
	for (int n = 0; n < 50; n++) {
		bool failed;
		int err;

		good = n;
		err = fake_channel_callf(rig->fc, &reply, "%s", text);
		failed = good < 0;
		good = -1;
		if (!failed) {
			assert_int_equal(err, 0);
			return (unsigned)n;
		}
		assert_true(err == -ENOMEM || err == 0);
		if (!err)
			return (unsigned)n;
	}
	fail_msg("%s: never well", text);
	return 0;
}

static void every_allocation_may_fail(void **state)
{
	static const char *const messages[] = {
		"Tversion tag=65535 msize=65536 version=9P2000.L",
		"Tattach tag=1 fid=0 afid=4294967295",
		"Twalk tag=1 fid=0 newfid=1 wname=[a]",
		"Twalk tag=1 fid=0 newfid=2 wname=[dir,b]",
		"Twalk tag=1 fid=0 newfid=3 wname=[]",
		"Twalk tag=1 fid=1 newfid=1 wname=[]",
		"Tlopen tag=1 fid=1",
		"Tread tag=1 fid=1 count=100",
		"Tgetattr tag=1 fid=1 request_mask=0x7ff",
		"Trename tag=1 fid=1 dfid=0 name=c",
		"Tlcreate tag=1 fid=3 name=x",
		"Txattrwalk tag=1 fid=1 newfid=4 name=user.10000",
		"Tread tag=1 fid=4 count=100",
		"Txattrcreate tag=1 fid=2 name=user.a attr_size=3",
		"Twrite tag=1 fid=2 data=abc",
		"Tclunk tag=1 fid=2",
		"Tremove tag=1 fid=1",
	};
	struct rig rig = rig_start((struct server_config){.workers = 1},
				   (struct fake_config){.part = 50});
	unsigned errors = 0;

	(void)state;
	/* without memory for the request itself there would be no reply */
	CALL(&rig, -EPROTO, "Tgetattr tag=1 fid=0");
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		errors += call_until_good(&rig, messages[i]);
	/* the walks, the opened, the renamed, the created fid, the attributes: at least these */
	assert_true(errors >= 10);
	rig_stop(&rig);
}

static void a_table_that_cannot_grow_is_no_loss(void **state)
{
	struct rig rig = rig_start((struct server_config){.workers = 1},
				   (struct fake_config){.part = 50});
	unsigned errors = 0;
	char text[64];

	(void)state;
	rig_attach(&rig);
	for (unsigned i = 1; i < 1000; i++) {
		snprintf(text, sizeof(text), "Twalk tag=1 fid=0 newfid=%u", i);
		errors += call_until_good(&rig, text);
	}
	/* one for each fid, one for each time that the table grows */
	assert_true(errors > 999);
	for (unsigned i = 1; i < 1000; i++)
		CALL(&rig, 0, "Tgetattr tag=1 fid=%u request_mask=0x7ff", i);
	rig_stop(&rig);
}

static void a_request_without_memory_ends_the_channel(void **state)
{
	struct rig rig = rig_start((struct server_config){.workers = 1},
				   (struct fake_config){.part = 50});

	(void)state;
	good = 0;
	SEND(&rig, "Tversion tag=65535 msize=65536 version=9P2000.L");
	good = -1;
	assert_non_null(fake_channel_shutdown_reason(rig.fc));
	assert_int_equal(fake_channel_n_dropped(rig.fc), 1);
	rig_stop(&rig);
}

static void a_session_or_a_server_without_memory_is_refused(void **state)
{
	struct rig rig = rig_start((struct server_config){.workers = 1},
				   (struct fake_config){.part = 50});
	struct server_config cfg = {.backend = rig.backend};
	struct fake_config fake = {.part = 50};
	struct server *s = NULL;

	(void)state;
	for (int n = 0; n < 2; n++) {
		good = n;
		assert_null(fake_channel_new(server_handler(rig.server), &fake));
		good = n;
		assert_int_equal(server_new(&cfg, &s), -ENOMEM);
		good = -1;
	}
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(a_table_that_cannot_grow_is_no_loss),
		cmocka_unit_test(a_request_without_memory_ends_the_channel),
		cmocka_unit_test(a_session_or_a_server_without_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
