/* SPDX-License-Identifier: MIT */
/* Requests with their replies, from a recording's records.
 *
 * An exchange comes out when its reply does: in the order of replies. Requests without one come at
 * the end, or when their connection or tag is used anew. What else a recording tells (connections,
 * losses) comes between them as it stands.
 */
#ifndef TRACE_EXCHANGE_H
#define TRACE_EXCHANGE_H

#include "msg.h"
#include "trace-record.h"

/* Where records come from: 1, 0 at the end, -errno. A record's views live until the next call. */
struct trace_source {
	int (*next)(struct trace_source *s, struct trace_record *ret_r);
};

struct exchange {
	enum exchange_kind {
		EXCHANGE_DONE,	     /* request and reply */
		EXCHANGE_NO_REPLY,   /* until the recording ended, or its tag came again */
		EXCHANGE_DROPPED,    /* no reply was sent: flushed, or the session was over */
		EXCHANGE_NO_REQUEST, /* a reply to nothing that is known */
		EXCHANGE_OTHER,	     /* only the record REQUEST: opened, closed, lost */
	} kind;
	struct trace_record request, reply;
	struct msg t, r; /* decoded; type and tag only if not well_formed */
	bool t_well_formed, r_well_formed;
	uint32_t slot; /* the lowest that no other request of its connection had in flight */
};

struct exchanges;

/* Slots beyond are not told apart. */
#define EXCHANGE_SLOTS 1024u

struct exchanges *exchanges_new(struct trace_source *from);
void exchanges_free(struct exchanges *x);

/* 1, 0 at the end, -errno. Views live until the next call. */
int exchanges_next(struct exchanges *x, struct exchange *ret_e);

/* When it was over: the reply's time, else the request's. */
uint64_t exchange_end(const struct exchange *e);

/* From request to reply, ns; 0 without both. */
uint64_t exchange_latency(const struct exchange *e);

/* Of an Rlerror, else 0. */
uint32_t exchange_errno(const struct exchange *e);

/* Decodes R's message from SIDE; false: malformed, RET_M has type and tag if they are there. */
bool trace_decode_msg(const struct trace_record *r, enum msg_side side, struct msg *ret_m);

#endif
