/* SPDX-License-Identifier: MIT */
/* A connection: one peer on a stream socket, as a channel. Internal to the stream transports.
 *
 * Theory of operation
 *
 * The loop's thread receives, cuts the bytes into messages and hands them over, several per system
 * call. Replies line up in a queue; the thread that finds nobody sending becomes the sender and
 * sends all that is there, with one system call for many replies. So the replies to one batch leave
 * together, or as soon as they are many bytes, a worker's reply leaves at once, and no thread waits for another one's system call.
 * When the socket is full the loop's thread goes on once it is writable.
 *
 * File data may come in a pipe (pipes.h) instead of memory: then all that is queued before them
 * leaves with one system call, and they with the next.
 *
 * What the peer can make us hold is bounded: each message is charged (`held`) with the memory that
 * it keeps and the reply that it asks for, until that reply is sent. Over the bound nothing more is
 * received, and no message that is already here is handed over.
 *
 *	open	  receiving, or paused because of the bound
 *	ending	  end of file, or a message that breaks the framing: what was received is answered
 *	closed	  handler.closed was called; replies are thrown away
 *	released  by the server; freed when the last thread has left
 */
#ifndef TRANSPORT_CONN_H
#define TRANSPORT_CONN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "inbuf.h"
#include "list.h"
#include "loop.h"
#include "transport.h"

struct crowd;
struct handler;
struct pipe;
struct pipes;
struct pool;

#define CONN_MSIZE (1U << 20)	 /* the most that Linux' socket transports carry */
#define CONN_MAX_FRAMES 4096	 /* messages without a sent reply */
#define CONN_MAX_QUEUED 64	 /* replies that wait for the peer */
#define CONN_MIN_HELD (2 << 20)	 /* `held` may always reach this, and */
#define CONN_MAX_PIPES 8	 /* in use: a peer that stops leaves some to the others */
#define CONN_SEND_AT (128 << 10) /* bytes of replies that are sent before a batch ends */
#define CONN_JOINT 4096		 /* bytes of small replies that are queued as one */
#define CONN_HELD_MSIZES 4	 /* that many times the msize */

struct conn {
	struct channel channel; /* first */
	struct channel_ops ops; /* with the name of this transport */
	struct loop *loop;
	struct pool *pool;
	struct pipes *pipes; /* NULL: the socket may not be used with them */
	atomic_uint n_pipes; /* in use */
	const struct handler *handler;
	void *session;
	int fd;

	/* The loop's thread. */
	struct watch watch;
	uint32_t events; /* that are watched for */
	struct inbuf in;
	bool eof, empty;    /* nothing was there when last received */
	bool hung_up;	    /* in both directions */
	bool closed;	    /* written under the lock too */
	const char *broken; /* why the peer's bytes are no messages */
	size_t unsent;	    /* bytes of the replies of this batch that wait for its end */
	uint8_t *joint;	    /* from the pool: for the next replies that are queued as one */
	size_t turn;	    /* what may still be handed over before other peers get theirs */
	struct crowd *crowd;
	struct list of_crowd;
	size_t in_crowd; /* what it held when it moved last */

	atomic_uint refs;	      /* 1 until released, and those of threads that are in here */
	void (*gone)(struct conn *c); /* the last reference is gone; from any thread */
	void *owner;
	struct list link; /* the owner's */

	pthread_mutex_t lock;		  /* for what follows; nothing else is locked under it */
	struct conn_frame *first, **last; /* replies to send */
	size_t first_sent;		  /* bytes of the first that were */
	unsigned n_queued, n_frames;
	size_t held;
	bool sending; /* a thread is sending from the queue, which others only add to */
	bool blocked; /* the socket is full */
	bool mute;    /* nothing can be sent any more */
	/* What the loop's thread wants to be told of. */
	enum { WAIT_NOTHING, WAIT_ROOM, WAIT_ALL_ANSWERED } waiting;
	bool posted;	      /* `update` will run; holds a reference */
	const char *shutdown; /* the reason that the server gave */
	struct task update;
};

/* A message and its reply. */
struct conn_frame {
	struct frame frame; /* first */
	struct conn_frame *next;
	struct chunk *chunk; /* where the message is, unless it was copied to BYTES */
	uint8_t *payload;    /* from the pool; the data begin behind */
	size_t payload_at;   /* so many bytes for the head of the reply */
	struct pipe *pipe;   /* or the data are in here, */
	size_t piped;	     /* so many, which follow what is in OUT */
	void *long_head;     /* from the pool */
	size_t held;
	unsigned n_joined; /* replies to other messages, in PAYLOAD, which this one has not */
	struct iovec out[2];
	int n_out;
	uint8_t bytes[256]; /* a small message, then a small reply */
};

/* Serves the peer on FD, which becomes the connection's. NAME is the transport's, PEER for the log.
 * GONE(connection) is called once, later, when nothing of it is in use: it calls conn_free. On
 * failure FD stays the caller's. */
struct conn_config {
	struct loop *loop;
	struct pool *pool;
	struct pipes *pipes; /* only if FD is O_NONBLOCK; may be NULL */
	uint32_t pipe_min;   /* for the channel */
	struct crowd *crowd;
	const struct handler *handler;
	int fd;
	const char *name, *peer;
	void (*gone)(struct conn *c);
	void *owner;
};
int conn_new(const struct conn_config *cfg, struct conn **ret_c);
void conn_free(struct conn *c);

/* The loop's thread; again is harmless. */
void conn_close(struct conn *c, const char *reason);

/* The same when the loop will not run any more. */
void conn_end(struct conn *c, const char *reason);

/* What conn.c and conn-out.c know of each other. */
void conn_unref(struct conn *c);
/* The bytes of memory; the loop's thread. */
size_t conn_holds(struct conn *c);
bool conn_has_room_locked(const struct conn *c);
void conn_post_locked(struct conn *c);
/* Sends what is queued. IN_LOOP: called by the loop's thread, which looks at `blocked` itself. */
void conn_flush(struct conn *c, bool in_loop);
/* A message that weighed HELD is answered, or never will be. */
void conn_uncharge(struct conn *c, size_t held);
/* No more replies: those that wait are thrown away. */
void conn_mute(struct conn *c);
/* The connection whose messages this thread is handing over, whose replies wait for the end of the
 * batch. */
extern _Thread_local struct conn *conn_in_batch;

int conn_pipe(struct frame *f, size_t count, int *ret_fd);
int conn_payload(struct frame *f, uint32_t head, uint32_t count, struct iovec *iov, int cap,
		 int *ret_n);
void conn_reply(struct frame *f, const void *head, uint32_t head_len, uint32_t payload_len);
void conn_drop(struct frame *f);

#endif
