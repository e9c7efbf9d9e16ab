/* SPDX-License-Identifier: MIT */
#include "digest.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wswitch-enum"
#pragma GCC diagnostic ignored "-Wpedantic"
#define XXH_INLINE_ALL
#include <xxhash.h>
#pragma GCC diagnostic pop

uint64_t digest_of(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}

uint64_t digest_of_zeros(void)
{
	static const char zeros[DIGEST_BLOCK];

	return digest_of(zeros, sizeof(zeros));
}
