/* SPDX-License-Identifier: MIT */
/* Bytes to records. Nothing of a recording is trusted. */
#include <errno.h>
#include <stdlib.h>

#include "macros.h"
#include "trace-format.h"

static int get_v(struct trace_decoder *d, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte;

		if (d->p == d->end)
			return -EBADMSG;
		byte = *d->p++;
		if (shift == 63 && byte > 1)
			return -EBADMSG;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

static int get_v32(struct trace_decoder *d, uint64_t max, uint32_t *ret)
{
	uint64_t v = 0;
	int err = get_v(d, &v);

	if (err || v > max)
		return -EBADMSG;
	*ret = (uint32_t)v;
	return 0;
}

static int get_b(struct trace_decoder *d, uint32_t max, const uint8_t **ret, uint32_t *ret_n)
{
	uint32_t n = 0;
	int err = get_v32(d, max, &n);

	if (err || (size_t)(d->end - d->p) < n)
		return -EBADMSG;
	*ret = d->p;
	*ret_n = n;
	d->p += n;
	return 0;
}

static int add_text(struct trace_decoder *d, const struct trace_known *k)
{
	if (d->n_texts == d->cap_texts) {
		uint32_t cap = d->cap_texts ? d->cap_texts * 2 : 64;
		struct trace_known *more = realloc(d->texts, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		d->texts = more;
		d->cap_texts = cap;
	}
	d->texts[d->n_texts++] = *k;
	return 0;
}

/* A text, by its number or anew. IS_CONN: a connection's number stands before it. */
static int get_text(struct trace_decoder *d, bool is_conn, struct trace_known *ret)
{
	struct trace_known k = {0};
	const uint8_t *bytes;
	uint32_t index = 0;
	int err = get_v32(d, d->n_texts, &index);

	if (err)
		return err;
	if (index < d->n_texts) {
		*ret = d->texts[index];
		return 0;
	}
	if (is_conn)
		err = get_v32(d, UINT32_MAX, &k.conn);
	if (!err)
		err = get_b(d, TRACE_MAX_PATH, &bytes, &k.text.len);
	if (!err) {
		k.text.p = (const char *)bytes;
		err = add_text(d, &k);
	}
	if (!err)
		*ret = k;
	return err;
}

static int get_half(struct trace_decoder *d, struct route_half *h)
{
	uint32_t n = 0, runs = 0;
	int err = get_v32(d, UINT16_MAX, &n);

	if (!err)
		err = get_v32(d, ROUTE_RUNS << 1 | 1, &runs);
	h->n = (uint16_t)n;
	h->n_runs = (uint16_t)(runs >> 1);
	h->is_truncated = runs & 1;
	for (unsigned i = 0; i < h->n_runs && !err; i++) {
		err = get_v32(d, UINT32_MAX, &h->runs[i].size);
		if (!err)
			err = get_v32(d, UINT32_MAX, &h->runs[i].n);
	}
	return err;
}

static int get_route(struct trace_decoder *d, struct route *r)
{
	uint32_t index = 0;
	int err = get_v32(d, UINT16_MAX, &index);

	r->index = (uint16_t)index;
	if (!err)
		err = get_half(d, &r->out);
	if (!err)
		err = get_half(d, &r->in);
	return err;
}

static int get_payload(struct trace_decoder *d, bool has_data, struct trace_record *r)
{
	int err = get_v32(d, TRACE_MAX_PAYLOAD, &r->payload_len);
	size_t n;

	if (!err)
		err = get_v32(d, TRACE_BLOCK - 1, &r->grid);
	if (err)
		return err;
	n = has_data ? r->payload_len : 8u * (size_t)trace_n_digests(r->grid, r->payload_len);
	if (!r->payload_len || (size_t)(d->end - d->p) < n)
		return -EBADMSG;
	*(has_data ? &r->data : &r->digest) = d->p;
	d->p += n;
	return 0;
}

static int get_request(struct trace_decoder *d, unsigned flags, struct trace_record *r)
{
	int err = 0;

	for (unsigned i = 0; i < 2 && !err; i++) {
		struct trace_known k;

		if (!(flags & (i ? TRACE_HAS_PATH2 : TRACE_HAS_PATH)))
			continue;
		err = get_text(d, false, &k);
		if (!err)
			r->path[i] = k.text;
	}
	r->has_route = flags & TRACE_HAS_ROUTE;
	if (r->has_route && !err)
		err = get_route(d, &r->route);
	return err;
}

static int get_message(struct trace_decoder *d, unsigned flags, struct trace_record *r)
{
	int err = get_b(d, TRACE_MAX_HEAD, &r->head, &r->head_len);

	if (!err && r->kind == TRACE_REQUEST)
		err = get_request(d, flags, r);
	if (!err && r->kind == TRACE_REPLY) {
		err = get_v(d, &r->queue);
		if (!err)
			err = get_v(d, &r->service);
	}
	r->overlaps = flags & TRACE_OVERLAPS;
	if (!err && flags & TRACE_HAS_PAYLOAD)
		err = get_payload(d, flags & TRACE_HAS_DATA, r);
	return err;
}

int trace_decode(struct trace_decoder *d, struct trace_record *ret_r)
{
	struct trace_record r = {0};
	struct trace_known conn = {0};
	uint64_t time = 0;
	unsigned flags;
	int err;

	if (d->p == d->end)
		return 0;
	if (d->end - d->p < 2 || !d->p[0] || d->p[0] >= TRACE_KINDS)
		return -EBADMSG;
	r.kind = (enum trace_kind)d->p[0];
	flags = d->p[1];
	d->p += 2;
	err = get_v(d, &time);
	if (!err)
		err = get_text(d, true, &conn);
	if (err)
		return err;
	d->last_time += time >> 1 ^ (0 - (time & 1));
	r.time = d->last_time;
	r.conn = conn.conn;
	r.peer = conn.text;
	if (r.kind == TRACE_LOST)
		err = get_v(d, &r.lost);
	else if (r.kind >= TRACE_REQUEST)
		err = get_message(d, flags, &r);
	if (err)
		return err;
	*ret_r = r;
	return 1;
}
