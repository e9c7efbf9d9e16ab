/* SPDX-License-Identifier: MIT */
/* What a running server has counted, at one moment. */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <stdint.h>
#include <stdio.h>

#include "latency.h"
#include "metric-table.h"

enum metric {
#define M(id, ...) METRIC_##id,
	METRICS(M)
#undef M
		N_METRICS
};

enum metric_budget {
#define B(id, ...) METRIC_BUDGET_##id,
	METRIC_BUDGETS(B)
#undef B
		N_METRIC_BUDGETS
};

/* "fids" */
const char *metric_budget_name(enum metric_budget b);

/* Requests are counted by operation: by half the type of the message, which is even. What is no
 * request at all is operation 0. */
#define METRIC_OPS 64u

static inline unsigned metric_op(uint8_t type)
{
	return type % 2 || type / 2 >= METRIC_OPS ? 0 : type / 2;
}

/* "read"; "other" for operation 0, NULL for one that there is not. */
const char *metric_op_name(unsigned op);

struct metric_op {
	uint64_t requests, errors;
	struct latency latency; /* empty where nobody measured it */
};

#define METRIC_MAX_GUARDS 16
#define METRIC_GUARD_NAME 16

struct metrics {
	uint64_t value[N_METRICS];
	struct metric_op op[METRIC_OPS];
	struct {
		uint64_t used, limit;
	} budget[N_METRIC_BUDGETS]; /* limit 0: there is none, or it is not known */
	struct {
		char name[METRIC_GUARD_NAME];
		uint64_t acted;
	} guard[METRIC_MAX_GUARDS];
	unsigned n_guards;
};

uint64_t metrics_requests(const struct metrics *m);
uint64_t metrics_errors(const struct metrics *m);

/* The format that Prometheus reads, version 0.0.4. Buckets of latencies are powers of two. */
void metrics_put_prometheus(FILE *f, const struct metrics *m);

/* One object on one line: the keys of the table, requests, errors, cpu_us_per_request, guard_NAME;
 * "budgets"; "operations", those that occurred. */
void metrics_put_json(FILE *f, const struct metrics *m);

#endif
