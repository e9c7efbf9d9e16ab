/* SPDX-License-Identifier: MIT */
/* The Trace Event Format (JSON), which Perfetto and chrome://tracing read: a process for each
 * connection, a track for each request in flight, a slice for each exchange. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cleanup.h"
#include "convert.h"
#include "exchange-text.h"
#include "text.h"

/* Tracks that have got their name. */
struct tracks {
	bool has_first;
	uint32_t n; /* of connection LAST, a high-water mark */
	uint32_t last;
};

static int start(struct converter *c)
{
	c->state = calloc(1, sizeof(struct tracks));
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", c->out);
	return c->state ? 0 : -ENOMEM;
}

static int end(struct converter *c)
{
	free(c->state);
	fputs("\n]}\n", c->out);
	return 0;
}

static int put(struct converter *c, json_t *event)
{
	struct tracks *t = c->state;
	int r;

	fputs(t->has_first ? ",\n" : "\n", c->out);
	t->has_first = true;
	r = event ? json_dumpf(event, c->out, JSON_COMPACT | JSON_REAL_PRECISION(15)) : -1;
	json_decref(event);
	return r ? -ENOMEM : 0;
}

static double micros(const struct converter *c, uint64_t time)
{
	return (double)(int64_t)(time - c->times.start) / 1000;
}

static json_t *printable(const char *p, size_t n)
{
	autofree char *text = text_printable(p, n);

	return text ? json_string(text) : NULL;
}

static int put_name(struct converter *c, const char *what, uint32_t conn, uint32_t slot,
		    json_t *name)
{
	return put(c, json_pack("{s:s, s:s, s:I, s:I, s:{s:o}}", "name", what, "ph", "M", "pid",
				(json_int_t)conn, "tid", (json_int_t)slot, "args", "name", name));
}

static int put_peer(struct converter *c, const struct trace_record *r)
{
	autofree char *name = NULL;
	int n = asprintf(&name, "connection %" PRIu32 ": %.*s", r->conn, (int)r->peer.len,
			 r->peer.p);

	if (n < 0) {
		name = NULL;
		return -ENOMEM;
	}
	return put_name(c, "process_name", r->conn, 0, printable(name, (size_t)n));
}

/* Names the tracks as they are first used; a few more than once, where connections take turns. */
static int name_track(struct converter *c, uint32_t conn, uint32_t slot)
{
	struct tracks *t = c->state;
	char name[32];
	int err = 0;

	if (t->last != conn)
		t->n = 0;
	t->last = conn;
	for (; t->n <= slot && !err; t->n++) {
		snprintf(name, sizeof(name), "in flight %" PRIu32, t->n);
		err = put_name(c, "thread_name", conn, t->n, json_string(name));
	}
	return err;
}

static json_t *text_of(const struct exchange *e, void (*put_part)(FILE *, const struct exchange *))
{
	autofree char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	put_part(f, e);
	fclose(f);
	return json_string(text[0] == ' ' ? text + 1 : text);
}

static json_t *args_of(const struct exchange *e)
{
	char path[EXCHANGE_PATH_SIZE];
	json_t *args = json_object();

	exchange_path(e, 0, path, sizeof(path));
	if (path[0])
		json_object_set_new(args, "path", printable(path, strlen(path)));
	json_object_set_new(args, "tag", json_integer(e->t.tag));
	json_object_set_new(args, "arguments", text_of(e, exchange_put_arguments));
	json_object_set_new(args, "result", text_of(e, exchange_put_result));
	if (e->kind == EXCHANGE_DONE) {
		json_object_set_new(args, "queue_us", json_real((double)e->reply.queue / 1000));
		json_object_set_new(args, "service_us", json_real((double)e->reply.service / 1000));
	}
	if (e->request.has_route)
		json_object_set_new(args, "zc",
				    json_boolean(route_is_zero_copy(&e->request.route, e->t.type)));
	return args;
}

static int exchange(struct converter *c, const struct exchange *e)
{
	const struct trace_record *r = &e->request;
	const char *name = msg_name(e->t.type);
	int err;

	if (e->kind == EXCHANGE_OTHER)
		return r->kind == TRACE_OPENED ? put_peer(c, r) : 0;
	if (e->kind == EXCHANGE_NO_REQUEST)
		return 0;
	err = name_track(c, r->conn, e->slot);
	if (err)
		return err;
	return put(c,
		   json_pack("{s:s, s:s, s:s, s:f, s:f, s:I, s:I, s:o}", "name", name ? name : "?",
			     "cat", exchange_errno(e) ? "9p,error" : "9p", "ph", "X", "ts",
			     micros(c, r->time), "dur", (double)exchange_latency(e) / 1000, "pid",
			     (json_int_t)r->conn, "tid", (json_int_t)e->slot, "args", args_of(e)));
}

const struct converter_ops convert_perfetto = {
	.name = "perfetto",
	.start = start,
	.exchange = exchange,
	.end = end,
};
