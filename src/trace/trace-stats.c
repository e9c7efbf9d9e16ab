/* SPDX-License-Identifier: MIT */
#include "trace-stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <jansson.h>

#include "clock.h"
#include "macros.h"

static unsigned class_of(uint64_t ns)
{
	unsigned power;

	if (ns < 16)
		return (unsigned)ns;
	power = 63u - (unsigned)__builtin_clzll(ns);
	return (power - 3) * 16 + (unsigned)(ns >> (power - 4) & 15);
}

/* The largest latency of a class. */
static uint64_t top_of(unsigned class)
{
	unsigned power = class / 16 + 3;

	if (class < 16)
		return class;
	return ((16ull + class % 16 + 1) << (power - 4)) - 1;
}

static uint64_t bytes_of(const struct exchange *e)
{
	if (e->r.type == Rread)
		return e->r.Rread.data.count;
	if (e->r.type == Rreaddir)
		return e->r.Rreaddir.data.count;
	return e->r.type == Rwrite ? e->r.Rwrite.count : 0;
}

static void add_done(struct op_stats *o, const struct exchange *e)
{
	uint64_t ns = exchange_latency(e);

	o->n++;
	o->errors += exchange_errno(e) != 0;
	o->bytes += e->r_well_formed ? bytes_of(e) : 0;
	o->min_ns = o->n == 1 ? ns : MIN(o->min_ns, ns);
	o->max_ns = MAX(o->max_ns, ns);
	o->total_ns += ns;
	o->classes[class_of(ns)]++;
}

static void add_travel(struct trace_stats *s, const struct exchange *e)
{
	if (!e->request.has_route || (e->t.type != Tread && e->t.type != Twrite))
		return;
	if (route_is_zero_copy(&e->request.route, e->t.type))
		s->zero_copy++;
	else
		s->copied++;
}

static void add_other(struct trace_stats *s, const struct trace_record *r)
{
	s->lost += r->kind == TRACE_LOST ? r->lost : 0;
	s->connections += r->kind == TRACE_OPENED;
}

int stats_add(struct trace_stats *s, const struct exchange *e)
{
	struct op_stats **o = &s->ops[e->t.type];

	if (!s->first)
		s->first = e->request.time ? e->request.time : e->reply.time;
	s->last = MAX(s->last, exchange_end(e));
	if (e->kind == EXCHANGE_OTHER) {
		add_other(s, &e->request);
		return 0;
	}
	s->unasked += e->kind == EXCHANGE_NO_REQUEST;
	s->malformed += e->kind != EXCHANGE_NO_REQUEST && !e->t_well_formed;
	if (e->kind == EXCHANGE_NO_REQUEST || !e->t_well_formed)
		return 0;
	if (!*o)
		*o = calloc(1, sizeof(**o));
	if (!*o)
		return -ENOMEM;
	s->n++;
	add_travel(s, e);
	if (e->kind == EXCHANGE_DONE) {
		add_done(*o, e);
	} else {
		(*o)->unanswered++;
		s->unanswered++;
	}
	return 0;
}

void stats_done(struct trace_stats *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->ops); i++)
		free(s->ops[i]);
}

uint64_t stats_percentile(const struct op_stats *o, double p)
{
	uint64_t want = (uint64_t)((double)o->n * p / 100 + 0.5), n = 0;

	for (unsigned i = 0; i < STATS_CLASSES; i++) {
		n += o->classes[i];
		if (n && n >= want)
			return MIN(top_of(i), o->max_ns);
	}
	return o->max_ns;
}

static double micros(uint64_t ns)
{
	return (double)ns / 1000;
}

static void print_op(FILE *f, const char *name, const struct op_stats *o)
{
	fprintf(f, "%-12s %9" PRIu64 " %7" PRIu64 " %12" PRIu64, name, o->n, o->errors, o->bytes);
	if (o->n)
		fprintf(f, " %8.1f %8.1f %8.1f %8.1f %8.1f", micros(o->total_ns / o->n),
			micros(stats_percentile(o, 50)), micros(stats_percentile(o, 90)),
			micros(stats_percentile(o, 99)), micros(o->max_ns));
	if (o->unanswered)
		fprintf(f, "  %" PRIu64 " without reply", o->unanswered);
	fputc('\n', f);
}

void stats_print(FILE *f, const struct trace_stats *s)
{
	fprintf(f, "%" PRIu64 " requests in %.3f s", s->n,
		(double)(s->last - s->first) / (double)NS_PER_SEC);
	if (s->connections)
		fprintf(f, " on %" PRIu32 " connection%s", s->connections,
			s->connections == 1 ? "" : "s");
	fputc('\n', f);
	if (s->unanswered || s->unasked || s->malformed || s->lost)
		fprintf(f,
			"%" PRIu64 " without reply, %" PRIu64 " replies without request, %" PRIu64
			" malformed, %" PRIu64 " messages not recorded\n",
			s->unanswered, s->unasked, s->malformed, s->lost);
	if (s->zero_copy || s->copied)
		fprintf(f, "%" PRIu64 " reads and writes by zero copy, %" PRIu64 " not\n",
			s->zero_copy, s->copied);
	fprintf(f, "\n%-12s %9s %7s %12s %8s %8s %8s %8s %8s  us\n", "operation", "count", "errors",
		"bytes", "mean", "50 %", "90 %", "99 %", "max");
	for (unsigned i = 0; i < ARRAY_SIZE(s->ops); i++)
		if (s->ops[i])
			print_op(f, msg_name((uint8_t)i), s->ops[i]);
}

static json_t *op_object(const struct op_stats *o)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f}", "count", (json_int_t)o->n,
			 "errors", (json_int_t)o->errors, "bytes", (json_int_t)o->bytes,
			 "unanswered", (json_int_t)o->unanswered, "mean_us",
			 o->n ? micros(o->total_ns / o->n) : 0.0, "p50_us",
			 micros(stats_percentile(o, 50)), "p90_us", micros(stats_percentile(o, 90)),
			 "p99_us", micros(stats_percentile(o, 99)), "max_us", micros(o->max_ns));
}

int stats_print_json(FILE *f, const struct trace_stats *s)
{
	json_t *ops = json_object(), *all;
	int r;

	for (unsigned i = 0; i < ARRAY_SIZE(s->ops); i++)
		if (s->ops[i])
			json_object_set_new(ops, msg_name((uint8_t)i), op_object(s->ops[i]));
	all = json_pack("{s:s, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "type", "stats",
			"requests", (json_int_t)s->n, "seconds",
			(double)(s->last - s->first) / (double)NS_PER_SEC, "connections",
			(json_int_t)s->connections, "unanswered", (json_int_t)s->unanswered,
			"unasked", (json_int_t)s->unasked, "malformed", (json_int_t)s->malformed,
			"lost", (json_int_t)s->lost, "zero_copy", (json_int_t)s->zero_copy,
			"copied", (json_int_t)s->copied, "operations", ops);
	r = all ? json_dumpf(all, f, JSON_COMPACT | JSON_REAL_PRECISION(15)) : -1;
	fputc('\n', f);
	json_decref(all);
	return r ? -ENOMEM : 0;
}
