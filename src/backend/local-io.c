/* SPDX-License-Identifier: MIT */
/* read, write, fsync: straight between the host's file and the caller's memory. */
#include "local-impl.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* In place, a write that the file system cannot be asked about (RWF_NOWAIT) is made if it is no
 * larger: it goes to the page cache, and rarely waits. */
#define SMALL_WRITE (64u << 10)

static size_t iov_total(const struct iovec *iov, int n)
{
	size_t total = 0;

	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	return total;
}

/* What is left of IOV behind its first DONE bytes, in REST; returns the number of parts. */
static int iov_rest(const struct iovec *iov, int n, size_t done, struct iovec rest[IOV_MAX])
{
	while (n && done >= iov->iov_len) {
		done -= iov->iov_len;
		iov++;
		n--;
	}
	memcpy(rest, iov, (size_t)n * sizeof(*iov));
	if (n) {
		rest->iov_base = (char *)rest->iov_base + done;
		rest->iov_len -= done;
	}
	return n;
}

/* RWF_NOWAIT if the call must not wait; 0 where it never does. */
static int nowait_flags(const struct local_file *f, const struct call *c,
			const atomic_bool *no_nowait, bool or_small, int *ret_flags)
{
	const struct device *d = f->node->inode->device;

	if (!c->in_place)
		*ret_flags = 0;
	else if (d->is_remote)
		return CALL_WOULD_BLOCK;
	else if (!atomic_load_explicit(no_nowait, memory_order_relaxed))
		*ret_flags = RWF_NOWAIT;
	else if (d->is_memory || or_small)
		*ret_flags = 0;
	else
		return CALL_WOULD_BLOCK;
	return 0;
}

/* One preadv2, which knows when it must not wait. */
/* #syscalls: preadv2 */
static ssize_t read_some(struct local_file *f, const struct call *c, const struct iovec *iov, int n,
			 uint64_t offset)
{
	for (;;) {
		int flags = 0, r = nowait_flags(f, c, &f->no_nowait_read, false, &flags);
		ssize_t got;

		if (r)
			return r;
		got = preadv2(f->fd, iov, n, (off_t)offset, flags);
		if (got >= 0)
			return got;
		if (errno == EAGAIN && flags)
			return CALL_WOULD_BLOCK;
		if (errno == EOPNOTSUPP && flags)
			atomic_store_explicit(&f->no_nowait_read, true, memory_order_relaxed);
		else if (errno != EINTR)
			return -errno;
	}
}

/* A short read is not the end before a read of 0 bytes says so: it may have stopped at a page that
 * is not in memory, or before one that cannot be read. */
static int read_rest(struct local_file *f, const struct call *c, const struct iovec *iov, int n,
		     uint64_t offset, size_t total, size_t *count)
{
	struct iovec rest[IOV_MAX];

	while (*count < total) {
		int left = iov_rest(iov, n, *count, rest);
		ssize_t got = read_some(f, c, rest, left, offset + *count);

		if (got < 0)
			return (int)got;
		if (!got)
			return 0;
		*count += (size_t)got;
	}
	return 0;
}

int local_read(struct file *file, const struct call *c, const struct iovec *iov, int n,
	       uint64_t offset, size_t *ret_count)
{
	struct local_file *f = local_file(file);
	size_t total = iov_total(iov, n), count;
	ssize_t got;
	int r;

	if (offset > INT64_MAX || total > INT64_MAX - offset)
		return -EINVAL;
	r = show_caller(f->node, c);
	if (r)
		return r;
	got = read_some(f, c, iov, n, offset);
	if (got < 0)
		return (int)got;
	count = (size_t)got;
	if (got && count < total) {
		r = read_rest(f, c, iov, n, offset, total, &count);
		if (r)
			return r;
	}
	*ret_count = count;
	return 0;
}

/* #syscalls: pwritev2 */
static ssize_t write_some(struct local_file *f, const struct call *c, const struct iovec *iov,
			  int n, uint64_t offset, bool small)
{
	for (;;) {
		int flags = 0, r = nowait_flags(f, c, &f->no_nowait_write, small, &flags);
		ssize_t put;

		if (r)
			return r;
		put = pwritev2(f->fd, iov, n, (off_t)offset, flags);
		if (put >= 0)
			return put;
		if (errno == EAGAIN && flags)
			return CALL_WOULD_BLOCK;
		if (errno == EOPNOTSUPP && flags)
			atomic_store_explicit(&f->no_nowait_write, true, memory_order_relaxed);
		else if (errno != EINTR)
			return -errno;
	}
}

int local_write(struct file *file, const struct call *c, const struct iovec *iov, int n,
		uint64_t offset, size_t *ret_count)
{
	struct local_file *f = local_file(file);
	size_t total = iov_total(iov, n);
	ssize_t put;
	int r;

	if (offset > INT64_MAX || total > INT64_MAX - offset)
		return -EFBIG;
	if (c->in_place && f->is_sync)
		return CALL_WOULD_BLOCK;
	/* so that the kernel takes set-ID bits away, as when a user writes */
	r = act_as(f->node->local, c, GID_UNKNOWN);
	if (r)
		return r;
	put = write_some(f, c, iov, n, offset, total <= SMALL_WRITE);
	if (put < 0)
		return (int)put;
	*ret_count = (size_t)put;
	return 0;
}

/* #syscalls: fsync fdatasync */
int local_fsync(struct file *file, const struct call *c, bool datasync)
{
	struct local_file *f = local_file(file);

	int r = c->in_place ? CALL_WOULD_BLOCK : show_caller(f->node, c);

	if (r)
		return r;
	return (datasync ? fdatasync(f->fd) : fsync(f->fd)) ? -errno : 0;
}
