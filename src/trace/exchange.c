/* SPDX-License-Identifier: MIT */
#include "exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "macros.h"

#define CHAINS 4096u

/* A copy of a request's record, with what it views behind it. */
struct pending {
	struct list by_tag; /* its chain */
	struct list by_age; /* or in the list of those to give out */
	uint16_t tag;
	uint32_t slot;
	struct trace_record r;
	char bytes[];
};

/* Which slots of a connection are taken. */
struct slots {
	struct slots *next;
	uint32_t conn;
	uint64_t taken[EXCHANGE_SLOTS / 64];
};

struct exchanges {
	struct trace_source *from;
	struct list chains[CHAINS];
	struct list by_age;	 /* all pending */
	struct list orphans;	 /* to give out before anything else: no reply will come */
	struct pending *gone;	 /* given out last */
	struct slots *slots[64]; /* chains by connection */
	bool at_end, has_held;
	struct trace_record held; /* the record that made the orphans */
};

bool trace_decode_msg(const struct trace_record *r, enum msg_side side, struct msg *ret_m)
{
	return msg_decode(r->head, r->head_len, r->payload_len, side, ret_m) == 0;
}

struct exchanges *exchanges_new(struct trace_source *from)
{
	struct exchanges *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->from = from;
	for (unsigned i = 0; i < CHAINS; i++)
		list_init(&x->chains[i]);
	list_init(&x->by_age);
	list_init(&x->orphans);
	return x;
}

static void free_all(struct list *l)
{
	list_for_each_safe (it, l) {
		free(list_entry(it, struct pending, by_age));
	}
}

static void free_slots(struct slots **at)
{
	struct slots *s = *at;

	assert(s);
	*at = s->next;
	free(s);
}

static struct slots **slots_of(struct exchanges *x, uint32_t conn)
{
	struct slots **at = &x->slots[conn % ARRAY_SIZE(x->slots)];

	while (*at && (*at)->conn != conn)
		at = &(*at)->next;
	return at;
}

/* The last one when all are taken, or memory is out. */
static uint32_t take_slot(struct exchanges *x, uint32_t conn)
{
	struct slots **at = slots_of(x, conn);

	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return EXCHANGE_SLOTS - 1;
		(*at)->conn = conn;
	}
	for (uint32_t i = 0; i < EXCHANGE_SLOTS / 64; i++) {
		uint32_t bit;

		if (!~(*at)->taken[i])
			continue;
		bit = (uint32_t)__builtin_ctzll(~(*at)->taken[i]);
		(*at)->taken[i] |= 1ull << bit;
		return i * 64 + bit;
	}
	return EXCHANGE_SLOTS - 1;
}

static void free_slot(struct exchanges *x, const struct pending *p)
{
	struct slots *s = *slots_of(x, p->r.conn);

	if (s)
		s->taken[p->slot / 64] &= ~(1ull << p->slot % 64);
}

void exchanges_free(struct exchanges *x)
{
	if (!x)
		return;
	free_all(&x->by_age);
	free_all(&x->orphans);
	for (unsigned i = 0; i < ARRAY_SIZE(x->slots); i++)
		while (x->slots[i])
			free_slots(&x->slots[i]);
	free(x->gone);
	free(x);
}

static uint16_t tag_of(const struct trace_record *r)
{
	return r->head_len < P9_HEADER_SIZE ? P9_NOTAG : (uint16_t)(r->head[5] | r->head[6] << 8);
}

static struct list *chain_of(struct exchanges *x, uint32_t conn, uint16_t tag)
{
	return &x->chains[(conn * 31 + tag) % CHAINS];
}

static struct pending *find(struct exchanges *x, uint32_t conn, uint16_t tag)
{
	list_for_each (it, chain_of(x, conn, tag)) {
		struct pending *p = list_entry(it, struct pending, by_tag);

		if (p->r.conn == conn && p->tag == tag)
			return p;
	}
	return NULL;
}

static void take_out(struct pending *p)
{
	list_del(&p->by_tag);
	list_del(&p->by_age);
}

static const void *copy_bytes(char **at, const void *p, size_t n)
{
	char *to = *at;

	if (!p)
		return NULL;
	memcpy(to, p, n);
	*at += n;
	return to;
}

static struct pending *copy_of(const struct trace_record *r)
{
	size_t digests = r->digest ? 8u * (size_t)trace_n_digests(r->grid, r->payload_len) : 0;
	size_t data = r->data ? r->payload_len : 0;
	size_t n = r->head_len + digests + data + r->path[0].len + r->path[1].len + r->peer.len;
	struct pending *p = malloc(sizeof(*p) + n);
	char *at;

	if (!p)
		return NULL;
	at = p->bytes;
	p->r = *r;
	p->tag = tag_of(r);
	p->r.head = copy_bytes(&at, r->head, r->head_len);
	p->r.digest = copy_bytes(&at, r->digest, digests);
	p->r.data = copy_bytes(&at, r->data, data);
	p->r.peer.p = copy_bytes(&at, r->peer.p, r->peer.len);
	for (unsigned i = 0; i < 2; i++)
		p->r.path[i].p = copy_bytes(&at, r->path[i].p, r->path[i].len);
	return p;
}

static int remember(struct exchanges *x, const struct trace_record *r)
{
	struct pending *p = copy_of(r);

	if (!p)
		return -ENOMEM;
	p->slot = take_slot(x, r->conn);
	list_add_tail(chain_of(x, r->conn, p->tag), &p->by_tag);
	list_add_tail(&x->by_age, &p->by_age);
	return 0;
}

/* No reply will come to P. */
static void orphan(struct exchanges *x, struct pending *p)
{
	take_out(p);
	list_add_tail(&x->orphans, &p->by_age);
}

static void orphan_all(struct exchanges *x, const uint32_t *conn)
{
	list_for_each_safe (it, &x->by_age) {
		struct pending *p = list_entry(it, struct pending, by_age);

		if (!conn || p->r.conn == *conn)
			orphan(x, p);
	}
}

static void set_request(struct exchange *e, enum exchange_kind kind, const struct trace_record *r)
{
	e->kind = kind;
	e->request = *r;
	e->t_well_formed = trace_decode_msg(r, MSG_FROM_CLIENT, &e->t);
}

static int give(struct exchanges *x, struct pending *p, enum exchange_kind kind,
		struct exchange *ret_e)
{
	free(x->gone);
	x->gone = p;
	free_slot(x, p);
	ret_e->slot = p->slot;
	set_request(ret_e, kind, &p->r);
	return 1;
}

static int give_orphan(struct exchanges *x, struct exchange *ret_e)
{
	struct pending *p = list_first(&x->orphans, struct pending, by_age);

	list_del(&p->by_age);
	return give(x, p, EXCHANGE_NO_REPLY, ret_e);
}

static int give_reply(struct exchanges *x, const struct trace_record *r, struct exchange *ret_e)
{
	struct pending *p = find(x, r->conn, tag_of(r));
	bool dropped = r->kind == TRACE_DROPPED;

	ret_e->reply = *r;
	if (!dropped)
		ret_e->r_well_formed = trace_decode_msg(r, MSG_FROM_SERVER, &ret_e->r);
	if (!p) {
		ret_e->kind = EXCHANGE_NO_REQUEST;
		return 1;
	}
	take_out(p);
	return give(x, p, dropped ? EXCHANGE_DROPPED : EXCHANGE_DONE, ret_e);
}

/* 1: *RET_E is filled; 0: the record was a request. */
static int take(struct exchanges *x, const struct trace_record *r, struct exchange *ret_e)
{
	if (r->kind == TRACE_REQUEST)
		return remember(x, r);
	if (r->kind == TRACE_REPLY || r->kind == TRACE_DROPPED)
		return give_reply(x, r, ret_e);
	if (r->kind == TRACE_CLOSED && *slots_of(x, r->conn))
		free_slots(slots_of(x, r->conn));
	ret_e->kind = EXCHANGE_OTHER;
	ret_e->request = *r;
	return 1;
}

/* Orphans that R makes come before it. */
static void make_orphans(struct exchanges *x, const struct trace_record *r)
{
	struct pending *p = NULL;

	if (r->kind == TRACE_CLOSED || r->kind == TRACE_OPENED)
		orphan_all(x, &r->conn);
	else if (r->kind == TRACE_REQUEST)
		p = find(x, r->conn, tag_of(r));
	if (p)
		orphan(x, p);
}

int exchanges_next(struct exchanges *x, struct exchange *ret_e)
{
	for (;;) {
		int got;

		memset(ret_e, 0, sizeof(*ret_e));
		if (!list_is_empty(&x->orphans))
			return give_orphan(x, ret_e);
		if (x->at_end)
			return 0;
		if (!x->has_held) {
			got = x->from->next(x->from, &x->held);
			if (got < 0)
				return got;
			if (!got) {
				x->at_end = true;
				orphan_all(x, NULL);
				continue;
			}
			make_orphans(x, &x->held);
			x->has_held = true;
			continue;
		}
		x->has_held = false;
		got = take(x, &x->held, ret_e);
		if (got)
			return got;
	}
}

uint64_t exchange_end(const struct exchange *e)
{
	return e->reply.time ? e->reply.time : e->request.time;
}

uint64_t exchange_latency(const struct exchange *e)
{
	if (e->kind != EXCHANGE_DONE || e->reply.time < e->request.time)
		return 0;
	return e->reply.time - e->request.time;
}

uint32_t exchange_errno(const struct exchange *e)
{
	return e->r_well_formed && e->r.type == Rlerror ? e->r.Rlerror.ecode : 0;
}
