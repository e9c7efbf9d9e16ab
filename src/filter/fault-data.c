/* SPDX-License-Identifier: MIT */
/* What faults make of the bytes of a read. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fault-impl.h"
#include "macros.h"
#include "sabotage.h"

#define STALE_MAX (1u << 20)

int fault_slice(const struct iovec *iov, int n, size_t skip, size_t len, struct iovec *out)
{
	int parts = 0;

	for (int i = 0; i < n && len; i++) {
		size_t here = iov[i].iov_len;
		size_t drop = MIN(skip, here), take = MIN(here - drop, len);

		skip -= drop;
		if (!take)
			continue;
		out[parts++] = (struct iovec){(char *)iov[i].iov_base + drop, take};
		len -= take;
	}
	return parts;
}

static void fill(const struct iovec *iov, int n, enum kind kind)
{
	for (int i = 0; i < n; i++)
		if (kind == FAULT_ZERO)
			memset(iov[i].iov_base, 0, iov[i].iov_len);
		else
			sabotage_random(iov[i].iov_base, iov[i].iov_len);
}

static void copy_out(const struct iovec *iov, int n, const uint8_t *from, size_t len)
{
	for (int i = 0; i < n && len; i++) {
		size_t take = MIN(len, iov[i].iov_len);

		memcpy(iov[i].iov_base, from, take);
		from += take;
		len -= take;
	}
}

/* A reference on the file that was opened before LOWER; NULL if there was none. */
static struct file *other_file(struct fault *f, struct file *lower)
{
	struct file *other;

	pthread_mutex_lock(&f->lock);
	other = f->latest != lower ? f->latest : f->earlier;
	if (other)
		file_ref(other);
	pthread_mutex_unlock(&f->lock);
	return other;
}

/* The bytes of another file from OFFSET on; what is behind its end stays as it was read. */
static int put_foreign(struct fault *f, struct file *lower, const struct call *c,
		       const struct iovec *iov, int n, uint64_t offset)
{
	struct file *other = other_file(f, lower);
	size_t got;
	int r = other ? backend_call(other, read, c, iov, n, offset, &got) : 0;

	file_unref(other);
	return r;
}

/* The whole range as it is now, unless that was kept before. */
static int keep_first(struct fault *f, struct file *lower, const struct call *c)
{
	struct iovec part = {.iov_len = (size_t)MIN(f->to - f->from, STALE_MAX)};
	size_t got = 0;
	int r;

	if (f->first)
		return 0;
	part.iov_base = malloc(part.iov_len);
	if (!part.iov_base)
		return -ENOMEM;
	r = backend_call(lower, read, c, &part, 1, f->from, &got);
	if (r) {
		free(part.iov_base);
		return r;
	}
	f->first = part.iov_base;
	f->first_len = got;
	return 0;
}

/* IOV is what was read of the file from OFFSET (in the range) on. */
static int put_stale(struct fault *f, struct file *lower, const struct call *c,
		     const struct iovec *iov, int n, uint64_t offset)
{
	uint64_t at = offset - f->from;
	int r;

	pthread_mutex_lock(&f->lock);
	r = keep_first(f, lower, c);
	if (!r && at < f->first_len)
		copy_out(iov, n, f->first + at, f->first_len - at);
	pthread_mutex_unlock(&f->lock);
	return r;
}

int fault_damage(struct fault *f, struct pass_file *file, const struct call *c,
		 const struct iovec *iov, int n, uint64_t offset)
{
	size_t got;

	switch (f->kind) {
	case FAULT_ZERO:
	case FAULT_RANDOM:
		fill(iov, n, f->kind);
		return 0;
	case FAULT_BITFLIP:
		if (offset == f->from && n > 0)
			*(uint8_t *)iov[0].iov_base ^= 4;
		return 0;
	case FAULT_SHIFTED:
		return backend_call(file->lower, read, c, iov, n, offset + f->by, &got);
	case FAULT_FOREIGN:
		return put_foreign(f, file->lower, c, iov, n, offset);
	case FAULT_STALE:
		return put_stale(f, file->lower, c, iov, n, offset);
	case FAULT_CUT:
	case FAULT_SIZE:
	case FAULT_SMALLER:
	case FAULT_PADDED:
	case FAULT_VERSION:
	case FAULT_LOST_WRITE:
	case FAULT_MISPLACED:
	case FAULT_HIDDEN:
	case FAULT_SHORT:
	case FAULT_DELAY:
	case FAULT_REORDER:
	case N_KINDS:
		break;
	}
	return 0;
}

size_t fault_pad(const struct fault *f, const struct iovec *iov, int n, uint64_t offset,
		 size_t asked, size_t got)
{
	uint64_t told = atomic_load(&f->told), at = offset + got;
	struct iovec parts[IOV_MAX];
	size_t more = told > at ? (size_t)MIN(told - at, asked - got) : 0;

	fill(parts, fault_slice(iov, n, got, more, parts), FAULT_ZERO);
	return got + more;
}
