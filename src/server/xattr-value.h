/* SPDX-License-Identifier: MIT */
/* The value of an extended attribute, held by the fid that Txattrwalk or Txattrcreate made. Its
 * bytes count against a budget of the session. */
#ifndef SERVER_XATTR_VALUE_H
#define SERVER_XATTR_VALUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "cleanup.h"
#include "protocol.h"

struct iovec;
struct pool;

/* What Linux allows at most: XATTR_SIZE_MAX, XATTR_LIST_MAX. */
#define XATTR_VALUE_MAX 65536u

/* Flags of Txattrcreate: those of setxattr(2). */
#define XATTR_VALUE_CREATE 1u
#define XATTR_VALUE_REPLACE 2u

/* What the xattr fids of a session may hold together. */
struct xattr_budget {
	pthread_mutex_t lock;  /* what is taken and given: here and in the pool is one step */
	_Atomic uint64_t used; /* changed under the lock */
	uint64_t max;
	struct pool *pool; /* NULL: shared with nobody */
};

void xattr_budget_init(struct xattr_budget *b, uint64_t max, struct pool *pool);
void xattr_budget_done(struct xattr_budget *b);

struct xattr_value {
	struct xattr_budget *budget;
	pthread_mutex_t lock; /* FILLED and the bytes */
	uint32_t filled;      /* how many bytes from the start are written */
	uint32_t size;
	uint32_t flags; /* of Txattrcreate */
	char name[P9_NAME_MAX + 1];
	uint8_t name_len;
	uint8_t bytes[];
};

/* SIZE zero bytes. -E2BIG above XATTR_VALUE_MAX, -ENAMETOOLONG, -ENOSPC when the budget is used
 * up, -ENOMEM. */
int xattr_value_new(struct xattr_budget *b, struct str name, uint64_t size,
		    struct xattr_value **ret_v);
void xattr_value_free(struct xattr_value *v);

#define autoxattr cleanup(cleanup_xattr)

static inline void cleanup_xattr(struct xattr_value **v)
{
	xattr_value_free(*v);
}

/* Writes COUNT bytes from the N parts of IOV at OFFSET. -ENOSPC beyond the size, -EINVAL when it
 * would leave a hole before OFFSET. */
int xattr_value_write(struct xattr_value *v, const struct iovec *iov, int n, uint64_t offset,
		      uint32_t count);

#endif
