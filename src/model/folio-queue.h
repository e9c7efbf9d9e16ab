/* SPDX-License-Identifier: MIT */
/* Folios, and the queue in which a read request holds them: models include/linux/folio_queue.h
 * and fs/netfs/rolling_buffer.c. */
#ifndef MODEL_FOLIO_QUEUE_H
#define MODEL_FOLIO_QUEUE_H

#include <stdbool.h>

#include "iov-iter.h"
#include "phys.h"

/* 2^order pages in a row, which hold the file's pages from INDEX on. */
struct folio {
	struct phys *phys;
	size_t pfn;
	unsigned order;
	uint64_t index;
	bool is_uptodate, is_locked, is_readahead; /* is_readahead: PG_readahead */
};

static inline size_t folio_size(const struct folio *f)
{
	return (size_t)PAGE_SIZE << f->order;
}

#define PAGEVEC_SIZE 31U

/* One segment of the queue. */
struct folio_queue {
	struct folio *folios[PAGEVEC_SIZE];
	unsigned char orders[PAGEVEC_SIZE];
	unsigned nr;
	struct folio_queue *next, *prev;
};

static inline unsigned folioq_nr_slots(const struct folio_queue *q)
{
	(void)q;
	return PAGEVEC_SIZE;
}

static inline bool folioq_full(const struct folio_queue *q)
{
	return q->nr >= PAGEVEC_SIZE;
}

static inline struct folio *folioq_folio(const struct folio_queue *q, unsigned slot)
{
	return q->folios[slot];
}

static inline size_t folioq_folio_size(const struct folio_queue *q, unsigned slot)
{
	return (size_t)PAGE_SIZE << q->orders[slot];
}

void folioq_append(struct folio_queue *q, struct folio *f);

/* A queue that grows at its head while it is walked from its tail. */
struct rolling_buffer {
	struct folio_queue *head, *tail;
	struct iov_iter iter; /* stands behind what subrequests have got */
};

/* Both: 0 or -ENOMEM. */
int rolling_buffer_init(struct rolling_buffer *roll, const struct kernel_rules *rules);
int rolling_buffer_append(struct rolling_buffer *roll, struct folio *f);
void rolling_buffer_advance(struct rolling_buffer *roll, size_t n);
void rolling_buffer_clear(struct rolling_buffer *roll);

#endif
