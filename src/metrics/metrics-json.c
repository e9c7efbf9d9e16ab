/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "metrics.h"

/* ", " and KEY, a number that may have a fraction. */
static void put_number(FILE *f, const char *key, uint64_t value, double unit)
{
	fprintf(f, unit < 1 ? ", \"%s\": %.3f" : ", \"%s\": %.0f", key, (double)value * unit);
}

/* Without the brace that ends it. */
static void put_table(FILE *f, const struct metrics *m)
{
	uint64_t requests = metrics_requests(m);
	uint64_t cpu = m->value[METRIC_CPU_USER] + m->value[METRIC_CPU_SYSTEM];

	fprintf(f, "{\"requests\": %" PRIu64 ", \"errors\": %" PRIu64, requests, metrics_errors(m));
#define M(id, kind, key, unit, ...) put_number(f, key, m->value[METRIC_##id], unit);
	METRICS(M)
#undef M
	fprintf(f, ", \"cpu_us_per_request\": %.2f",
		requests ? (double)cpu / (double)requests : 0.0);
	for (unsigned g = 0; g < m->n_guards; g++)
		fprintf(f, ", \"guard_%s\": %" PRIu64, m->guard[g].name, m->guard[g].acted);
}

static void put_budgets(FILE *f, const struct metrics *m)
{
	fprintf(f, ", \"budgets\": {");
	for (unsigned b = 0; b < N_METRIC_BUDGETS; b++)
		fprintf(f, "%s\"%s\": {\"used\": %" PRIu64 ", \"limit\": %" PRIu64 "}",
			b ? ", " : "", metric_budget_name(b), m->budget[b].used,
			m->budget[b].limit);
	fprintf(f, "}");
}

/* Of the buckets only those that have something: [number, how much]. */
static void put_latency(FILE *f, const struct latency *l)
{
	const char *comma = "";

	fprintf(f,
		", \"latency_sum_ns\": %" PRIu64 ", \"p50_ns\": %" PRIu64 ", \"p99_ns\": %" PRIu64
		", \"buckets\": [",
		l->sum, latency_at(l, 0.5), latency_at(l, 0.99));
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		if (!l->buckets[i])
			continue;
		fprintf(f, "%s[%u, %" PRIu64 "]", comma, i, l->buckets[i]);
		comma = ", ";
	}
	fprintf(f, "]");
}

static void put_operations(FILE *f, const struct metrics *m)
{
	const char *comma = "";

	fprintf(f, ", \"operations\": {");
	for (unsigned op = 0; op < METRIC_OPS; op++) {
		const struct metric_op *o = &m->op[op];

		if (!o->requests)
			continue;
		fprintf(f, "%s\"%s\": {\"requests\": %" PRIu64 ", \"errors\": %" PRIu64, comma,
			metric_op_name(op), o->requests, o->errors);
		if (latency_count(&o->latency))
			put_latency(f, &o->latency);
		fprintf(f, "}");
		comma = ", ";
	}
	fprintf(f, "}");
}

void metrics_put_json(FILE *f, const struct metrics *m)
{
	put_table(f, m);
	put_budgets(f, m);
	put_operations(f, m);
	fprintf(f, "}\n");
}
