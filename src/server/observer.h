/* SPDX-License-Identifier: MIT */
/* Who looks at the messages of all sessions, as they come and go: a recording. The server names
 * none; without an observer each message costs a branch or two. */
#ifndef SERVER_OBSERVER_H
#define SERVER_OBSERVER_H

#include <stdint.h>
#include <sys/uio.h>

struct channel;
struct frame;

/* What goes back for FRAME: HEAD_LEN bytes at HEAD, 0 when there is no reply; then the first
 * PAYLOAD_LEN bytes of the N_IOV parts of IOV. Both times as clock_now_ns has them. */
struct observed_reply {
	const struct frame *frame; /* of the request */
	const void *head;
	uint32_t head_len;
	const struct iovec *iov;
	int n_iov;
	uint32_t payload_len;
	uint64_t received, started; /* when it came; when its handler last began */
};

struct observer_ops {
	/* A session begins: what is returned is OBSERVED of the others, it may be NULL. */
	void *(*opened)(void *self, const struct channel *ch, uint64_t session);

	/* A message came, not looked at so far. On the channel's thread. */
	void (*request)(void *observed, const struct frame *f, uint64_t received);

	/* Before the peer can see the reply. From any thread. */
	void (*reply)(void *observed, const struct observed_reply *r);

	/* The last of the session's requests is answered. From any thread. */
	void (*closed)(void *observed);
};

#endif
