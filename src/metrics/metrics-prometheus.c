/* SPDX-License-Identifier: MIT */
/* The text format of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/ */
#include <inttypes.h>

#include "metrics.h"

/* From 1 us on, every power of two has a bucket of its own. */
#define FIRST_BITS 10u

static void put_head(FILE *f, const char *name, const char *kind, const char *help)
{
	fprintf(f, "# HELP warren_%s %s\n# TYPE warren_%s %s\n", name, help, name, kind);
}

static void put_value(FILE *f, const char *name, const char *kind, const char *help, double value)
{
	put_head(f, name, kind, help);
	fprintf(f, "warren_%s %.15g\n", name, value);
}

static void put_table(FILE *f, const struct metrics *m)
{
#define COUNTER "counter"
#define GAUGE "gauge"
#define M(id, kind, key, key_unit, name, unit, help) \
	put_value(f, name, kind, help, (double)m->value[METRIC_##id] * (unit));
	METRICS(M)
#undef M
#undef COUNTER
#undef GAUGE
}

static void put_requests(FILE *f, const struct metrics *m)
{
	put_head(f, "requests_total", "counter", "Requests that were answered.");
	for (unsigned op = 0; op < METRIC_OPS; op++)
		if (metric_op_name(op))
			fprintf(f, "warren_requests_total{op=\"%s\"} %" PRIu64 "\n",
				metric_op_name(op), m->op[op].requests);
	put_head(f, "errors_total", "counter", "Those that were answered with an error.");
	for (unsigned op = 0; op < METRIC_OPS; op++)
		if (metric_op_name(op))
			fprintf(f, "warren_errors_total{op=\"%s\"} %" PRIu64 "\n",
				metric_op_name(op), m->op[op].errors);
}

static void put_buckets(FILE *f, const char *op, const struct latency *l)
{
	uint64_t n = 0;
	unsigned i = 0;

	for (unsigned bits = FIRST_BITS; bits < LATENCY_MAX_BITS; bits++) {
		uint64_t top = 1ULL << bits;

		while (i < LATENCY_BUCKETS - 1 && latency_top(i) <= top)
			n += l->buckets[i++];
		fprintf(f, "warren_request_seconds_bucket{op=\"%s\",le=\"%.10g\"} %" PRIu64 "\n",
			op, (double)top / 1e9, n);
	}
	n = latency_count(l);
	fprintf(f,
		"warren_request_seconds_bucket{op=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
		"warren_request_seconds_sum{op=\"%s\"} %.9f\n"
		"warren_request_seconds_count{op=\"%s\"} %" PRIu64 "\n",
		op, n, op, (double)l->sum / 1e9, op, n);
}

static void put_latencies(FILE *f, const struct metrics *m)
{
	put_head(f, "request_seconds", "histogram",
		 "From the arrival of a request to its answer; operations that occurred.");
	for (unsigned op = 0; op < METRIC_OPS; op++)
		if (latency_count(&m->op[op].latency))
			put_buckets(f, metric_op_name(op), &m->op[op].latency);
}

static void put_guards(FILE *f, const struct metrics *m)
{
	put_head(f, "guard_acted_total", "counter", "How often a guard for faulty guests acted.");
	for (unsigned g = 0; g < m->n_guards; g++)
		fprintf(f, "warren_guard_acted_total{guard=\"%s\"} %" PRIu64 "\n", m->guard[g].name,
			m->guard[g].acted);
}

static void put_budgets(FILE *f, const struct metrics *m)
{
	put_head(f, "budget_used", "gauge", "Of a budget, by the client that uses most of it.");
	for (unsigned b = 0; b < N_METRIC_BUDGETS; b++)
		if (m->budget[b].limit)
			fprintf(f, "warren_budget_used{budget=\"%s\"} %" PRIu64 "\n",
				metric_budget_name(b), m->budget[b].used);
	put_head(f, "budget_limit", "gauge", "What a budget allows.");
	for (unsigned b = 0; b < N_METRIC_BUDGETS; b++)
		if (m->budget[b].limit)
			fprintf(f, "warren_budget_limit{budget=\"%s\"} %" PRIu64 "\n",
				metric_budget_name(b), m->budget[b].limit);
}

void metrics_put_prometheus(FILE *f, const struct metrics *m)
{
	put_requests(f, m);
	put_table(f, m);
	put_budgets(f, m);
	put_guards(f, m);
	put_latencies(f, m);
}
