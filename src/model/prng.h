/* SPDX-License-Identifier: MIT */
/* Numbers that look random and are the same on every machine (xorshift64*). */
#ifndef MODEL_PRNG_H
#define MODEL_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint64_t prng_next(uint64_t *state)
{
	uint64_t x = *state ? *state : 0x9e3779b97f4a7c15ULL;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

/* 0 to N - 1; N > 0. */
static inline uint64_t prng_below(uint64_t *state, uint64_t n)
{
	return (prng_next(state) >> 11) % n;
}

#endif
