/* SPDX-License-Identifier: MIT */
/* What carries messages between a peer and the server: the ops that a transport implements, and
 * those that it calls. Neither side knows more of the other.
 *
 * A channel is one peer: a connection, or a vhost-user device. A frame is one T-message taken from
 * it, and the place for its reply. The transport owns the memory of both.
 *
 *	transport: take a message from the ring or socket -> handler.receive(session, frame)
 *	server:    [ops.payload(frame, ...)], then once:  ops.reply(frame, ...) or ops.drop(frame)
 *	transport: after a batch of receive() calls it sends all replies queued meanwhile together
 */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct channel;
struct frame;
struct route;

struct channel_ops {
	const char *name; /* "unix", "tcp", "vsock", "fd", "vhost-user" */

	/* Memory for COUNT bytes of file data of the reply, behind a reply header of HEAD bytes: at
	 * most CAP parts in IOV, *RET_N of them. It is valid until reply or drop. -EMSGSIZE when
	 * the peer left less room, -ENOMEM. At most one call a frame. */
	int (*payload)(struct frame *f, uint32_t head, uint32_t count, struct iovec *iov, int cap,
		       int *ret_n);

	/* In the place of that memory, the writing end of an empty pipe for COUNT bytes of a file from a
	 * page's start on, which go on without being copied. It stays the channel's. Again: the same
	 * one. -EOPNOTSUPP, or NULL: there is none; then, and after that too, `payload` may be called,
	 * which takes the pipe back with what is in it. */
	int (*pipe)(struct frame *f, size_t count, int *ret_fd);

	/* Queues the reply: HEAD_LEN bytes at HEAD (copied), then the first PAYLOAD_LEN bytes of
	 * the memory from `payload`, or all that is in the pipe, which is as many. From any
	 * thread. Replies to frames received in the channel's thread go out when receive returns to
	 * it, others at once. The frame is the transport's again. */
	void (*reply)(struct frame *f, const void *head, uint32_t head_len, uint32_t payload_len);

	/* No reply will come: the request was flushed, or the session is over. From any thread. */
	void (*drop)(struct frame *f);

	/* Ends the channel; REASON is a constant string, for the log. handler.closed follows,
	 * later, on the channel's thread. From any thread; again is harmless. */
	void (*shutdown)(struct channel *ch, const char *reason);

	/* The session that handler.opened gave to this channel is gone: no frame of it is left, and
	 * nothing of the channel will be touched again. From any thread. */
	void (*released)(struct channel *ch);
};

/* Transports embed this first. */
struct channel {
	const struct channel_ops *ops;
	uint32_t max_msize; /* the largest msize that the transport can carry */
	uint32_t pipe_min;  /* for fewer bytes no `pipe` is to be asked for: a copy costs less */
	_Atomic uint32_t msize; /* as negotiated: longer messages end the channel. The server sets
				 * it; max_msize before */
	char peer[64]; /* for messages: "unix pid 4711", "vhost-user", "tcp 127.0.0.1:4711" */
};

/* Transports embed this first. */
struct frame {
	struct channel *channel;
	const void
		*head; /* the message, copied out of the peer's reach: all of it, or all but the */
	size_t head_len; /* file data of a Twrite, */
	const struct iovec
		*data; /* which then is here, in N_DATA parts: memory that the peer may */
	int n_data;    /* change under our eyes */
	size_t data_len;
	size_t room;		   /* bytes that the peer left for the reply, SIZE_MAX if any */
	const struct route *route; /* NULL: not by a ring */
	bool follows;  /* it came with the message before it, which was handed over just now */
	void *request; /* the server's */
};

/* Implemented by the server. All are called on the channel's thread. */
struct handler_ops {
	/* A new peer. 0 and its session, or -errno: refused. */
	int (*opened)(void *handler, struct channel *ch, void **ret_session);
	void (*receive)(void *session, struct frame *f);
	/* The peer is gone, or shutdown was called: no more receive. Requests that still run end
	 * with drop; then ops.released is called, perhaps from within this call. */
	void (*closed)(void *session);
};

struct handler {
	const struct handler_ops *ops;
	void *self;
};

#endif
