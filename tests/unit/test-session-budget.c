/* SPDX-License-Identifier: MIT */
/* What a client can make the server hold has an end, and clients do not starve each other. */
#include "session-all.h"

static const struct msg *reply;

static void fids_have_a_budget(void **state)
{
	struct rig rig = rig_start((struct server_config){.budgets[BUDGET_FIDS].one = 300},
				   (struct fake_config){.room = 0});

	(void)state;
	rig_attach(&rig);
	for (unsigned i = 1; i < 300; i++)
		CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=%u", i * 0x10001);
	CALL(&rig, -EMFILE, "Twalk tag=1 fid=0 newfid=7");
	CALL(&rig, -EMFILE, "Txattrwalk tag=1 fid=0 newfid=7 name=user.5");
	CALL(&rig, 0, "Tclunk tag=1 fid=%u", 0x10001);
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=7");
	for (unsigned i = 2; i < 300; i++)
		CALL(&rig, 0, "Tgetattr tag=1 fid=%u request_mask=0x7ff", i * 0x10001);
	rig_stop(&rig);
}

static void requests_in_flight_have_a_budget(void **state)
{
	struct rig rig = rig_start(
		(struct server_config){.workers = 1, .budgets[BUDGET_REQUESTS].one = 3},
		(struct fake_config){.room = 0});

	(void)state;
	rig_attach(&rig);
	rig_open(&rig, 1, "slow");
	for (unsigned i = 10; i < 13; i++)
		SEND(&rig, "Tread tag=%u fid=1 count=10", i);
	toy_wait_blocked(rig.backend, 1);
	CALL(&rig, -EAGAIN, "Tread tag=13 fid=1 count=10");
	CALL(&rig, -EAGAIN, "Tflush tag=14 oldtag=10");
	CALL(&rig, 0, "Tgetattr tag=15 fid=0 request_mask=0x7ff");
	toy_release(rig.backend, 3);
	for (uint16_t i = 10; i < 13; i++)
		EXPECT(&rig, Rread, i);
	rig_stop(&rig);
}

static void bytes_in_flight_have_a_budget(void **state)
{
	struct rig rig = rig_start(
		(struct server_config){.workers = 1, .budgets[BUDGET_REQUEST_BYTES].one = 10000},
		(struct fake_config){.room = 0});

	(void)state;
	rig_attach(&rig);
	rig_open(&rig, 1, "slow");
	SEND(&rig, "Tread tag=10 fid=1 count=9000");
	CALL(&rig, -EAGAIN, "Tread tag=11 fid=1 count=9000");
	SEND(&rig, "Tread tag=12 fid=1 count=900");
	toy_release(rig.backend, 2);
	EXPECT(&rig, Rread, 10);
	EXPECT(&rig, Rread, 12);
	SEND(&rig, "Tread tag=13 fid=1 count=9000");
	toy_release(rig.backend, 1);
	EXPECT(&rig, Rread, 13);
	rig_stop(&rig);
}

static void bytes_of_attributes_have_a_budget(void **state)
{
	struct rig rig = rig_start(
		(struct server_config){.budgets[BUDGET_XATTR_BYTES].one = 100000},
		(struct fake_config){.room = 0});

	(void)state;
	rig_attach(&rig);
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=3");
	CALL(&rig, 0, "Txattrwalk tag=1 fid=0 newfid=1 name=user.60000");
	CALL(&rig, -ENOSPC, "Txattrwalk tag=1 fid=0 newfid=2 name=user.60000");
	CALL(&rig, -ENOSPC, "Txattrcreate tag=1 fid=3 name=user.a attr_size=60000");
	CALL(&rig, 0, "Tclunk tag=1 fid=1");
	CALL(&rig, 0, "Txattrcreate tag=1 fid=3 name=user.a attr_size=60000");
	CALL(&rig, -ENOSPC, "Txattrwalk tag=1 fid=0 newfid=2 name=user.60000");
	CALL(&rig, -EINVAL, "Tclunk tag=1 fid=3");
	CALL(&rig, 0, "Txattrwalk tag=1 fid=0 newfid=2 name=user.60000");
	rig_stop(&rig);
}

static void empty_attributes_have_a_budget_too(void **state)
{
	struct rig rig = rig_start((struct server_config){.budgets[BUDGET_XATTR_BYTES].one = 10000},
				   (struct fake_config){.room = 0});
	unsigned n = 0;
	int err;

	(void)state;
	rig_attach(&rig);
	do {
		n++;
		err = fake_channel_callf(rig.fc, NULL,
					 "Txattrwalk tag=1 fid=0 newfid=%u name=user.0", n);
	} while (!err && n < 1000);
	assert_int_equal(err, -ENOSPC);
	rig_stop(&rig);
}

/* Two workers; one client has a hundred requests that block, another one has one. */
static void one_client_does_not_starve_another(void **state)
{
	struct rig rig = rig_start((struct server_config){.workers = 2},
				   (struct fake_config){.room = 0});
	struct fake_config cfg = {.room = 0};
	struct rig other = {rig.backend, rig.server,
			    fake_channel_new(server_handler(rig.server), &cfg)};

	(void)state;
	assert_non_null(other.fc);
	rig_attach(&rig);
	rig_open(&rig, 1, "slow");
	rig_attach(&other);
	rig_open(&other, 1, "slow other");
	for (unsigned i = 0; i < 100; i++)
		SEND(&rig, "Tread tag=%u fid=1 count=10", i + 10);
	/* the other worker gets the time to take the second one, if it may */
	for (unsigned i = 0; i < 5000; i++)
		CALL(&rig, 0, "Tgetattr tag=1 fid=0 request_mask=0x7ff");
	SEND(&other, "Tread tag=10 fid=1 count=10");
	toy_wait_blocked_on(rig.backend, "slow other");
	toy_release(rig.backend, 101);
	EXPECT(&other, Rread, 10);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(fake_channel_recv(rig.fc)->type, Rread);
	fake_channel_free(other.fc);
	rig_stop(&rig);
}

static void opened_files_have_a_budget(void **state)
{
	struct rig rig = rig_start((struct server_config){.budgets[BUDGET_FILES].one = 3},
				   (struct fake_config){.room = 0});

	(void)state;
	rig_attach(&rig);
	rig_open(&rig, 1, "a");
	rig_open(&rig, 2, "b");
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=3");
	CALL(&rig, 0, "Tlcreate tag=1 fid=3 name=new flags=2 mode=0644");
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=4 wname=[\"c\"]");
	CALL(&rig, -EMFILE, "Tlopen tag=1 fid=4 flags=2");
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=5");
	CALL(&rig, -EMFILE, "Tlcreate tag=1 fid=5 name=other flags=2 mode=0644");
	CALL(&rig, 0, "Tclunk tag=1 fid=1");
	CALL(&rig, 0, "Tlopen tag=1 fid=4 flags=2");
	CALL(&rig, -EMFILE, "Tlcreate tag=1 fid=5 name=other flags=2 mode=0644");
	CALL(&rig, 0, "Tversion tag=65535 msize=65536 version=9P2000.L");
	CALL(&rig, 0, "Tattach tag=1 fid=0 afid=4294967295");
	for (unsigned i = 1; i <= 3; i++)
		rig_open(&rig, i, "a");
	rig_stop(&rig);
}

/* All together have an end as well, and whoever takes it all leaves each other one a share. */
static void a_greedy_client_leaves_the_others_their_share(void **state)
{
	const uint64_t share = budget_table[BUDGET_FIDS].share;
	struct rig rig = rig_start((struct server_config){.budgets[BUDGET_FIDS].all = 100},
				   (struct fake_config){.room = 0});
	struct fake_config cfg = {.room = 0};
	struct rig other = {rig.backend, rig.server,
			    fake_channel_new(server_handler(rig.server), &cfg)};

	(void)state;
	assert_non_null(other.fc);
	rig_attach(&rig);
	rig_attach(&other);
	for (unsigned i = 1; i < share + 100; i++)
		CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=%u", i);
	CALL(&rig, -ENFILE, "Twalk tag=1 fid=0 newfid=1000000");
	for (unsigned i = 1; i < share; i++)
		CALL(&other, 0, "Twalk tag=1 fid=0 newfid=%u", i);
	CALL(&other, -ENFILE, "Twalk tag=1 fid=0 newfid=1000000");
	CALL(&rig, 0, "Tclunk tag=1 fid=7");
	CALL(&other, 0, "Twalk tag=1 fid=0 newfid=1000000");
	CALL(&rig, -ENFILE, "Twalk tag=1 fid=0 newfid=7");
	fake_channel_free(rig.fc);
	rig.fc = other.fc;
	for (unsigned i = 1; i < 100; i++)
		CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=%u", i + 2000000);
	CALL(&rig, -ENFILE, "Twalk tag=1 fid=0 newfid=3000000");
	rig_stop(&rig);
}

static void bytes_of_attributes_are_shared_too(void **state)
{
	struct rig rig = rig_start(
		(struct server_config){.budgets[BUDGET_XATTR_BYTES].all = 100000},
		(struct fake_config){.room = 0});
	unsigned n = 0;
	int err;

	(void)state;
	rig_attach(&rig);
	do {
		n++;
		err = fake_channel_callf(rig.fc, NULL,
					 "Txattrwalk tag=1 fid=0 newfid=%u name=user.60000", n);
	} while (!err && n < 1000);
	assert_int_equal(err, -ENOSPC);
	assert_in_range(n, 4, 7);
	CALL(&rig, 0, "Tclunk tag=1 fid=1");
	CALL(&rig, 0, "Txattrwalk tag=1 fid=0 newfid=1 name=user.60000");
	rig_stop(&rig);
}

static void a_server_without_a_backend_is_refused(void **state)
{
	struct server *s;

	(void)state;
	assert_int_equal(server_new(&(struct server_config){.workers = 1}, &s), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fids_have_a_budget),
		cmocka_unit_test(requests_in_flight_have_a_budget),
		cmocka_unit_test(bytes_in_flight_have_a_budget),
		cmocka_unit_test(bytes_of_attributes_have_a_budget),
		cmocka_unit_test(empty_attributes_have_a_budget_too),
		cmocka_unit_test(one_client_does_not_starve_another),
		cmocka_unit_test(opened_files_have_a_budget),
		cmocka_unit_test(a_greedy_client_leaves_the_others_their_share),
		cmocka_unit_test(bytes_of_attributes_are_shared_too),
		cmocka_unit_test(a_server_without_a_backend_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
