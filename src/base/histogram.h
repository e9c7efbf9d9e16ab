/* SPDX-License-Identifier: MIT */
/* A histogram of durations: 64 buckets for each power of two, so that a quantile is at most 1.6 %
 * above the value that was added, whatever its size. 30 KiB; no memory of its own. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 3776

struct histogram {
	uint64_t count, sum, max;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);

/* N times, N above 0. */
void histogram_add_n(struct histogram *h, uint64_t value, uint64_t n);

/* Adds all that FROM holds to H. */
void histogram_merge(struct histogram *h, const struct histogram *from);

/* The value that the share QUANTILE (0 to 1) of all values does not exceed; 0 without values. */
uint64_t histogram_at(const struct histogram *h, double quantile);

#endif
