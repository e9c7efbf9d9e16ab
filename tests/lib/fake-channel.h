/* SPDX-License-Identifier: MIT */
/* A transport for tests: no thread, no peer. What the test sends is received at once; what comes
 * back is kept in order. Checks that each frame is given back once. */
#ifndef TESTS_FAKE_CHANNEL_H
#define TESTS_FAKE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "macros.h"
#include "msg.h"

struct fake_channel;
struct handler;

/* What the peer is like. Zeroed: room for any reply, memory in one part, data in the message. */
struct fake_config {
	uint32_t max_msize; /* 0: 65536 */
	size_t room;	    /* for each reply, 0: any */
	size_t part;	    /* bytes in a part of the reply's memory, and of a Twrite's data */
	bool data_beside;   /* a Twrite's data travels beside the message */
};

/* NULL when the handler refuses the channel. */
struct fake_channel *fake_channel_new(const struct handler *h, const struct fake_config *cfg);

/* Closes it if that was not done, waits until it is released. */
void fake_channel_free(struct fake_channel *fc);

/* From now on there is so much room for each reply; 0: any. */
void fake_channel_set_room(struct fake_channel *fc, size_t room);

/* The peer goes away. */
void fake_channel_close(struct fake_channel *fc);
bool fake_channel_is_released(struct fake_channel *fc);

/* The reason that was given to shutdown, or NULL. */
const char *fake_channel_shutdown_reason(struct fake_channel *fc);

void fake_channel_send(struct fake_channel *fc, const struct msg *m);
void fake_channel_sendf(struct fake_channel *fc, const char *text, ...) printf_like(2, 3);
void fake_channel_send_bytes(struct fake_channel *fc, const void *bytes, size_t n);

/* The next message that came back; waits for it, ends the program after 20 seconds. Its views live
 * until the next call. */
const struct msg *fake_channel_recv(struct fake_channel *fc);

/* Has come back something that was not received yet? */
bool fake_channel_has_reply(struct fake_channel *fc);

/* How many frames were given back without a reply. */
unsigned fake_channel_n_dropped(struct fake_channel *fc);

/* Waits until it is N. */
void fake_channel_wait_dropped(struct fake_channel *fc, unsigned n);

/* Sends the message, receives its reply: 0, -ecode of an Rlerror, -EPROTO for another message. */
int fake_channel_callf(struct fake_channel *fc, const struct msg **ret_m, const char *text, ...)
	printf_like(3, 4);

#endif
