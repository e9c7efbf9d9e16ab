/* SPDX-License-Identifier: MIT */
/* Counts and latencies of a recording's exchanges, for each operation. */
#ifndef TRACE_TRACE_STATS_H
#define TRACE_TRACE_STATS_H

#include <stdio.h>

#include "exchange.h"

/* Latencies fall into 16 classes for each power of two: a percentile is right to 6 %. */
#define STATS_CLASSES (64 * 16)

struct op_stats {
	uint64_t n, errors, bytes; /* bytes: of file data, either way */
	uint64_t unanswered, total_ns, min_ns, max_ns;
	uint32_t classes[STATS_CLASSES];
};

struct trace_stats {
	struct op_stats *ops[256]; /* by the type of the request; NULL: none */
	uint64_t n, unanswered, unasked, malformed, lost;
	uint64_t first, last; /* times */
	uint32_t connections;
	uint64_t zero_copy, copied; /* reads and writes by a ring */
};

/* 0 or -ENOMEM. */
int stats_add(struct trace_stats *s, const struct exchange *e);
void stats_done(struct trace_stats *s);

/* The latency in ns that P percent stay below. */
uint64_t stats_percentile(const struct op_stats *o, double p);

void stats_print(FILE *f, const struct trace_stats *s);
int stats_print_json(FILE *f, const struct trace_stats *s);

#endif
