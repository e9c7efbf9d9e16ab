/* SPDX-License-Identifier: MIT */
#include "histogram.h"

#include <stddef.h>

#include "macros.h"

/* Values below 2 * LINEAR have a bucket each; above, each power of two has LINEAR. */
#define LINEAR_BITS 6
#define LINEAR ((size_t)1 << LINEAR_BITS)

static size_t bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < LINEAR * 2)
		return value;
	shift = 63 - (unsigned)__builtin_clzll(value) - LINEAR_BITS;
	return shift * LINEAR + (size_t)(value >> shift);
}

/* The largest value of the bucket. */
static uint64_t top_of(size_t bucket)
{
	size_t shift;

	if (bucket < LINEAR * 2)
		return bucket;
	shift = bucket / LINEAR - 1;
	return ((uint64_t)(bucket % LINEAR + LINEAR + 1) << shift) - 1;
}

void histogram_add_n(struct histogram *h, uint64_t value, uint64_t n)
{
	h->buckets[bucket_of(value)] += n;
	h->count += n;
	h->sum += value * n;
	h->max = MAX(h->max, value);
}

void histogram_add(struct histogram *h, uint64_t value)
{
	histogram_add_n(h, value, 1);
}

void histogram_merge(struct histogram *h, const struct histogram *from)
{
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		h->buckets[i] += from->buckets[i];
	h->count += from->count;
	h->sum += from->sum;
	h->max = MAX(h->max, from->max);
}

uint64_t histogram_at(const struct histogram *h, double quantile)
{
	double wanted = quantile * (double)h->count;
	uint64_t seen = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen && (double)seen >= wanted)
			return MIN(top_of(i), h->max);
	}
	return h->max;
}
