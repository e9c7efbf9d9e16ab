/* SPDX-License-Identifier: MIT */
#include "latency.h"

uint64_t latency_top(unsigned bucket)
{
	unsigned bits;

	if (bucket == 0)
		return 1ULL << LATENCY_MIN_BITS;
	bits = LATENCY_MIN_BITS + (bucket - 1) / 4;
	return (5 + (uint64_t)(bucket - 1) % 4) << (bits - 2);
}

uint64_t latency_count(const struct latency *l)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		n += l->buckets[i];
	return n;
}

uint64_t latency_at(const struct latency *l, double quantile)
{
	uint64_t n = latency_count(l), seen = 0;
	double wanted = quantile * (double)n;

	for (unsigned i = 0; i < LATENCY_BUCKETS && n; i++) {
		seen += l->buckets[i];
		if (seen && (double)seen >= wanted)
			return latency_top(i);
	}
	return 0;
}

void latency_since(struct latency *l, const struct latency *from)
{
	l->sum -= from->sum;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		l->buckets[i] -= from->buckets[i];
}

void latency_merge(struct latency *l, const struct latency *from)
{
	l->sum += from->sum;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		l->buckets[i] += from->buckets[i];
}
