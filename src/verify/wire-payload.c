/* SPDX-License-Identifier: MIT */
#include "wire-payload.h"

#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "compare.h"
#include "digest.h"
#include "exchange.h"
#include "host-file.h"
#include "macros.h"
#include "manifest.h"
#include "wire-facts.h"

static void open_host(struct wire_asked *a)
{
	if (a->is_opened)
		return;
	a->is_opened = true;
	a->fd = host_open(manifest_root_fd(a->m), a->node, O_RDONLY | O_NONBLOCK);
}

static bool overlaps(uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_end)
{
	return a < b_end && b < a_end;
}

/* Block I of a payload that begins at OFFSET and has N bytes. */
static void block_of(uint64_t offset, uint64_t n, uint32_t i, uint64_t *ret_from, uint64_t *ret_to)
{
	uint64_t start = (offset / TRACE_BLOCK + i) * TRACE_BLOCK;

	*ret_from = MAX(start, offset);
	*ret_to = MIN(start + TRACE_BLOCK, offset + n);
}

/* Does the host's file have bytes of that digest from FROM to TO? */
static bool is_hosts(const struct wire_asked *a, uint64_t from, uint64_t to, uint64_t digest)
{
	unsigned char buf[TRACE_BLOCK];
	ssize_t n = pread(a->fd, buf, (size_t)(to - from), (off_t)from);

	return n == (ssize_t)(to - from) && digest_of(buf, (size_t)n) == digest;
}

static void note_wrong(struct wire_facts *f, const struct wire_request *q, uint64_t from,
		       uint64_t to)
{
	if (f->sent == SEEN_WRONG)
		return;
	f->sent = SEEN_WRONG;
	f->request = *q;
	f->from = from;
	f->to = to;
}

/* The blocks of an Rread that lie over the finding. */
static void judge_payload(struct wire_asked *a, const struct exchange *e,
			  const struct wire_request *q)
{
	struct wire_facts *f = a->facts;
	uint32_t n = trace_n_digests(e->reply.grid, e->reply.payload_len);

	if (!trace_has_digests(&e->reply) || e->reply.payload_len != q->got || a->fd < 0 ||
	    q->overlaps)
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t from, to;

		block_of(q->offset, q->got, i, &from, &to);
		if (!overlaps(from, to, f->f->from, f->f->to))
			continue;
		if (!is_hosts(a, from, to, trace_digest(&e->reply, i)))
			note_wrong(f, q, from, to);
		else if (f->sent == SEEN_NOT)
			f->sent = SEEN_RIGHT;
	}
}

/* Up to the request that counts the oldest gives way; behind it, no other does. */
static void keep_near(struct wire_facts *f, const struct wire_request *q)
{
	if (!f->has_request && f->n_near == WIRE_NEAR / 2) {
		memmove(f->near, f->near + 1, (WIRE_NEAR / 2 - 1) * sizeof(f->near[0]));
		f->n_near--;
	}
	if (f->n_near < WIRE_NEAR)
		f->near[f->n_near++] = *q;
}

void wire_take_read(struct wire_asked *a, const struct exchange *e, const struct wire_request *q)
{
	struct wire_facts *f = a->facts;
	bool was_wrong = f->sent == SEEN_WRONG;
	bool is_first;

	open_host(a);
	keep_near(f, q);
	/* An end of the file that comes too early. */
	if (!q->got && q->offset < a->node->same->length && q->offset >= f->f->from &&
	    q->offset < f->f->to && q->asked)
		note_wrong(f, q, q->offset, f->f->to);
	if (overlaps(q->offset, q->offset + q->got, f->f->from, f->f->to)) {
		f->n_replies++;
		f->n_first += q->offset <= f->f->from && q->offset + q->got > f->f->from;
		is_first = !f->has_request;
		if (is_first)
			f->request = *q;
		judge_payload(a, e, q);
		if (is_first || (!was_wrong && f->sent == SEEN_WRONG)) {
			f->has_request = true;
			f->has_before = a->has_last && a->last.offset + a->last.got == q->offset;
			f->before = a->last;
			f->near[f->n_near - 1] = *q; /* also when there was no more room */
		}
	}
	a->last = *q;
	a->has_last = true;
}

static void forget_lost(struct wire_asked *a, uint64_t from, uint64_t to)
{
	for (size_t i = a->n_lost; i-- > 0;)
		if (overlaps(a->lost[i].from, a->lost[i].to, from, to))
			a->lost[i] = a->lost[--a->n_lost];
}

void wire_look_for_old(struct wire_asked *a, const struct wire_request *q,
		       const struct trace_record *r)
{
	struct wire_facts *f = a->facts;
	uint64_t block = f->f->from - f->f->from % TRACE_BLOCK;
	uint64_t end = MIN(block + TRACE_BLOCK, f->f->size);
	uint32_t n = trace_n_digests(r->grid, r->payload_len);

	if (!f->f->has_digest || !trace_has_digests(r))
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t from, to;

		block_of(q->offset, r->payload_len, i, &from, &to);
		if (from != block || to != end || trace_digest(r, i) != f->f->digest)
			continue;
		f->was_before = true;
		f->earlier = *q;
	}
}

void wire_take_write(struct wire_asked *a, const struct exchange *e, const struct wire_request *q)
{
	const struct wire_facts *f = a->facts;
	uint32_t n = trace_n_digests(e->request.grid, e->request.payload_len);

	open_host(a);
	if (!trace_has_digests(&e->request) || a->fd < 0 || e->request.payload_len != q->asked)
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t from, to;

		block_of(q->offset, q->asked, i, &from, &to);
		if (!overlaps(from, to, f->f->from, f->f->to))
			continue;
		a->facts->n_writes++;
		a->facts->write = *q;
		forget_lost(a, from, to);
		if (!is_hosts(a, from, to, trace_digest(&e->request, i)) &&
		    a->n_lost < WIRE_LOST_MAX)
			a->lost[a->n_lost++] = (struct wire_lost){from, to, *q};
	}
}

/* Files of the host do not have the bytes that went to the wrong place either; where these went is
 * seen in the files that got them. */
void wire_end_writes(struct wire_asked *a)
{
	if (!a->facts->n_writes)
		return;
	a->facts->written = a->n_lost ? SEEN_WRONG : SEEN_RIGHT;
	if (a->n_lost)
		a->facts->write = a->lost[0].by;
}
