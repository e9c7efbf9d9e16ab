/* SPDX-License-Identifier: MIT */
/* A small histogram of durations: four buckets for each power of two from 256 ns to 68 s, so that a
 * quantile is at most a quarter too large. There is one for each operation and thread of a server,
 * which is why it is not the exact, and thirty times larger, one of histogram.h. */
#ifndef METRICS_LATENCY_H
#define METRICS_LATENCY_H

#include <stdint.h>

#define LATENCY_MIN_BITS 8u
#define LATENCY_MAX_BITS 36u
#define LATENCY_BUCKETS (4 * (LATENCY_MAX_BITS - LATENCY_MIN_BITS) + 1)

struct latency {
	uint64_t sum; /* ns */
	uint64_t buckets[LATENCY_BUCKETS];
};

/* The bucket of a duration; the last one has all that are longer. */
static inline unsigned latency_bucket(uint64_t ns)
{
	unsigned bits;

	if (ns < 1ULL << LATENCY_MIN_BITS)
		return 0;
	if (ns >= 1ULL << LATENCY_MAX_BITS)
		return LATENCY_BUCKETS - 1;
	bits = 63 - (unsigned)__builtin_clzll(ns);
	return 4 * (bits - LATENCY_MIN_BITS) + (unsigned)(ns >> (bits - 2) & 3) + 1;
}

/* All durations of BUCKET are shorter than that, but for those of the last one. */
uint64_t latency_top(unsigned bucket);

/* How many durations there are. */
uint64_t latency_count(const struct latency *l);

/* ns that the share QUANTILE (0 to 1) of all durations does not exceed; 0 without durations. */
uint64_t latency_at(const struct latency *l, double quantile);

/* What came between FROM and L, the same server's later. */
void latency_since(struct latency *l, const struct latency *from);

void latency_merge(struct latency *l, const struct latency *from);

#endif
