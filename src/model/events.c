/* SPDX-License-Identifier: MIT */
#include "events.h"

#include <stdlib.h>

#include "folio-queue.h"
#include "macros.h"

void recorder_done(struct recorder *r)
{
	free(r->events);
	*r = (struct recorder){0};
}

static bool make_room(struct recorder *r)
{
	size_t cap = MAX(2 * r->cap, (size_t)64);
	struct event *more;

	if (r->n < r->cap)
		return true;
	more = realloc(r->events, cap * sizeof(*more));
	if (!more)
		return false;
	r->events = more;
	r->cap = cap;
	return true;
}

struct event *event_add(struct recorder *r, const struct event *e)
{
	bool is_wrong = e->kind == EVENT_BROKEN || e->is_outside;

	r->outside += e->is_outside;
	r->broken += e->kind == EVENT_BROKEN;
	if (r->is_brief && !is_wrong)
		return NULL;
	if (!make_room(r)) {
		r->is_full = true;
		return NULL;
	}
	r->events[r->n] = *e;
	r->events[r->n].step = r->step;
	r->events[r->n].tread = r->tread;
	return &r->events[r->n++];
}

void event_broken(struct recorder *r, const char *why)
{
	event_add(r, &(struct event){.kind = EVENT_BROKEN, .why = why});
}

void event_check(struct recorder *r, const struct iov_iter *i)
{
	const char *why = iov_iter_check(i);

	if (why)
		event_broken(r, why);
}

void event_write(struct recorder *r, enum write_kind kind, const struct span *s, size_t len,
		 uint64_t file_offset, const unsigned char *from)
{
	struct phys_page *p = &s->phys->pages[s->pfn];

	phys_write(s->phys, s->pfn, s->offset, from, len, file_offset);
	event_add(r, &(struct event){
			     .kind = EVENT_WRITE,
			     .write = kind,
			     .index = s->folio ? s->folio->index : 0,
			     .offset = file_offset,
			     .count = len,
			     .pfn = s->pfn,
			     .page_offset = s->offset,
			     .folio_offset = s->folio_offset,
			     .is_outside = s->folio && s->folio_offset + len > folio_size(s->folio),
			     .owner = p->owner,
			     .owner_index = p->index,
		     });
}

struct cursor cursor_of(const struct iov_iter *i)
{
	struct cursor c = {
		.iter_type = i->iter_type, .iov_offset = i->iov_offset, .count = i->count};

	if (i->iter_type != ITER_FOLIOQ)
		return c;
	for (const struct folio_queue *q = i->folioq->prev; q; q = q->prev)
		c.segment++;
	c.slot = i->folioq_slot;
	if (c.slot < folioq_nr_slots(i->folioq) && folioq_folio(i->folioq, i->folioq_slot))
		c.folio_size = folioq_folio_size(i->folioq, i->folioq_slot);
	c.is_parked = iov_iter_is_parked(i);
	return c;
}
