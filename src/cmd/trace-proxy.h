/* SPDX-License-Identifier: MIT */
/* A recording proxy: each peer that connects gets a connection of its own to the server, and what
 * either side says goes to the other as it is, once it is recorded. */
#ifndef CMD_TRACE_PROXY_H
#define CMD_TRACE_PROXY_H

#include "address.h"

struct loop;
struct proxy;
struct sabotage;
struct trace_writer;

/* Peers beyond that wait. */
#define PROXY_MAX_PAIRS 64
/* No 9P client or server known sends more; who does is cut off. */
#define PROXY_MAX_MESSAGE (4U << 20)

/* Accepts from the listening (or uses the connected) socket BOUND, which it takes over. */
int proxy_new(struct loop *l, const struct bound *bound, const struct address *server,
	      struct trace_writer *w, struct proxy **ret_p);

/* From now on these damage the payload of each Rread, when it is recorded; they stay the caller's. */
void proxy_damage(struct proxy *p, struct sabotage *const *faults, size_t n);

/* The loop must not run any more. */
void proxy_free(struct proxy *p);

#endif
