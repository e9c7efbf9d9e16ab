/* SPDX-License-Identifier: MIT */
/* read, splice, write, fsync: straight between the host's file and the caller's memory, or pipe. */
#include "local-impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of the oldest system that we build on. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

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

/* Are all pages of COUNT bytes at OFFSET in the page cache? 1, 0, or -errno. */
/* #syscalls: cachestat */
static int has_pages(int fd, size_t count, uint64_t offset)
{
	const struct {
		uint64_t off, len;
	} range = {offset, count};
	struct {
		uint64_t cache, dirty, writeback, evicted, recently_evicted;
	} pages = {0};
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (syscall(SYS_cachestat, fd, &range, &pages, 0))
		return -errno;
	return pages.cache > (offset + count - 1) / page - offset / page;
}

/* splice(2) cannot be told not to wait for a disk. A page that is being read is in the cache too: so the last
 * byte is looked at as well, for pages are read in their order. What goes away between this and the
 * splice is read again there, which is rare enough to be waited for. */
static int check_cached(struct local_file *f, const struct call *c, size_t count, uint64_t offset)
{
	const struct iovec last = {.iov_base = &(char){0}, .iov_len = 1};
	ssize_t got;
	int r;

	if (f->node->inode->device->is_memory)
		return 0;
	got = read_some(f, c, &last, 1, offset + count - 1);
	if (got <= 0)
		return got ? (int)got : -EOPNOTSUPP;
	r = has_pages(f->fd, count, offset);
	if (r < 0)
		atomic_store_explicit(&f->no_splice, true, memory_order_relaxed);
	return r < 0 ? r : r ? 0 : CALL_WOULD_BLOCK;
}

/* #syscalls: splice */
static int fill_pipe(struct local_file *f, int pipe, size_t count, uint64_t offset,
		     size_t *ret_count)
{
	size_t done = 0;

	while (done < count) {
		loff_t at = (loff_t)(offset + done);
		ssize_t n = splice(f->fd, &at, pipe, NULL, count - done, SPLICE_F_NONBLOCK);

		if (!n)
			break;
		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			return -errno;
	}
	*ret_count = done;
	return 0;
}

int local_splice(struct file *file, const struct call *c, int pipe, size_t count, uint64_t offset,
		 size_t *ret_count)
{
	struct local_file *f = local_file(file);
	const struct inode *i = f->node->inode;
	int r;

	if (offset > INT64_MAX || count > INT64_MAX - offset || !count)
		return -EINVAL;
	if (!i->device->splices || !S_ISREG(i->type) ||
	    atomic_load_explicit(&f->no_splice, memory_order_relaxed))
		return -EOPNOTSUPP;
	r = show_caller(f->node, c);
	if (!r && c->in_place)
		r = check_cached(f, c, count, offset);
	if (!r)
		r = fill_pipe(f, pipe, count, offset, ret_count);
	if (r == -EINVAL)
		atomic_store_explicit(&f->no_splice, true, memory_order_relaxed);
	return r;
}

/* #syscalls: pwritev2 */
static ssize_t write_some(struct local_file *f, const struct call *c, const struct iovec *iov,
			  int n, uint64_t offset, bool small)
{
	atomic_bool *no_nowait = &f->node->inode->device->no_nowait_write;

	for (;;) {
		int flags = 0, r = nowait_flags(f, c, no_nowait, small, &flags);
		ssize_t put;

		if (r)
			return r;
		put = pwritev2(f->fd, iov, n, (off_t)offset, flags);
		if (put >= 0)
			return put;
		if (errno == EAGAIN && flags)
			return CALL_WOULD_BLOCK;
		if (errno == EOPNOTSUPP && flags)
			atomic_store_explicit(no_nowait, true, memory_order_relaxed);
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
