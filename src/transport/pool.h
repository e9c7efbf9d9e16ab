/* SPDX-License-Identifier: MIT */
/* Memory for messages and file data: blocks by size class, kept for reuse so that a message costs
 * no malloc. From any thread. The one thread that serves the peers says when it does (pool_enter):
 * then it has blocks of its own, and needs no lock for them. */
#ifndef TRANSPORT_POOL_H
#define TRANSPORT_POOL_H

#include <stddef.h>

struct pool;

int pool_new(struct pool **ret_p);

/* All blocks must have been put back. */
void pool_free(struct pool *p);

/* SIZE bytes, aligned to a cache line, not zeroed; NULL when memory is out. */
void *pool_get(struct pool *p, size_t size);

/* BLOCK may be NULL. */
void pool_put(struct pool *p, void *block);

/* Until pool_leave, the calling thread gets and puts without a lock where it can. Never two threads
 * at once, nor one in two pools. */
void pool_enter(struct pool *p);
void pool_leave(void);

/* The bytes that the block of pool_get has room for: SIZE or more. */
size_t pool_size(const void *block);

#endif
