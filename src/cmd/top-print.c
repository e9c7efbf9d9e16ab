/* SPDX-License-Identifier: MIT */
/* The lines of `warren top`, for the terminal and for --once. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "top.h"

/* An operation, over the time that is shown. */
struct row {
	const char *name;
	uint64_t requests, errors, total;
	struct latency latency;
};

struct view {
	const struct top *t;
	double seconds;
	struct row rows[METRIC_OPS];
	size_t n;
};

static const struct metrics *start_of(const struct top *t)
{
	static const struct metrics nothing;

	return t->since_start ? &nothing : &t->before;
}

static void add_row(struct view *v, unsigned op)
{
	const struct metric_op *now = &v->t->now.op[op], *before = &start_of(v->t)->op[op];
	struct row *r = &v->rows[v->n];

	if (!now->requests)
		return;
	*r = (struct row){
		.name = metric_op_name(op),
		.requests = now->requests - before->requests,
		.errors = now->errors - before->errors,
		.total = now->requests,
		.latency = now->latency,
	};
	latency_since(&r->latency, &before->latency);
	v->n++;
}

static int compare(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int by_order(const void *a, const void *b, void *arg)
{
	const struct row *x = a, *y = b;
	int r = 0;

	switch (*(const enum top_order *)arg) {
	case TOP_BY_RATE:
		r = compare(x->requests, y->requests);
		break;
	case TOP_BY_P99:
		r = compare(latency_at(&x->latency, 0.99), latency_at(&y->latency, 0.99));
		break;
	case TOP_BY_TIME:
		r = compare(x->latency.sum, y->latency.sum);
		break;
	case TOP_BY_ERRORS:
		r = compare(x->errors, y->errors);
		break;
	case TOP_BY_NAME:
		break;
	}
	return r ? r : strcmp(x->name, y->name);
}

static void make_view(const struct top *t, struct view *v)
{
	enum top_order order = t->order;

	v->t = t;
	v->seconds = (double)(t->now.value[METRIC_UPTIME] - start_of(t)->value[METRIC_UPTIME]) /
		     1e6;
	v->seconds = MAX(v->seconds, 1e-6);
	for (unsigned op = 0; op < METRIC_OPS; op++)
		if (metric_op_name(op))
			add_row(v, op);
	qsort_r(v->rows, v->n, sizeof(v->rows[0]), by_order, &order);
}

static double rate(const struct view *v, enum metric m)
{
	return (double)(v->t->now.value[m] - start_of(v->t)->value[m]) / v->seconds;
}

/* "12.3 us" in seven columns and a unit. */
static void put_time(FILE *f, uint64_t ns)
{
	if (!ns)
		fprintf(f, "%10s", "-");
	else if (ns < 1000000)
		fprintf(f, "%7.1f us", (double)ns / 1e3);
	else if (ns < 10000000000)
		fprintf(f, "%7.1f ms", (double)ns / 1e6);
	else
		fprintf(f, "%7.1f s ", (double)ns / 1e9);
}

static void put_row(FILE *f, const struct view *v, const struct row *r)
{
	uint64_t n = latency_count(&r->latency);

	fprintf(f, "%-12s %10.1f %8.1f", r->name, (double)r->requests / v->seconds,
		(double)r->errors / v->seconds);
	put_time(f, n ? r->latency.sum / n : 0);
	put_time(f, latency_at(&r->latency, 0.5));
	put_time(f, latency_at(&r->latency, 0.99));
	fprintf(f, " %14" PRIu64 "\n", r->total);
}

static void put_state(FILE *f, const struct view *v)
{
	const struct metrics *m = &v->t->now;
	uint64_t requests = metrics_requests(m) - metrics_requests(start_of(v->t));
	uint64_t errors = metrics_errors(m) - metrics_errors(start_of(v->t));

	fprintf(f, "%.1f requests/s, %.1f errors/s; read %.2f MB/s, written %.2f MB/s\n",
		(double)requests / v->seconds, (double)errors / v->seconds,
		rate(v, METRIC_BYTES_READ) / 1e6, rate(v, METRIC_BYTES_WRITTEN) / 1e6);
	fprintf(f, "CPU %.1f %% (%.1f in the kernel), memory at most %.1f MiB; up %" PRIu64 " s\n",
		(rate(v, METRIC_CPU_USER) + rate(v, METRIC_CPU_SYSTEM)) / 1e4,
		rate(v, METRIC_CPU_SYSTEM) / 1e4, (double)m->value[METRIC_PEAK_RSS] / 1024,
		m->value[METRIC_UPTIME] / 1000000);
	fprintf(f,
		"%" PRIu64 " clients, %" PRIu64 " fids, descriptors: %" PRIu64 " of nodes, %" PRIu64
		" of open files\n",
		m->value[METRIC_CONNECTIONS], m->value[METRIC_FIDS], m->value[METRIC_NODE_FDS],
		m->value[METRIC_OPEN_FILES]);
	fprintf(f,
		"in flight: %" PRIu64 ", of them %" PRIu64 " queued, %" PRIu64 " in %" PRIu64
		" workers; %.1f/s go there\n",
		m->value[METRIC_IN_FLIGHT], m->value[METRIC_QUEUED], m->value[METRIC_RUNNING],
		m->value[METRIC_WORKERS], rate(v, METRIC_DEFERRED));
}

static void put_budgets(FILE *f, const struct metrics *m)
{
	fprintf(f, "budgets:");
	for (unsigned b = 0; b < N_METRIC_BUDGETS; b++)
		if (m->budget[b].limit)
			fprintf(f, " %s %.1f%%", metric_budget_name(b),
				(double)m->budget[b].used * 100 / (double)m->budget[b].limit);
	fputc('\n', f);
}

static void put_guards(FILE *f, const struct metrics *m)
{
	bool any = false;

	for (unsigned g = 0; g < m->n_guards; g++) {
		if (!m->guard[g].acted)
			continue;
		fprintf(f, "%s %s %" PRIu64, any ? "," : "guards that acted:", m->guard[g].name,
			m->guard[g].acted);
		any = true;
	}
	fputs(any ? "\n" : "guards that acted: none\n", f);
}

#define HEAD_LINES 9

void top_print(FILE *f, const struct top *t, unsigned rows)
{
	static const char *const orders[] = {
#define O(key, id, text) text,
		TOP_ORDERS(O)
#undef O
	};
	struct view v = {.n = 0};

	make_view(t, &v);
	fprintf(f, "warren top: %s%s%s\n", t->text,
		t->since_start || !t->before.value[METRIC_UPTIME] ? ", since it began" : "",
		t->paused ? ", paused" : "");
	put_state(f, &v);
	put_budgets(f, &t->now);
	put_guards(f, &t->now);
	fprintf(f, "sorted by %s\n", orders[t->order]);
	fprintf(f, "%-12s %10s %8s%10s%10s%10s %14s\n", "operation", "per s", "errors/s", "mean",
		"p50", "p99", "all");
	for (size_t i = 0; i < v.n && (!rows || i + HEAD_LINES < rows); i++)
		put_row(f, &v, &v.rows[i]);
}
