/* SPDX-License-Identifier: MIT */
/* The iterator over a folio_queue: models iterate_folioq of include/linux/iov_iter.h, and the
 * folioq functions of lib/iov_iter.c.
 *
 * Theory of operation
 *
 * The cursor is (segment, slot, offset). The place between two folios has two forms in it:
 *
 *	parked	slot k,     offset = size of folio k
 *	normal	slot k + 1, offset 0
 *
 * and the end of a segment a third one: slot 31, offset 0, which is where a cursor has to wait while
 * the next segment is not there yet. Each function has to take every form; which one it leaves is
 * its own affair:
 *
 *	function		leaves		takes a parked cursor
 *	advance			normal		yes
 *	revert			normal; as it was when there is nothing to take back
 *	get_pages, extract	parked: they stop before they look for the next folio
 *						yes, since 6.12-rc6 (folioq-parked)
 *	iterate_folioq		normal		yes, since 6.12.44 (folioq-offset)
 *
 * So the 12943 bytes went wrong: a zero-copy read ended with folio 2 (get_pages parked), its reply
 * had all bytes (revert took nothing back), and the next, short read was copied: iterate_folioq
 * mapped folio 2 at its end, which is the page of somebody else behind it. */
#include <errno.h>

#include "folio-queue.h"
#include "iov-iter.h"
#include "macros.h"

/* A slot of the queue, as each of these functions walks it. */
struct place {
	const struct folio_queue *q; /* NULL: behind the last segment */
	unsigned slot;
};

static struct place place_of(const struct iov_iter *i)
{
	struct place p = {i->folioq, i->folioq_slot};

	if (p.slot >= folioq_nr_slots(p.q))
		p = (struct place){p.q->next, 0};
	return p;
}

/* Stays at the end of the last segment: there may be nothing to go to yet. */
static void next_slot(struct place *p)
{
	p->slot++;
	if (p->slot >= folioq_nr_slots(p->q) && p->q->next)
		*p = (struct place){p->q->next, 0};
}

static const struct folio *folio_at(struct place p)
{
	return p.q && p.slot < folioq_nr_slots(p.q) ? folioq_folio(p.q, p.slot) : NULL;
}

static void keep_place(struct iov_iter *i, struct place p)
{
	if (!p.q)
		return;
	i->folioq = p.q;
	i->folioq_slot = p.slot;
}

/* The memory OFFSET bytes behind the folio's first, in or behind it. */
static struct span span_at(const struct folio *f, size_t offset)
{
	return (struct span){.phys = f->phys,
			     .pfn = f->pfn + offset / PAGE_SIZE,
			     .offset = offset % PAGE_SIZE,
			     .folio = f,
			     .folio_offset = offset};
}

size_t iterate_folioq(struct iov_iter *i, size_t len, iov_step_f *step, void *priv)
{
	struct place p = place_of(i);
	size_t progress = 0, skip = i->iov_offset, left = 0;
	const struct folio *f;

	while (progress < len && !left && (f = folio_at(p))) {
		size_t size = folioq_folio_size(p.q, p.slot);

		if (skip < size || i->rules->has[BUG_FOLIOQ_OFFSET]) {
			struct span s = span_at(f, skip);
			size_t part = MIN(len - progress, PAGE_SIZE - skip % PAGE_SIZE);

			left = step(&s, progress, part, priv);
			progress += part - left;
			skip += part - left;
		}
		if (skip >= size) {
			skip = 0;
			next_slot(&p);
		}
	}
	keep_place(i, p);
	i->iov_offset = skip;
	i->count -= progress;
	return progress;
}

void iov_iter_folioq_advance(struct iov_iter *i, size_t n)
{
	struct place p = place_of(i);

	if (!i->count)
		return;
	i->count -= n;
	n += i->iov_offset;
	while (n && folio_at(p) && n >= folioq_folio_size(p.q, p.slot)) {
		n -= folioq_folio_size(p.q, p.slot);
		next_slot(&p);
	}
	keep_place(i, p);
	i->iov_offset = n;
}

/* The cursor stands at the start of its slot. One that lost its way, by a bug, may be asked to go
 * back further than there is: the kernel would follow a null pointer. */
void iov_iter_folioq_revert(struct iov_iter *i, size_t unroll)
{
	struct place p = {i->folioq, i->folioq_slot};

	for (;;) {
		size_t size;

		if (!p.slot && !p.q->prev)
			break;
		if (!p.slot)
			p = (struct place){p.q->prev, folioq_nr_slots(p.q)};
		p.slot--;
		size = folioq_folio_size(p.q, p.slot);
		if (unroll <= size) {
			i->iov_offset = size - unroll;
			break;
		}
		unroll -= size;
	}
	keep_place(i, p);
}

/* The bytes of a page that are asked for. */
static size_t part_of_page(size_t offset, size_t size, size_t wanted)
{
	size_t left = offset < size ? size - offset : 0;

	return MIN(MIN(left, PAGE_SIZE - offset % PAGE_SIZE), wanted);
}

ssize_t iter_folioq_get_pages(struct iov_iter *i, struct span *pages, size_t maxsize,
			      size_t n_pages, size_t *ret_start)
{
	const bool *bug = i->rules->has;
	size_t done = 0, offset = i->iov_offset, n = 0;
	struct place p = place_of(i);
	const struct folio *f;

	*ret_start = offset % PAGE_SIZE;
	n_pages = MIN(n_pages, (maxsize + *ret_start + PAGE_SIZE - 1) / PAGE_SIZE);
	while ((f = folio_at(p))) {
		size_t size = folioq_folio_size(p.q, p.slot), before = offset;
		bool is_done;

		if (offset < size || bug[BUG_GET_PAGES_PARKED]) {
			size_t part = part_of_page(offset, size, maxsize - done);

			pages[n++] = span_at(f, offset - offset % PAGE_SIZE);
			offset += part;
			done += part;
		}
		is_done = n == n_pages || done == maxsize;
		if (is_done && bug[BUG_PARKING])
			break;
		if ((bug[BUG_GET_PAGES_SLOT] ? before : offset) >= size) {
			offset = 0;
			next_slot(&p);
		}
		if (is_done)
			break;
	}
	if (!p.q)
		return -EIO;
	keep_place(i, p);
	i->iov_offset = offset;
	i->count -= done;
	return (ssize_t)done;
}

ssize_t iov_iter_extract_folioq_pages(struct iov_iter *i, struct span *pages, size_t maxsize,
				      size_t n_pages, size_t *ret_start)
{
	/* Written a second time in the kernel, with the same parking, and never with the bugs. */
	struct kernel_rules rules = {.has = {[BUG_PARKING] = i->rules->has[BUG_PARKING]}};
	const struct kernel_rules *kept = i->rules;
	ssize_t n;

	i->rules = &rules;
	n = iter_folioq_get_pages(i, pages, maxsize, n_pages, ret_start);
	i->rules = kept;
	return n;
}

/* Room from the cursor to the end of what is built. */
static size_t room_behind(const struct iov_iter *i)
{
	struct place p = place_of(i);
	size_t room = 0;

	for (; folio_at(p); next_slot(&p))
		room += folioq_folio_size(p.q, p.slot);
	return room - MIN(room, i->iov_offset);
}

const char *iter_folioq_check(const struct iov_iter *i)
{
	unsigned slots = folioq_nr_slots(i->folioq);

	if (i->folioq_slot > slots)
		return "the slot is behind the segment's end";
	if (i->folioq_slot == slots && i->iov_offset)
		return "there is an offset, but no folio";
	if (i->folioq_slot < slots && i->iov_offset && !folioq_folio(i->folioq, i->folioq_slot))
		return "there is an offset into a slot without a folio";
	if (i->folioq_slot < slots && i->iov_offset > folioq_folio_size(i->folioq, i->folioq_slot))
		return "the offset is larger than the folio";
	if (i->count > room_behind(i))
		return "the count is larger than what is left of the queue";
	return NULL;
}
