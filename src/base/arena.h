/* SPDX-License-Identifier: MIT */
/* A bump allocator for memory that lives as long as one request: freed all at once. Not locked. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena {
	struct arena_block *blocks; /* grown on demand, newest first */
	char *at, *end;		    /* the free part of the newest block or of the caller's */
	char *start;		    /* the caller's first block, kept over arena_reset */
	size_t start_size;
};

/* FIRST (SIZE bytes, may be NULL) serves the first allocations; it stays the caller's. */
void arena_init(struct arena *a, void *first, size_t size);
void arena_done(struct arena *a);

/* Forgets all allocations; keeps the caller's first block. */
void arena_reset(struct arena *a);

/* SIZE bytes, aligned for any type, not zeroed; NULL when memory is out. */
void *arena_alloc(struct arena *a, size_t size);

#endif
