/* SPDX-License-Identifier: MIT */
#include "seen-reads.h"

#include <errno.h>

#include "macros.h"
#include "p9-client.h"

#define MAX_ORDER 9U

struct replay {
	struct model *m;
	struct rolling_buffer buffer;
	bool has_buffer;
	uint64_t end; /* of the bytes that the request brings */
	size_t different;
};

static int order_of(uint64_t size, unsigned *ret_order)
{
	for (unsigned order = 0; order <= MAX_ORDER; order++)
		if (size == (uint64_t)PAGE_SIZE << order) {
			*ret_order = order;
			return 0;
		}
	return -EINVAL;
}

/* Is the cursor within its queue? It may stand at a folio's end, and behind the last slot. */
static bool is_within(const struct seen_read *s)
{
	uint64_t slot = s->before.slot;

	if (s->n_queue > MODEL_MAX_SIZE / PAGE_SIZE || slot > s->n_queue || slot > PAGEVEC_SIZE)
		return false;
	if (slot == s->n_queue || slot == PAGEVEC_SIZE)
		return !s->before.iov_offset;
	return s->before.iov_offset <= s->queue[slot];
}

/* Where in the file slot 0 of the queue stands. */
static int start_of(const struct seen_read *s, uint64_t *ret_start)
{
	uint64_t before = s->before.iov_offset;

	if (!is_within(s))
		return -EINVAL;
	for (uint64_t i = 0; i < s->before.slot; i++)
		before += s->queue[i];
	if (before > s->offset || (s->offset - before) % PAGE_SIZE)
		return -EINVAL;
	*ret_start = s->offset - before;
	return 0;
}

static int add_folio(struct replay *p, uint64_t index, unsigned order)
{
	struct folio *f;
	int r = filemap_add_folio(&p->m->mapping, index, order, &f);

	return r ? r : rolling_buffer_append(&p->buffer, f);
}

struct before {
	struct recorder *rec;
	const unsigned char *bytes;
	uint64_t offset;
};

static size_t fill_span(const struct span *s, size_t progress, size_t len, void *priv)
{
	const struct before *b = priv;

	event_write(b->rec, WRITE_DMA, s, len, b->offset + progress, b->bytes + progress);
	return 0;
}

/* What stands before the cursor when the recording begins is taken for right. */
static void fill_before(struct replay *p, uint64_t start, uint64_t offset)
{
	static const struct kernel_rules sound;
	struct before b = {&p->m->rec, p->m->bytes + start, start};
	struct iov_iter i;

	iov_iter_folio_queue(&i, &sound, p->buffer.tail, 0, 0, (size_t)(offset - start));
	iterate_and_advance(&i, i.count, fill_span, &b);
}

static int end_request(struct replay *p)
{
	uint64_t last = p->end / PAGE_SIZE;
	struct iov_iter i = p->buffer.iter;
	int r;

	if (!p->has_buffer)
		return 0;
	/* netfs fills the rest of the last page in a subrequest of its own. */
	if (p->end % PAGE_SIZE) {
		const struct folio *f = mapping_folio(&p->m->mapping, last);
		size_t left = f ? folio_size(f) - (size_t)(p->end - f->index * PAGE_SIZE) : 0;

		iov_iter_folio_queue(&i, &p->m->config.rules, p->buffer.tail, 0, 0, SIZE_MAX);
		iov_iter_advance(&i,
				 (size_t)(p->end - p->buffer.tail->folios[0]->index * PAGE_SIZE));
		iov_iter_zero(&p->m->rec, p->end, left, &i);
	}
	for (size_t page = 0; page < p->m->mapping.n_folios; page++) {
		struct folio *f = mapping_folio(&p->m->mapping, page);

		if (f) {
			f->is_locked = false;
			f->is_uptodate = true;
		}
	}
	r = model_check(p->m);
	p->m->rec.step++;
	rolling_buffer_clear(&p->buffer);
	p->has_buffer = false;
	return r;
}

static int begin_request(struct replay *p, const struct seen_read *s)
{
	uint64_t start, at;
	int r = start_of(s, &start);

	r = r ? r : rolling_buffer_init(&p->buffer, &p->m->config.rules);
	if (r)
		return r;
	p->has_buffer = true;
	p->end = s->offset + s->before.count;
	mapping_drop(&p->m->mapping);
	at = start;
	for (size_t i = 0; i < s->n_queue && at < p->end && !r; i++) {
		unsigned order;

		r = order_of(s->queue[i], &order);
		r = r ? r : add_folio(p, at / PAGE_SIZE, order);
		at += s->queue[i];
	}
	if (r || at < p->end)
		return r ? r : -EINVAL;
	event_add(&p->m->rec, &(struct event){.kind = EVENT_STEP});
	event_add(&p->m->rec, &(struct event){.kind = EVENT_DOWNLOAD,
					      .offset = s->offset,
					      .count = s->before.count});
	fill_before(p, start, s->offset);
	iov_iter_folio_queue(&p->buffer.iter, &p->m->config.rules, p->buffer.tail,
			     (unsigned)s->before.slot, (size_t)s->before.iov_offset,
			     (size_t)s->before.count);
	return 0;
}

static int do_read(struct replay *p, const struct seen_read *s)
{
	struct iov_iter *i = &p->buffer.iter;
	ssize_t n;

	p->m->fid->iounit = (uint32_t)s->iounit;
	p->m->clnt->msize = (uint32_t)s->msize;
	p->m->clnt->has_zc_request = s->zero_copy || s->asked <= P9_ZERO_COPY_OVER;
	p->m->server->reply_limit = (uint32_t)s->count;
	if (i->count != s->before.count || i->folioq_slot != s->before.slot ||
	    i->iov_offset != s->before.iov_offset)
		p->different++;
	n = s->count ? p9_client_read_once(p->m->fid, s->offset, i) : 0;
	if (n < 0)
		return (int)n;
	p->different += i->count != s->after.count || i->folioq_slot != s->after.slot ||
			i->iov_offset != s->after.iov_offset;
	return 0;
}

static int run_all(struct replay *p, const struct seen_read *list, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		if (list[i].is_first || !p->has_buffer) {
			r = end_request(p);
			r = r ? r : begin_request(p, &list[i]);
		}
		r = r ? r : do_read(p, &list[i]);
	}
	if (!r)
		r = end_request(p);
	if (p->has_buffer)
		rolling_buffer_clear(&p->buffer);
	return r;
}

int seen_reads_run(const struct kernel_rules *rules, const struct seen_read *list, size_t n,
		   struct model **ret_m, size_t *ret_different)
{
	struct model_config c = model_config_default();
	struct replay p = {0};
	int r;

	c.rules = *rules;
	c.size = 0;
	c.window = PAGE_SIZE;
	for (size_t i = 0; i < n; i++) {
		uint64_t bytes = list[i].before.iov_offset + list[i].before.count;

		if (list[i].offset > MODEL_MAX_SIZE_IN_WINDOWS ||
		    list[i].before.count > MODEL_MAX_SIZE)
			return -EINVAL;
		c.size = MAX(c.size, list[i].offset + list[i].before.count);
		for (size_t k = 0; k < list[i].n_queue; k++) {
			unsigned order = 0;

			if (order_of(list[i].queue[k], &order))
				return -EINVAL;
			c.max_order = MAX(c.max_order, order);
			bytes += list[i].queue[k];
		}
		c.window = MAX(c.window, bytes);
	}
	if (n) {
		c.msize = (uint32_t)list[0].msize;
		c.iounit = (uint32_t)list[0].iounit;
	}
	r = model_new(&c, &p.m);
	if (r)
		return r;
	r = run_all(&p, list, n);
	if (r) {
		model_free(p.m);
		return r;
	}
	*ret_m = p.m;
	*ret_different = p.different;
	return 0;
}
