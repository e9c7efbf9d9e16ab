/* SPDX-License-Identifier: MIT */
/* The iterators over anything but a folio_queue. Their cursors have one form for each place, which
 * is why they had none of the bugs that this model is about. */
#include "folio-queue.h"
#include "iov-iter.h"
#include "macros.h"
#include "page-cache.h"

/* Bytes of the segment at the cursor, 0 when there is no more segment. */
static size_t segment_length(const struct iov_iter *i)
{
	if (i->iter_type == ITER_KVEC)
		return i->nr_segs ? i->kvec->len : 0;
	if (i->iter_type == ITER_BVEC)
		return i->nr_segs ? i->bvec->len : 0;
	return i->iov_offset + i->count;
}

size_t iter_flat_segment(const struct iov_iter *i)
{
	return segment_length(i) - MIN(segment_length(i), i->iov_offset);
}

static struct span span_in_vbuf(const struct vbuf *buf, size_t at)
{
	at += buf->first;
	return (struct span){
		.phys = buf->phys, .pfn = buf->pfns[at / PAGE_SIZE], .offset = at % PAGE_SIZE};
}

static bool span_in_file(const struct address_space *mapping, uint64_t at, struct span *ret_s)
{
	const struct folio *f = mapping_folio(mapping, at / PAGE_SIZE);
	size_t offset;

	if (!f)
		return false;
	offset = (size_t)(at - f->index * PAGE_SIZE);
	*ret_s = (struct span){.phys = f->phys,
			       .pfn = f->pfn + offset / PAGE_SIZE,
			       .offset = offset % PAGE_SIZE,
			       .folio = f,
			       .folio_offset = offset};
	return true;
}

bool iter_flat_span(const struct iov_iter *i, size_t *len, struct span *ret_s)
{
	size_t left = iter_flat_segment(i), at = i->iov_offset;

	if (!left)
		return false;
	if (i->iter_type == ITER_XARRAY) {
		if (!span_in_file(i->xarray, i->xarray_start + at, ret_s))
			return false;
	} else if (i->iter_type == ITER_BVEC) {
		at += i->bvec->offset;
		*ret_s = (struct span){.phys = i->bvec->phys,
				       .pfn = i->bvec->pfn + at / PAGE_SIZE,
				       .offset = at % PAGE_SIZE};
	} else if (i->iter_type == ITER_KVEC) {
		*ret_s = span_in_vbuf(i->kvec->buf, i->kvec->base + at);
	} else {
		*ret_s = span_in_vbuf(i->ubuf, at);
	}
	*len = MIN(*len, MIN(left, PAGE_SIZE - ret_s->offset));
	return true;
}

static void next_segment(struct iov_iter *i)
{
	i->iov_offset = 0;
	i->nr_segs--;
	if (i->iter_type == ITER_KVEC)
		i->kvec++;
	else
		i->bvec++;
}

void iter_flat_advance(struct iov_iter *i, size_t n)
{
	bool has_segments = i->iter_type == ITER_KVEC || i->iter_type == ITER_BVEC;

	i->count -= n;
	i->iov_offset += n;
	while (has_segments && i->nr_segs && i->iov_offset >= segment_length(i)) {
		size_t over = i->iov_offset - segment_length(i);

		next_segment(i);
		i->iov_offset = over;
	}
}

/* UNROLL goes back over whole segments that came before; UBUF and XARRAY have none. */
void iter_flat_revert(struct iov_iter *i, size_t unroll)
{
	while (i->iter_type == ITER_KVEC || i->iter_type == ITER_BVEC) {
		size_t len = i->iter_type == ITER_KVEC ? (--i->kvec)->len : (--i->bvec)->len;

		i->nr_segs++;
		if (unroll <= len) {
			i->iov_offset = len - unroll;
			return;
		}
		unroll -= len;
	}
}
