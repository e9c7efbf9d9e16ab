/* SPDX-License-Identifier: MIT */
/* An exchange as an object: the keys stand in the manual. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cleanup.h"
#include "clock.h"
#include "convert.h"
#include "exchange-text.h"
#include "macros.h"
#include "text.h"

/* JSON knows text only: other bytes are \xNN. */
static json_t *string_of(const void *p, size_t n)
{
	autofree char *text = text_printable(p, n);

	return text ? json_string(text) : NULL;
}

static void set(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

static json_t *seconds(uint64_t time, uint64_t start)
{
	return json_real((double)(int64_t)(time - start) / (double)NS_PER_SEC);
}

static json_t *micros(uint64_t ns)
{
	return json_real((double)ns / 1000);
}

static json_t *text_of(const struct exchange *e, void (*put)(FILE *f, const struct exchange *e))
{
	autofree char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	put(f, e);
	fclose(f);
	return json_string(text);
}

static void put_request_msg(FILE *f, const struct exchange *e)
{
	msg_print(f, &e->t);
}

static void put_reply_msg(FILE *f, const struct exchange *e)
{
	msg_print(f, &e->r);
}

static json_t *half_of(const struct route_half *h)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < h->n_runs; i++)
		json_array_append_new(a, json_pack("[I, I]", (json_int_t)h->runs[i].size,
						   (json_int_t)h->runs[i].n));
	return a;
}

static void set_route(json_t *o, const struct exchange *e)
{
	const struct route *r = &e->request.route;

	if (!e->request.has_route)
		return;
	set(o, "zc", json_boolean(route_is_zero_copy(r, e->t.type)));
	set(o, "ring", json_integer(r->index));
	set(o, "out", half_of(&r->out));
	set(o, "in", half_of(&r->in));
}

static void set_digests(json_t *o, const struct trace_record *r)
{
	uint32_t n = trace_n_digests(r->grid, r->payload_len);
	json_t *a;

	if (n)
		set(o, "bytes", json_integer(r->payload_len));
	if (!trace_has_digests(r))
		return;
	a = json_array();
	for (uint32_t i = 0; i < n; i++) {
		char text[24];

		snprintf(text, sizeof(text), "%016" PRIx64, trace_digest(r, i));
		json_array_append_new(a, json_string(text));
	}
	set(o, "digests", a);
}

static void set_paths(json_t *o, const struct exchange *e)
{
	char path[EXCHANGE_PATH_SIZE];

	for (unsigned i = 0; i < 2; i++) {
		exchange_path(e, i, path, sizeof(path));
		if (path[0])
			set(o, i ? "path2" : "path", string_of(path, strlen(path)));
	}
}

static void set_range(json_t *o, const struct msg *m)
{
	uint64_t offset = 0;
	uint32_t count = 0;

	if (m->type == Tread) {
		offset = m->Tread.offset;
		count = m->Tread.count;
	} else if (m->type == Twrite) {
		offset = m->Twrite.offset;
		count = m->Twrite.data.count;
	} else if (m->type == Treaddir) {
		offset = m->Treaddir.offset;
		count = m->Treaddir.count;
	} else {
		return;
	}
	set(o, "offset", json_integer((json_int_t)offset));
	set(o, "count", json_integer(count));
}

static void set_request(json_t *o, const struct exchange *e)
{
	const char *name = msg_name(e->t.type);

	if (e->kind == EXCHANGE_NO_REQUEST)
		return;
	set(o, "op", json_string(name ? name : "?"));
	set(o, "tag", json_integer(e->t.tag));
	if (!e->t_well_formed) {
		set(o, "malformed", json_true());
		return;
	}
	set_paths(o, e);
	set_range(o, &e->t);
	set(o, "request", text_of(e, put_request_msg));
}

static void set_reply(json_t *o, const struct exchange *e)
{
	set(o, "result", text_of(e, exchange_put_result));
	if (!e->r_well_formed)
		return;
	set(o, "reply", text_of(e, put_reply_msg));
	set(o, "errno", json_integer(exchange_errno(e)));
	if (e->kind != EXCHANGE_DONE)
		return;
	set(o, "latency_us", micros(exchange_latency(e)));
	set(o, "queue_us", micros(e->reply.queue));
	set(o, "service_us", micros(e->reply.service));
}

static const char *const kinds[] = {
	[EXCHANGE_DONE] = "done",
	[EXCHANGE_NO_REPLY] = "no-reply",
	[EXCHANGE_DROPPED] = "dropped",
	[EXCHANGE_NO_REQUEST] = "no-request",
};

static json_t *object_of(const struct exchange *e, const struct convert_times *t)
{
	const struct trace_record *first = e->kind == EXCHANGE_NO_REQUEST ? &e->reply : &e->request;
	json_t *o = json_object();

	if (!o)
		return NULL;
	if (e->kind == EXCHANGE_OTHER)
		set(o, "type",
		    json_string(first->kind == TRACE_OPENED   ? "opened"
				: first->kind == TRACE_CLOSED ? "closed"
							      : "lost"));
	else
		set(o, "type", json_string(kinds[e->kind]));
	set(o, "time", seconds(first->time, t->start));
	set(o, "conn", json_integer(first->conn));
	if (e->kind == EXCHANGE_OTHER && first->kind == TRACE_LOST)
		set(o, "messages", json_integer((json_int_t)first->lost));
	else if (e->kind == EXCHANGE_OTHER)
		set(o, "peer", string_of(first->peer.p, first->peer.len));
	if (first->is_unverified)
		set(o, "unverified", json_true());
	if (e->kind == EXCHANGE_OTHER)
		return o;
	set_request(o, e);
	set_reply(o, e);
	set_route(o, e);
	set_digests(o, e->t.type == Twrite ? &e->request : &e->reply);
	return o;
}

int exchange_put_json(FILE *f, const struct exchange *e, const struct convert_times *t)
{
	json_t *o = object_of(e, t);
	int r = o ? json_dumpf(o, f, JSON_COMPACT | JSON_REAL_PRECISION(15)) : -1;

	json_decref(o);
	return r ? -ENOMEM : 0;
}
