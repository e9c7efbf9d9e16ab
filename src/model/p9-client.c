/* SPDX-License-Identifier: MIT */
#include "p9-client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"

/* What the step functions and the device need to know of the bytes. */
struct source {
	struct recorder *rec;
	enum write_kind kind;
	const unsigned char *bytes; /* NULL: zeros */
	uint64_t offset;	    /* of the first, in the file */
};

static size_t write_span(const struct span *s, size_t progress, size_t len, void *priv)
{
	const struct source *src = priv;

	event_write(src->rec, src->kind, s, len, src->offset + progress,
		    src->bytes ? src->bytes + progress : NULL);
	return 0;
}

static size_t copy_to_iter(struct source *src, size_t n, struct iov_iter *to)
{
	src->kind = WRITE_COPY;
	return iterate_and_advance(to, n, write_span, src);
}

size_t iov_iter_zero(struct recorder *rec, uint64_t offset, size_t n, struct iov_iter *i)
{
	struct source src = {.rec = rec, .kind = WRITE_ZERO, .offset = offset};

	return iterate_and_advance(i, n, write_span, &src);
}

uint32_t p9_client_rsize(const struct p9_fid *fid, size_t count)
{
	uint32_t max = fid->clnt->msize - P9_IOHDRSZ, rsize = fid->iounit;

	if (!rsize || rsize > max)
		rsize = max;
	return (uint32_t)MIN((size_t)rsize, count);
}

static uint32_t serve(const struct p9_fid *fid, uint64_t offset, uint32_t count,
		      struct source *ret_src)
{
	const struct p9_server *s = fid->server;
	uint64_t left = offset < s->size ? s->size - offset : 0;

	*ret_src = (struct source){
		.rec = fid->rec, .bytes = s->bytes + MIN(offset, s->size), .offset = offset};
	if (s->reply_limit)
		count = MIN(count, s->reply_limit);
	return (uint32_t)MIN((uint64_t)count, left);
}

/* The device fills the pages in their order, from START in the first one on. */
static void write_pages(struct source *src, struct span *pages, size_t start, size_t n)
{
	src->kind = WRITE_DMA;
	for (size_t done = 0; done < n; pages++, start = 0) {
		size_t part = MIN(n - done, PAGE_SIZE - start);
		struct span s = *pages;

		s.offset += start;
		s.folio_offset += start;
		write_span(&s, done, part, src);
		done += part;
	}
}

/* The pages of the reply are handed to the device. The cursor says how many bytes they hold, and
 * only so many are asked for. */
static ssize_t zc_request(const struct p9_fid *fid, uint64_t offset, uint32_t rsize,
			  struct iov_iter *to, uint32_t *ret_received)
{
	size_t max = rsize / PAGE_SIZE + 2, start = 0;
	autofree struct span *pages = calloc(max, sizeof(*pages));
	ssize_t n = pages ? iov_iter_get_pages(to, pages, rsize, max, &start) : -ENOMEM;
	struct source src;

	if (n < 0)
		return n;
	*ret_received = serve(fid, offset, (uint32_t)n, &src);
	write_pages(&src, pages, start, *ret_received);
	return n;
}

/* The event of a Tread stands before those of its bytes, and is completed when they are there. */
static size_t begin_tread(const struct p9_fid *fid, uint64_t offset, uint32_t rsize, bool zero_copy,
			  const struct iov_iter *to)
{
	fid->rec->tread = ++fid->rec->treads;
	event_add(fid->rec, &(struct event){.kind = EVENT_TREAD,
					    .offset = offset,
					    .count = rsize,
					    .zero_copy = zero_copy,
					    .before = cursor_of(to)});
	return fid->rec->n;
}

static void end_tread(struct recorder *rec, size_t n, ssize_t asked, uint32_t received,
		      const struct iov_iter *to)
{
	struct event *e = n ? &rec->events[n - 1] : NULL;

	if (e && e->kind == EVENT_TREAD) {
		e->received = received;
		if (e->zero_copy && asked >= 0)
			e->count = (uint64_t)asked;
		e->after = cursor_of(to);
	}
	event_check(rec, to);
	rec->tread = 0;
}

ssize_t p9_client_read_once(const struct p9_fid *fid, uint64_t offset, struct iov_iter *to)
{
	size_t count = to->count, event;
	uint32_t rsize = p9_client_rsize(fid, count), received = 0;
	bool zero_copy = fid->clnt->has_zc_request && rsize > P9_ZERO_COPY_OVER;
	ssize_t n = rsize;

	event = begin_tread(fid, offset, rsize, zero_copy, to);
	if (zero_copy) {
		n = zc_request(fid, offset, rsize, to, &received);
		if (n >= 0)
			iov_iter_revert(to, count - received - to->count);
	} else {
		struct source src;

		received = serve(fid, offset, rsize, &src);
		if (copy_to_iter(&src, received, to) != received)
			n = -EFAULT;
	}
	if (n >= 0 && to->count != count - received)
		event_broken(fid->rec, "the count went down by another number than came");
	end_tread(fid->rec, event, n, received, to);
	return n < 0 ? n : received;
}

ssize_t p9_client_read(const struct p9_fid *fid, uint64_t offset, struct iov_iter *to)
{
	ssize_t total = 0, n;

	while (to->count) {
		n = p9_client_read_once(fid, offset + (uint64_t)total, to);
		if (n < 0)
			return total ? total : n;
		if (!n)
			break;
		total += n;
	}
	return total;
}
