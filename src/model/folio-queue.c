/* SPDX-License-Identifier: MIT */
#include "folio-queue.h"

#include <errno.h>
#include <stdlib.h>

void folioq_append(struct folio_queue *q, struct folio *f)
{
	q->orders[q->nr] = (unsigned char)f->order;
	q->folios[q->nr++] = f;
}

int rolling_buffer_init(struct rolling_buffer *roll, const struct kernel_rules *rules)
{
	struct folio_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	roll->head = roll->tail = q;
	iov_iter_folio_queue(&roll->iter, rules, q, 0, 0, 0);
	return 0;
}

/* A new segment when the head is full. An iterator that waits at the end of the old one is moved,
 * because the old segment may go as soon as it has a successor. */
static int rolling_buffer_make_space(struct rolling_buffer *roll)
{
	struct folio_queue *old = roll->head, *q;

	if (!folioq_full(old))
		return 0;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->prev = old;
	old->next = q;
	roll->head = q;
	if (roll->iter.folioq == old && roll->iter.folioq_slot == folioq_nr_slots(old)) {
		roll->iter.folioq = q;
		roll->iter.folioq_slot = 0;
	}
	return 0;
}

int rolling_buffer_append(struct rolling_buffer *roll, struct folio *f)
{
	int r = rolling_buffer_make_space(roll);

	if (r)
		return r;
	folioq_append(roll->head, f);
	roll->iter.count += folio_size(f);
	return 0;
}

void rolling_buffer_advance(struct rolling_buffer *roll, size_t n)
{
	iov_iter_advance(&roll->iter, n);
}

void rolling_buffer_clear(struct rolling_buffer *roll)
{
	for (struct folio_queue *q = roll->tail, *next; q; q = next) {
		next = q->next;
		free(q);
	}
	roll->head = roll->tail = NULL;
}
