/* SPDX-License-Identifier: MIT */
/* The client's core: any number of requests in flight over one link, each with a function that
 * takes its reply. Nothing waits but async_wait; one thread uses a client. */
#ifndef CLIENT_ASYNC_H
#define CLIENT_ASYNC_H

#include <stdint.h>

struct async;
struct link;
struct msg;

/* A request in flight. The caller's, which keeps it until DONE is called; DONE may use it again. */
struct async_call {
	/* ERR is 0 for the R-message of the request, -ecode for Rlerror, -EPROTO for a reply that
	 * is none of these; for all of them REPLY is the message, valid until the return. When the
	 * link has ended REPLY is NULL. */
	void (*done)(struct async_call *c, const struct msg *reply, int err);
	uint16_t tag;
	uint8_t type; /* of the request */
};

/* A client on L, which it takes over: also when it fails. Up to DEPTH requests in flight. */
int async_new(struct link *l, unsigned depth, struct async **ret_a);

/* Requests in flight are forgotten: their functions are not called. */
void async_free(struct async *a);

/* Sends M, whose tag is chosen here (Tversion: NOTAG), at the next async_flush. -EAGAIN: DEPTH
 * requests are in flight, or the link is full until replies have come; -errno of the link. */
int async_send(struct async *a, const struct msg *m, struct async_call *c);

/* Sends all that was given. 0 or -errno. */
int async_flush(struct async *a);

/* Takes all replies that are here. 0, or why the link has ended: then every request in flight has
 * got that error. */
int async_take(struct async *a);

/* Flush, then waits MS milliseconds (-1: for ever) until something is here, and takes it. 0,
 * -ETIMEDOUT, -EINTR, or why the link has ended. */
int async_wait(struct async *a, int ms);

unsigned async_in_flight(const struct async *a);
struct link *async_link(struct async *a);

/* How long async_call_now waits (30 s), and what ends that with -EINTR when a handler of signals has set
 * it (NULL: nothing does). */
void async_set_patience(struct async *a, int ms, const volatile int *stop);

/* One request, waited for: 0 and the reply, whose views live until the next request; else as DONE
 * says it, or -ETIMEDOUT. Only with nothing else in flight. */
int async_call_now(struct async *a, struct msg *m, struct msg *ret_reply);

/* Tversion and Tattach of fid 0 as user UID to ANAME. *RET_MSIZE is what the server agreed to. */
int async_attach(struct async *a, uint32_t msize, uint32_t uid, const char *aname,
		 uint32_t *ret_msize);

#endif
