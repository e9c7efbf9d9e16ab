/* SPDX-License-Identifier: MIT */
/* A session: what the server keeps for a channel. Internal to server.
 *
 * Theory of operation
 *
 * A session lives from handler.opened until handler.closed was called and none of its requests is
 * left; the last of them frees it and tells the channel (ops.released). It has a table of fids and
 * a table of the requests that are in flight, by tag.
 *
 * A message is decoded once, checked against the table of dispatch.c, and its handler runs at once,
 * on the channel's thread (in place). Most requests end so: nobody else has ever seen them, they
 * are in no table and no lock of the session's is taken for them but that of the fid table. When
 * the backend answers CALL_WOULD_BLOCK, the request is entered in the table of those in flight and
 * queued; a worker then runs its handler again from the start. So a handler has no effect before
 * the call that may say CALL_WOULD_BLOCK, and it finds what it must not do twice (fids looked up, a
 * fid taken out of the table, memory for the reply) in the request.
 *
 * Sessions with queued requests take turns at the workers, a request a turn; while there are other
 * sessions, one never occupies all workers. A session beyond its budget of requests in flight gets
 * EAGAIN: transports have no way to stop reading, and to wait here would stop all others.
 *
 * Tflush and Tversion wait for requests in flight to end. They are requests in flight themselves
 * while they wait: the end of the one that they wait for answers them. request.h has the states.
 */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fid.h"
#include "list.h"
#include "xattr-value.h"

struct channel;
struct handler_ops;
struct request;
struct server;

#define SESSION_TAG_CHAINS 64u

struct session {
	struct server *server;
	struct channel *channel;
	struct list of_server; /* under its sessions_lock */
	uint64_t id;
	atomic_uint refs; /* of the channel, of each request in flight, of a turn at the workers */
	atomic_bool negotiated; /* Rversion named our version */
	struct fid_table fids;
	struct xattr_budget xattr_bytes;
	atomic_uint n_opened;	 /* fids */
	atomic_uint guards_told; /* 1 << enum guard: acted and was told of */
	struct request *spare;	 /* for the next message; the channel's thread only */
	uint64_t answered;	 /* when that thread answered its last one; 0: unknown */
	const struct observer_ops *observer; /* NULL: nobody looks */
	void *observed;			     /* the observer's */

	pthread_mutex_t lock;	 /* all below; before workers.lock */
	atomic_uint n_in_flight; /* also read without the lock by the channel's thread, the only
				  * one that adds */
	uint64_t bytes_in_flight;
	unsigned n_running;		      /* in workers */
	unsigned n_queued;		      /* in `queue` */
	bool closed;			      /* no message comes any more, no reply is wanted */
	bool has_turn;			      /* queued at the workers */
	struct list turn;		      /* there */
	struct list queue;		      /* of requests, oldest first */
	struct list tags[SESSION_TAG_CHAINS]; /* of requests in flight */
	struct request *version;	      /* a Tversion that waits until it is alone */
	struct list unused;		      /* of requests, a few */
	unsigned n_unused;
};

extern const struct handler_ops session_ops;

static inline struct session *session_ref(struct session *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void session_unref(struct session *s);

/* A session's turn at the workers: runs its oldest queued request. */
void session_serve(struct list *turn);

#endif
