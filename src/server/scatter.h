/* SPDX-License-Identifier: MIT */
/* Copying into memory in parts, one piece after the other. */
#ifndef SERVER_SCATTER_H
#define SERVER_SCATTER_H

#include <stddef.h>
#include <string.h>
#include <sys/uio.h>

#include "macros.h"

struct scatter {
	const struct iovec *iov;
	size_t used; /* of the first part */
	size_t left; /* in all parts; there is memory for so much */
};

/* Copies N bytes, at most s->left, and moves on behind them. */
static inline void scatter_put(struct scatter *s, const void *p, size_t n)
{
	const char *from = p;

	s->left -= n;
	while (n) {
		size_t len = MIN(n, s->iov->iov_len - s->used);

		memcpy((char *)s->iov->iov_base + s->used, from, len);
		from += len;
		n -= len;
		s->used += len;
		if (s->used == s->iov->iov_len) {
			s->iov++;
			s->used = 0;
		}
	}
}

#endif
