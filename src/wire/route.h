/* SPDX-License-Identifier: MIT */
/* How a request travelled: the descriptors of the ring that it came by. */
#ifndef WIRE_ROUTE_H
#define WIRE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "msg.h"

/* So many changes of size are told apart; the rest is counted with the last. */
#define ROUTE_RUNS 6

/* Descriptors of one direction, in their order: N of SIZE bytes, then others. */
struct route_half {
	uint16_t n_runs;
	uint16_t n;	   /* descriptors, in all runs */
	bool is_truncated; /* the last run has other sizes too */
	struct route_run {
		uint32_t size, n;
	} runs[ROUTE_RUNS];
};

struct route {
	uint16_t index;		   /* of the chain's head in the ring */
	struct route_half out, in; /* what the driver wrote; its room for the reply */
};

static inline void route_reset(struct route *r, uint16_t index)
{
	r->index = index;
	r->out.n_runs = r->in.n_runs = 0;
	r->out.n = r->in.n = 0;
	r->out.is_truncated = r->in.is_truncated = false;
}

static inline void route_add(struct route_half *h, uint32_t size)
{
	struct route_run *last = h->n_runs ? &h->runs[h->n_runs - 1] : NULL;

	h->n++;
	if (last && last->size == size) {
		last->n++;
	} else if (h->n_runs < ROUTE_RUNS) {
		h->runs[h->n_runs++] = (struct route_run){.size = size, .n = 1};
	} else {
		last->n++;
		h->is_truncated = true;
	}
}

/* Did the client's own memory carry the file data? Linux then gives the header a descriptor of
 * exactly its size (net/9p/trans_virtio.c, p9_virtio_zc_request). TYPE is the request's. */
static inline bool route_is_zero_copy(const struct route *r, uint8_t type)
{
	if (type == Tread || type == Treaddir)
		return r->in.n > 1 && r->in.runs[0].size == P9_READ_HEADER_SIZE;
	if (type == Twrite)
		return r->out.n > 1 && r->out.runs[0].size == P9_WRITE_HEADER_SIZE;
	return false;
}

#endif
