/* SPDX-License-Identifier: MIT */
#include "iov-iter.h"

#include <errno.h>
#include <stdlib.h>

#include "folio-queue.h"
#include "macros.h"

#define T(id, name) [id] = name,
const char *const iter_type_names[N_ITER_TYPES] = {ITER_TYPES(T)};
#undef T

void iov_iter_ubuf(struct iov_iter *i, const struct kernel_rules *rules, const struct vbuf *buf,
		   size_t count)
{
	*i = (struct iov_iter){.iter_type = ITER_UBUF, .rules = rules, .count = count, .ubuf = buf};
}

void iov_iter_kvec(struct iov_iter *i, const struct kernel_rules *rules, const struct kvec *v,
		   size_t nr_segs, size_t count)
{
	*i = (struct iov_iter){.iter_type = ITER_KVEC, .rules = rules, .count = count, .kvec = v};
	i->nr_segs = nr_segs;
}

void iov_iter_bvec(struct iov_iter *i, const struct kernel_rules *rules, const struct bio_vec *v,
		   size_t nr_segs, size_t count)
{
	*i = (struct iov_iter){.iter_type = ITER_BVEC, .rules = rules, .count = count, .bvec = v};
	i->nr_segs = nr_segs;
}

void iov_iter_xarray(struct iov_iter *i, const struct kernel_rules *rules,
		     const struct address_space *mapping, uint64_t start, size_t count)
{
	*i = (struct iov_iter){
		.iter_type = ITER_XARRAY, .rules = rules, .count = count, .xarray = mapping};
	i->xarray_start = start;
}

void iov_iter_folio_queue(struct iov_iter *i, const struct kernel_rules *rules,
			  const struct folio_queue *q, unsigned slot, size_t offset, size_t count)
{
	*i = (struct iov_iter){.iter_type = ITER_FOLIOQ,
			       .rules = rules,
			       .iov_offset = offset,
			       .count = count,
			       .folioq = q};
	i->folioq_slot = slot;
}

void iov_iter_truncate(struct iov_iter *i, size_t n)
{
	i->count = MIN(i->count, n);
}

void iov_iter_advance(struct iov_iter *i, size_t n)
{
	n = MIN(n, i->count);
	if (i->iter_type == ITER_FOLIOQ)
		iov_iter_folioq_advance(i, n);
	else
		iter_flat_advance(i, n);
}

/* Within a segment all kinds are alike; a cursor that is parked stays so when UNROLL is 0. */
void iov_iter_revert(struct iov_iter *i, size_t unroll)
{
	if (!unroll)
		return;
	i->count += unroll;
	if (unroll <= i->iov_offset) {
		i->iov_offset -= unroll;
		return;
	}
	unroll -= i->iov_offset;
	i->iov_offset = 0;
	if (i->iter_type == ITER_FOLIOQ)
		iov_iter_folioq_revert(i, unroll);
	else
		iter_flat_revert(i, unroll);
}

static size_t iterate_flat(struct iov_iter *i, size_t len, iov_step_f *step, void *priv)
{
	size_t progress = 0;

	while (progress < len) {
		size_t part = len - progress, left;
		struct span s;

		if (!iter_flat_span(i, &part, &s))
			break;
		left = step(&s, progress, part, priv);
		iter_flat_advance(i, part - left);
		progress += part - left;
		if (left)
			break;
	}
	return progress;
}

size_t iterate_and_advance(struct iov_iter *i, size_t len, iov_step_f *step, void *priv)
{
	len = MIN(len, i->count);
	if (!len)
		return 0;
	return i->iter_type == ITER_FOLIOQ ? iterate_folioq(i, len, step, priv)
					   : iterate_flat(i, len, step, priv);
}

/* The pages of one segment: of a BVEC that is a piece of a page, so a read past the cache with a
 * BVEC is cut into pages (cache=none since 6.8: 4 KiB a request, whatever the msize). */
static ssize_t iter_flat_get_pages(struct iov_iter *i, struct span *pages, size_t maxsize,
				   size_t n_pages, size_t *ret_start)
{
	size_t done = 0, limit = MIN(maxsize, iter_flat_segment(i));

	for (size_t n = 0; n < n_pages && done < limit; n++) {
		size_t part = limit - done;

		if (!iter_flat_span(i, &part, &pages[n]))
			break;
		if (!n)
			*ret_start = pages[n].offset;
		/* the page as a whole */
		pages[n].folio_offset -= MIN(pages[n].folio_offset, pages[n].offset);
		pages[n].offset = 0;
		iter_flat_advance(i, part);
		done += part;
	}
	return (ssize_t)done;
}

ssize_t iov_iter_get_pages(struct iov_iter *i, struct span *pages, size_t maxsize, size_t n_pages,
			   size_t *ret_start)
{
	maxsize = MIN(maxsize, i->count);
	if (!maxsize || !n_pages)
		return 0;
	return i->iter_type == ITER_FOLIOQ
		       ? iter_folioq_get_pages(i, pages, maxsize, n_pages, ret_start)
		       : iter_flat_get_pages(i, pages, maxsize, n_pages, ret_start);
}

ssize_t iov_iter_extract_pages(struct iov_iter *i, struct span *pages, size_t maxsize,
			       size_t n_pages, size_t *ret_start)
{
	maxsize = MIN(maxsize, i->count);
	if (!maxsize || !n_pages)
		return 0;
	return i->iter_type == ITER_FOLIOQ
		       ? iov_iter_extract_folioq_pages(i, pages, maxsize, n_pages, ret_start)
		       : iter_flat_get_pages(i, pages, maxsize, n_pages, ret_start);
}

/* Counted over a copy of the cursor, which touches nothing. */
size_t iov_iter_npages(const struct iov_iter *i, size_t max)
{
	struct iov_iter at = *i;
	size_t n = 0, len;
	struct span s;

	if (i->iter_type == ITER_FOLIOQ || i->iter_type == ITER_XARRAY) {
		size_t start = i->iter_type == ITER_FOLIOQ
				       ? i->iov_offset
				       : (size_t)i->xarray_start + i->iov_offset;

		return MIN(max, (start % PAGE_SIZE + i->count + PAGE_SIZE - 1) / PAGE_SIZE);
	}
	for (; at.count && n < max && (len = at.count, iter_flat_span(&at, &len, &s)); n++)
		iter_flat_advance(&at, len);
	return n;
}

/* For a folio_queue the kernel leaves the offset out of account; so do we. */
size_t iov_iter_single_seg_count(const struct iov_iter *i)
{
	if (i->iter_type != ITER_FOLIOQ)
		return MIN(i->count, iter_flat_segment(i));
	return MIN(i->count, folioq_folio_size(i->folioq, i->folioq_slot));
}

bool iov_iter_is_parked(const struct iov_iter *i)
{
	return i->iter_type == ITER_FOLIOQ && i->folioq_slot < folioq_nr_slots(i->folioq) &&
	       i->iov_offset >= folioq_folio_size(i->folioq, i->folioq_slot);
}

const char *iov_iter_check(const struct iov_iter *i)
{
	struct iov_iter at = *i;

	if (i->iter_type == ITER_FOLIOQ)
		return iter_folioq_check(i);
	while (at.count) {
		size_t len = at.count;
		struct span s;

		if (!iter_flat_span(&at, &len, &s))
			return "the count is larger than what is left of the segments";
		iter_flat_advance(&at, len);
	}
	return NULL;
}
