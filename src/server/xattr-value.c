/* SPDX-License-Identifier: MIT */
#include "xattr-value.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "budget.h"
#include "macros.h"

/* What a value costs. */
static uint64_t cost(uint64_t size)
{
	return sizeof(struct xattr_value) + size;
}

void xattr_budget_init(struct xattr_budget *b, uint64_t max, struct pool *pool)
{
	*b = (struct xattr_budget){.max = max, .pool = pool};
	pthread_mutex_init(&b->lock, NULL);
}

void xattr_budget_done(struct xattr_budget *b)
{
	pthread_mutex_destroy(&b->lock);
}

static bool charge(struct xattr_budget *b, uint64_t bytes)
{
	bool taken;

	pthread_mutex_lock(&b->lock);
	taken = b->used + bytes <= b->max && pool_take(b->pool, b->used, bytes);
	if (taken)
		b->used += bytes;
	pthread_mutex_unlock(&b->lock);
	return taken;
}

static void discharge(struct xattr_budget *b, uint64_t bytes)
{
	pthread_mutex_lock(&b->lock);
	b->used -= bytes;
	pool_give(b->pool, b->used, bytes);
	pthread_mutex_unlock(&b->lock);
}

int xattr_value_new(struct xattr_budget *b, struct str name, uint64_t size,
		    struct xattr_value **ret_v)
{
	struct xattr_value *v;

	if (name.len > P9_NAME_MAX)
		return -ENAMETOOLONG;
	if (size > XATTR_VALUE_MAX)
		return -E2BIG;
	if (!charge(b, cost(size)))
		return -ENOSPC;
	v = calloc(1, sizeof(*v) + size);
	if (!v) {
		discharge(b, cost(size));
		return -ENOMEM;
	}
	v->budget = b;
	v->size = (uint32_t)size;
	v->name_len = (uint8_t)name.len;
	if (name.len)
		memcpy(v->name, name.p, name.len);
	pthread_mutex_init(&v->lock, NULL);
	*ret_v = v;
	return 0;
}

void xattr_value_free(struct xattr_value *v)
{
	if (!v)
		return;
	discharge(v->budget, cost(v->size));
	pthread_mutex_destroy(&v->lock);
	free(v);
}

int xattr_value_write(struct xattr_value *v, const struct iovec *iov, int n, uint64_t offset,
		      uint32_t count)
{
	uint32_t at = (uint32_t)offset;
	int err = 0;

	if (offset > v->size || count > v->size - offset)
		return -ENOSPC;
	pthread_mutex_lock(&v->lock);
	if (offset > v->filled)
		err = -EINVAL;
	for (int i = 0; !err && i < n; i++) {
		size_t len = MIN(iov[i].iov_len, (size_t)(offset + count - at));

		memcpy(v->bytes + at, iov[i].iov_base, len);
		at += (uint32_t)len;
	}
	if (!err)
		v->filled = MAX(v->filled, at);
	pthread_mutex_unlock(&v->lock);
	return err;
}
