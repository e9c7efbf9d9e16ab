/* SPDX-License-Identifier: MIT */
#include "netfs.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "macros.h"

/* A request fills folios that stand in the page cache, locked, in a row. It is cut where the file
 * ends: one subrequest is asked of the server, the rest is filled with zeros. The folios come into
 * the queue as subrequests need them. */
struct netfs_io_request {
	const struct v9fs_file *v;
	struct address_space *mapping;
	uint64_t start, len, submitted;
	uint64_t next_index; /* the page that comes into the queue next */
	struct rolling_buffer buffer;
};

struct netfs_io_subrequest {
	uint64_t start, len, transferred;
	bool is_download; /* else fill with zeros */
	bool clear_tail;  /* what does not come is zero */
	struct iov_iter io_iter;
};

/* A queue segment's worth of folios at a time. */
static int load_from_readahead(struct netfs_io_request *rreq, uint64_t end)
{
	while (rreq->submitted < end) {
		do {
			struct folio *f = mapping_folio(rreq->mapping, rreq->next_index);
			int r = f ? rolling_buffer_append(&rreq->buffer, f) : -EIO;

			if (r)
				return r;
			rreq->next_index += (uint64_t)1 << f->order;
			rreq->submitted += folio_size(f);
		} while (!folioq_full(rreq->buffer.head) &&
			 rreq->submitted < rreq->start + rreq->len);
	}
	return 0;
}

static int netfs_prepare_read_iterator(struct netfs_io_request *rreq,
				       struct netfs_io_subrequest *subreq)
{
	int r;

	if (!rreq->v->rules->has_folio_queue) {
		iov_iter_xarray(&subreq->io_iter, rreq->v->rules, rreq->mapping, subreq->start,
				(size_t)subreq->len);
		return 0;
	}
	r = load_from_readahead(rreq, subreq->start + subreq->len);
	if (r)
		return r;
	subreq->io_iter = rreq->buffer.iter;
	iov_iter_truncate(&subreq->io_iter, (size_t)subreq->len);
	rolling_buffer_advance(&rreq->buffer, (size_t)subreq->len);
	return 0;
}

/* What is missing at the end of a reply is taken for zeros: 9p asks for this in each buffered
 * read. */
static void netfs_clear_unread(struct netfs_io_request *rreq, struct netfs_io_subrequest *subreq)
{
	iov_iter_zero(rreq->v->rec, subreq->start + subreq->transferred, subreq->io_iter.count,
		      &subreq->io_iter);
	event_check(rreq->v->rec, &subreq->io_iter);
	subreq->transferred = subreq->len;
}

static int v9fs_issue_read(struct netfs_io_request *rreq, struct netfs_io_subrequest *subreq)
{
	ssize_t n = p9_client_read(rreq->v->fid, subreq->start, &subreq->io_iter);

	subreq->clear_tail = true;
	if (n < 0)
		return (int)n;
	subreq->transferred += (uint64_t)n;
	return 0;
}

static int issue(struct netfs_io_request *rreq, struct netfs_io_subrequest *subreq)
{
	int r = netfs_prepare_read_iterator(rreq, subreq);

	event_add(rreq->v->rec,
		  &(struct event){.kind = subreq->is_download ? EVENT_DOWNLOAD : EVENT_ZERO,
				  .offset = subreq->start,
				  .count = subreq->len});
	if (!r && subreq->is_download)
		r = v9fs_issue_read(rreq, subreq);
	if (!r && subreq->transferred < subreq->len && subreq->clear_tail)
		netfs_clear_unread(rreq, subreq);
	return r;
}

static int netfs_read_to_pagecache(struct netfs_io_request *rreq)
{
	uint64_t start = rreq->start, left = rreq->len;
	uint64_t zero_point = MIN(rreq->v->zero_point, rreq->mapping->i_size);
	int r = 0;

	while (left && !r) {
		struct netfs_io_subrequest subreq = {.start = start, .len = left};

		if (start < zero_point) {
			subreq.is_download = true;
			subreq.len = MIN(left, zero_point - start);
		}
		subreq.clear_tail = !subreq.is_download;
		r = issue(rreq, &subreq);
		start += subreq.len;
		left -= subreq.len;
	}
	return r;
}

/* The kernel unlocks a folio when all subrequests that fill it are done, in whatever order; here
 * they are done one after the other. After a failure folios stay not up to date. */
static void collect(struct netfs_io_request *rreq, bool is_uptodate)
{
	uint64_t first = rreq->start / PAGE_SIZE, n = rreq->len / PAGE_SIZE;

	for (uint64_t i = first; i < first + n; i++) {
		struct folio *f = mapping_folio(rreq->mapping, i);

		if (!f)
			continue;
		f->is_uptodate = is_uptodate;
		f->is_locked = false;
	}
}

static int netfs_readahead(struct address_space *m, uint64_t index, size_t n)
{
	struct netfs_io_request rreq = {
		.v = m->ctx,
		.mapping = m,
		.start = index * PAGE_SIZE,
		.len = (uint64_t)n * PAGE_SIZE,
		.submitted = index * PAGE_SIZE,
		.next_index = index,
	};
	int r = rolling_buffer_init(&rreq.buffer, rreq.v->rules);

	if (r)
		return r;
	event_add(rreq.v->rec,
		  &(struct event){.kind = EVENT_REQUEST, .offset = rreq.start, .count = rreq.len});
	r = netfs_read_to_pagecache(&rreq);
	collect(&rreq, !r);
	rolling_buffer_clear(&rreq.buffer);
	return r;
}

const struct address_space_ops netfs_ops = {.readahead = netfs_readahead};

/* The program's memory, page by page. */
static ssize_t netfs_extract_user_iter(struct iov_iter *from, size_t count, struct bio_vec *v,
				       size_t max)
{
	size_t n = 0, start;
	struct span page;

	while (count && n < max) {
		ssize_t got = iov_iter_extract_pages(from, &page, count, 1, &start);

		if (got <= 0)
			return got ? got : -EIO;
		v[n++] = (struct bio_vec){page.phys, page.pfn, start, (size_t)got};
		count -= (size_t)got;
	}
	return (ssize_t)n;
}

ssize_t netfs_unbuffered_read(const struct v9fs_file *v, uint64_t pos, size_t count,
			      const struct vbuf *buf)
{
	size_t max = count / PAGE_SIZE + 2;
	autofree struct bio_vec *pages = NULL;
	struct iov_iter user, iter;
	ssize_t n;

	if (!count)
		return 0;
	iov_iter_ubuf(&user, v->rules, buf, count);
	event_add(v->rec, &(struct event){.kind = EVENT_DOWNLOAD, .offset = pos, .count = count});
	if (!v->rules->has_netfs_direct)
		return p9_client_read(v->fid, pos, &user);
	pages = calloc(max, sizeof(*pages));
	if (!pages)
		return -ENOMEM;
	n = netfs_extract_user_iter(&user, count, pages, max);
	if (n < 0)
		return n;
	iov_iter_bvec(&iter, v->rules, pages, (size_t)n, count);
	return p9_client_read(v->fid, pos, &iter);
}
