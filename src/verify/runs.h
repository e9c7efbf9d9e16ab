/* SPDX-License-Identifier: MIT */
/* The digests of a file's blocks, equal neighbours counted: a hole of any size is one run. */
#ifndef VERIFY_RUNS_H
#define VERIFY_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run {
	uint64_t digest, count;
};

struct runs {
	struct run *r;
	size_t n, cap;
	uint64_t blocks;
};

/* 0, -ENOMEM, or -EOVERFLOW. COUNT 0 adds nothing. */
int runs_add(struct runs *l, uint64_t digest, uint64_t count);
void runs_clear(struct runs *l); /* keeps the memory */
void runs_done(struct runs *l);
bool runs_equal(const struct runs *a, const struct runs *b);

/* The digest of block number BLOCK; false if there is none. */
bool runs_at(const struct runs *l, uint64_t block, uint64_t *ret_digest);

/* Finds the first stretch of blocks at or behind *BLOCK that both have and that differ; false when
 * there is none. To go on, pass *BLOCK + *RET_COUNT. */
bool runs_differ(const struct runs *a, const struct runs *b, uint64_t *block, uint64_t *ret_count);

#endif
