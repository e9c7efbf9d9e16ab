/* SPDX-License-Identifier: MIT */
/* Records to bytes. */
#include <errno.h>
#include <stdlib.h>

#include "macros.h"
#include "trace-format.h"

/* More than the numbers of any record take. */
#define MOST_NUMBERS 512u

static uint8_t *put_v(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *put_z(uint8_t *p, int64_t v)
{
	return put_v(p, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

static uint8_t *put_b(uint8_t *p, const void *bytes, uint32_t n)
{
	p = put_v(p, n);
	if (n)
		memcpy(p, bytes, n);
	return p + n;
}

/* Its number; true when its bytes have to follow. */
static bool number_text(struct trace_block *b, const struct trace_text *t, uint8_t **p)
{
	bool is_new = !t->cookie || t->cookie->block != b->head.number;
	uint32_t index = is_new ? b->n_texts++ : t->cookie->index;

	if (is_new && t->cookie)
		*t->cookie = (struct trace_cookie){.block = b->head.number, .index = index};
	*p = put_v(*p, index);
	return is_new;
}

static uint8_t *put_conn(struct trace_block *b, const struct trace_record *r, uint8_t *p)
{
	if (!number_text(b, &r->peer, &p))
		return p;
	p = put_v(p, r->conn);
	return put_b(p, r->peer.p, MIN(r->peer.len, TRACE_MAX_PATH));
}

static uint8_t *put_path(struct trace_block *b, const struct trace_text *t, uint8_t *p)
{
	if (!t->p || !number_text(b, t, &p))
		return p;
	return put_b(p, t->p, MIN(t->len, TRACE_MAX_PATH));
}

static uint8_t *put_half(uint8_t *p, const struct route_half *h)
{
	p = put_v(p, h->n);
	p = put_v(p, (uint64_t)h->n_runs << 1 | h->is_truncated);
	for (unsigned i = 0; i < h->n_runs; i++) {
		p = put_v(p, h->runs[i].size);
		p = put_v(p, h->runs[i].n);
	}
	return p;
}

static uint8_t *put_route(uint8_t *p, const struct route *r)
{
	p = put_v(p, r->index);
	p = put_half(p, &r->out);
	return put_half(p, &r->in);
}

static uint8_t *put_payload(uint8_t *p, const struct trace_record *r, bool keep_data,
			    const uint8_t *digests)
{
	size_t left = r->payload_len;

	p = put_v(p, r->payload_len);
	p = put_v(p, r->grid);
	if (!keep_data) {
		size_t n = 8u * (size_t)trace_n_digests(r->grid, r->payload_len);

		memcpy(p, digests, n);
		return p + n;
	}
	for (const struct iovec *v = r->iov; left; v++) {
		size_t n = MIN(left, v->iov_len);

		if (n)
			memcpy(p, v->iov_base, n);
		p += n;
		left -= n;
	}
	return p;
}

static int make_room(struct trace_block *b, size_t n)
{
	size_t cap = MAX(b->cap, TRACE_BLOCK_SIZE);
	uint8_t *bytes;

	if (b->len + n <= b->cap)
		return 0;
	while (cap < b->len + n)
		cap *= 2;
	bytes = realloc(b->bytes, cap);
	if (!bytes)
		return -ENOMEM;
	b->bytes = bytes;
	b->cap = cap;
	return 0;
}

static uint8_t flags_of(const struct trace_record *r, bool keep_data)
{
	return (uint8_t)((r->path[0].p ? TRACE_HAS_PATH : 0) |
			 (r->path[1].p ? TRACE_HAS_PATH2 : 0) |
			 (r->has_route ? TRACE_HAS_ROUTE : 0) |
			 (r->payload_len ? TRACE_HAS_PAYLOAD : 0) |
			 (r->payload_len && keep_data ? TRACE_HAS_DATA : 0) |
			 (r->overlaps ? TRACE_OVERLAPS : 0));
}

static uint8_t *put_message(struct trace_block *b, const struct trace_record *r, uint8_t *p)
{
	p = put_b(p, r->head, r->head_len);
	if (r->kind == TRACE_REQUEST) {
		p = put_path(b, &r->path[0], p);
		p = put_path(b, &r->path[1], p);
		if (r->has_route)
			p = put_route(p, &r->route);
	} else if (r->kind == TRACE_REPLY) {
		p = put_v(p, r->queue);
		p = put_v(p, r->service);
	}
	return p;
}

int trace_encode(struct trace_block *b, const struct trace_record *r, bool keep_data,
		 const uint8_t *digests)
{
	size_t payload = keep_data ? r->payload_len : 8u * trace_n_digests(r->grid, r->payload_len);
	size_t texts = (size_t)3 * TRACE_MAX_PATH;
	int err = make_room(b, MOST_NUMBERS + texts + r->head_len + payload);
	uint8_t *p;

	if (err)
		return err;
	if (!b->head.n_records)
		b->head.first_time = b->last_time = r->time;
	p = b->bytes + b->len;
	*p++ = (uint8_t)r->kind;
	*p++ = flags_of(r, keep_data);
	p = put_z(p, (int64_t)(r->time - b->last_time));
	b->last_time = r->time;
	p = put_conn(b, r, p);
	if (r->kind == TRACE_LOST)
		p = put_v(p, r->lost);
	else if (r->kind >= TRACE_REQUEST)
		p = put_message(b, r, p);
	if (r->payload_len)
		p = put_payload(p, r, keep_data, digests);
	b->len = (size_t)(p - b->bytes);
	b->head.n_records++;
	return 0;
}
