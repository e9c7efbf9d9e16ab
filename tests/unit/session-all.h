/* SPDX-License-Identifier: MIT */
/* What the tests of sessions have in common: a server on a toy backend, and a channel to it. */
#ifndef TESTS_SESSION_ALL_H
#define TESTS_SESSION_ALL_H

#include <errno.h>
#include <string.h>

#include "cmocka-all.h"
#include "backend.h"
#include "fake-channel.h"
#include "server.h"
#include "toy-backend.h"

struct rig {
	struct backend *backend;
	struct server *server;
	struct fake_channel *fc;
};

static inline struct rig rig_start(struct server_config cfg, struct fake_config fake)
{
	struct rig rig = {.backend = toy_new()};

	cfg.backend = rig.backend;
	assert_int_equal(server_new(&cfg, &rig.server), 0);
	rig.fc = fake_channel_new(server_handler(rig.server), &fake);
	assert_non_null(rig.fc);
	return rig;
}

/* Nothing may be left: no node, no file, no session. */
static inline void rig_stop(struct rig *rig)
{
	fake_channel_free(rig->fc);
	server_free(rig->server);
	assert_int_equal(toy_n_live(rig->backend), 0);
	backend_free(rig->backend);
}

/* The message, and that it is answered with ERR (0 or -errno). */
#define CALL(rig, err, ...) \
	assert_int_equal(fake_channel_callf((rig)->fc, &reply, __VA_ARGS__), err)

/* The next message to come back is a reply of TYPE to TAG. */
#define EXPECT(rig, typ, tg)                          \
	do {                                          \
		reply = fake_channel_recv((rig)->fc); \
		assert_int_equal(reply->type, typ);   \
		assert_int_equal(reply->tag, tg);     \
	} while (0)

#define SEND(rig, ...) fake_channel_sendf((rig)->fc, __VA_ARGS__)

/* Fid 0 is the root. */
static inline void rig_attach(struct rig *rig)
{
	const struct msg *reply;

	CALL(rig, 0, "Tversion tag=65535 msize=65536 version=9P2000.L");
	CALL(rig, 0, "Tattach tag=1 fid=0 afid=4294967295 n_uname=1000");
}

/* Fid FID is the file NAME, opened. */
static inline void rig_open(struct rig *rig, unsigned fid, const char *name)
{
	const struct msg *reply;

	CALL(rig, 0, "Twalk tag=1 fid=0 newfid=%u wname=[\"%s\"]", fid, name);
	CALL(rig, 0, "Tlopen tag=1 fid=%u flags=2", fid);
}

#endif
