/* SPDX-License-Identifier: MIT */
/* A request: one T-message from its arrival to its reply. Internal to server.
 *
 *	RECEIVED -> ANSWERING -> UNUSED		      in place
 *	RECEIVED -> QUEUED -> RUNNING -> ANSWERING    by a worker
 *	RECEIVED -> WAITING -> ANSWERING	      Tflush, Tversion
 *	QUEUED -> ANSWERING			      flushed, or its session is over: no reply
 *
 *	state	    in flight  whose it is, and what may be done
 *	UNUSED	    no	       the session's (spare, or in the list unused)
 *	RECEIVED    no	       the channel's thread; all, handlers run in this state
 *	QUEUED	    yes	       the session's; under its lock it may be taken out of the queue
 *	RUNNING	    yes	       a worker's; handlers run in this state; others may, under the lock,
 *			       look at the tag, add a waiter, set `dropped`
 *	WAITING	    yes	       that of the request that it waits for; others as with RUNNING
 *	ANSWERING   as before  whoever set it: gives the frame back. Others may still add a waiter,
 *			       which is answered behind it; its tag may be used again, because the
 *			       peer may have the reply already
 */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include <limits.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "arena.h"
#include "backend.h"
#include "fid.h"
#include "list.h"
#include "msg.h"

struct frame;
struct session;

enum request_state {
	REQUEST_UNUSED,
	REQUEST_RECEIVED,
	REQUEST_QUEUED,
	REQUEST_RUNNING,
	REQUEST_WAITING,
	REQUEST_ANSWERING,
};

/* What a handler returns when the request is somebody else's now. No errno. */
#define REQUEST_PARKED (-4097)

struct request {
	struct session *session;
	struct frame *frame;
	enum request_state state;   /* once in flight: under session.lock */
	bool dropped;		    /* no reply is wanted; under session.lock */
	struct msg msg;		    /* views into the frame; its type and tag are in PEER'S terms */
	struct msg reply;	    /* for the handler to fill, but for type and tag */
	int error;		    /* of the handler: 0 or -errno */
	bool is_timed;		    /* there is an observer, or latencies are measured */
	uint64_t received, started; /* clock_now_ns, if it is timed */
	uint64_t answered;	    /* likewise; 0: not timed */

	/* What the handler has used, given back with the reply. */
	struct fid *fids[2];  /* references, in the order in which they were asked for */
	int n_iov;	      /* parts of the reply's memory, 0: not asked for yet */
	bool has_pipe;	      /* or a pipe was given for it */
	uint32_t payload_len; /* how much of it the reply uses */
	uint64_t bytes;	      /* of message and reply, for the budget */
	struct arena arena;

	struct list link;    /* in session.queue, a request's waiters, or session.unused */
	struct list by_tag;  /* in session.tags */
	struct list waiters; /* Tflush requests that are answered after this one */

	struct iovec iov[IOV_MAX];
	alignas(max_align_t) char scratch[4352]; /* the arena's first block */
};

/* A request for the frame F of S, RECEIVED; NULL when memory is out. Channel's thread only. */
struct request *request_start(struct session *s, struct frame *f);

/* Gives the frame back: the reply or, if DROP, none. */
void request_answer(struct request *r, bool drop);

/* Makes an answered request unused. */
void request_recycle(struct request *r);

/* Queues R for a worker: REQUEST_PARKED, or -EAGAIN when the budget is used up. */
int request_defer(struct request *r);

/* Answers R, which is in flight, and all that waited for it. Ends the flight of each. */
void request_end(struct request *r);

/* Is there a request in flight whose reply the peer cannot have yet with this tag? */
bool request_is_tag_used(struct session *s, uint16_t tag);

/* For a Tflush: drops the request OLDTAG if it is queued: 0. If it runs, R is answered after it:
 * REQUEST_PARKED; -EAGAIN when the budget is used up. */
int request_flush(struct request *r, uint16_t oldtag);

/* For a Tversion: drops all other requests, an older Tversion that waits too. 0 when R is alone
 * now; else REQUEST_PARKED: version_finish and the answer follow when it is. */
int request_wait_alone(struct request *r);

/* All requests of S are dropped: the queued ones at once, others as soon as they end. */
void request_drop_all(struct session *s);

void request_free(struct request *r);

#endif
