/* SPDX-License-Identifier: MIT */
#include "probe-ways.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "macros.h"

#define PAGE 4096U

/* Adds what READ_ONE gives until N bytes are there, the end comes or it fails. */
typedef ssize_t read_one(struct way_file *f, void *buf, size_t n, uint64_t offset);

static ssize_t read_on(struct way_file *f, read_one *one, size_t unit, uint64_t offset,
		       unsigned char *buf, size_t n, uint64_t *ret_at)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = one(f, buf + done, MIN(unit, n - done), offset + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			*ret_at = offset + done;
			return -errno;
		}
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static ssize_t read_here(struct way_file *f, void *buf, size_t n, uint64_t offset)
{
	(void)offset;
	return read(f->fd, buf, n);
}

/* As cat does it: from the start to the end with a large buffer, announced to the kernel. */
static ssize_t fill_by_read(struct way_file *f, size_t unit, uint64_t offset, unsigned char *buf,
			    uint64_t *ret_at)
{
	if (lseek(f->fd, (off_t)offset, SEEK_SET) < 0) {
		*ret_at = offset;
		return -errno;
	}
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return read_on(f, read_here, unit ? unit : 131072, offset, buf, WAY_WINDOW, ret_at);
}

static ssize_t pread_there(struct way_file *f, void *buf, size_t n, uint64_t offset)
{
	return pread(f->fd, buf, n, (off_t)offset);
}

static size_t gcd(size_t a, size_t b)
{
	while (b) {
		size_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* A step through 0..N-1 that meets each number once and jumps far. */
static size_t stride_of(size_t n)
{
	size_t stride = n * 5 / 8 + 1;

	while (gcd(stride, n) != 1)
		stride++;
	return stride;
}

/* An odd size, so that calls start and end at every place in a page; not so small that a large
 * file takes for ever. */
static size_t odd_unit(size_t n)
{
	return MIN(MAX(n / 3, (size_t)655), (size_t)70001) | 1;
}

/* All parts of the window in an order that looks random; a last call asks for what may stand
 * behind the end. */
static ssize_t fill_by_pread(struct way_file *f, size_t unit, uint64_t offset, unsigned char *buf,
			     uint64_t *ret_at)
{
	size_t n = f->size > offset ? (size_t)MIN(f->size - offset, WAY_WINDOW) : 0, end = n;
	size_t parts, stride;
	ssize_t got;

	posix_fadvise(f->fd, 0, 0, POSIX_FADV_NORMAL);
	unit = unit ? unit : odd_unit(n);
	parts = (n + unit - 1) / unit;
	stride = parts ? stride_of(parts) : 0;
	for (size_t i = 0, part = parts / 2; i < parts; i++, part = (part + stride) % parts) {
		size_t at = part * unit, len = MIN(unit, n - at);

		got = read_on(f, pread_there, unit, offset + at, buf + at, len, ret_at);
		if (got < 0)
			return got;
		if ((size_t)got < len)
			end = MIN(end, at + (size_t)got);
	}
	if (end < n || n == WAY_WINDOW)
		return (ssize_t)end;
	got = read_on(f, pread_there, unit, offset + n, buf + n, WAY_WINDOW - n, ret_at);
	return got < 0 ? got : (ssize_t)n + got;
}

static sigjmp_buf bus_error;

static void on_bus_error(int sig)
{
	(void)sig;
	siglongjmp(bus_error, 1);
}

/* A page that the kernel cannot bring is a SIGBUS: *DONE tells how far the copy came. */
static bool copy_guarded(unsigned char *to, const unsigned char *from, size_t n,
			 volatile size_t *done)
{
	struct sigaction catch = {.sa_handler = on_bus_error}, before;
	volatile bool ok = false;

	*done = 0;
	sigaction(SIGBUS, &catch, &before);
	if (sigsetjmp(bus_error, 1) == 0) {
		for (size_t at = 0; at < n; at += PAGE, *done = MIN(at, n))
			memcpy(to + at, from + at, MIN(PAGE, n - at));
		ok = true;
	}
	sigaction(SIGBUS, &before, NULL);
	return ok;
}

/* The bytes of the last page behind the end have to be zeros. */
static void look_behind_end(struct way_file *f, const unsigned char *page, size_t used)
{
	volatile size_t done;

	if (!copy_guarded(f->past, page + used, PAGE - used, &done))
		return;
	for (size_t i = 0; i < PAGE - used; i++)
		if (f->past[i])
			f->n_past = i + 1;
}

static ssize_t fill_by_mmap(struct way_file *f, size_t unit, uint64_t offset, unsigned char *buf,
			    uint64_t *ret_at)
{
	size_t n = f->size > offset ? (size_t)MIN(f->size - offset, WAY_WINDOW) : 0;
	volatile size_t done;
	unsigned char *map;
	bool ok;

	(void)unit;
	*ret_at = offset;
	if (!n)
		return 0;
	map = mmap(NULL, n, PROT_READ, MAP_PRIVATE, f->fd, (off_t)offset);
	if (map == MAP_FAILED)
		return -errno;
	ok = copy_guarded(buf, map, n, &done);
	if (ok && n % PAGE && offset + n == f->size)
		look_behind_end(f, map + n / PAGE * PAGE, n % PAGE);
	munmap(map, n);
	*ret_at = offset + done;
	return ok ? (ssize_t)n : -EFAULT;
}

/* A call may end inside a page (Linux 6.1 stops at msize - 24): the rest of that page is read with
 * the page as a whole, so that all calls stay aligned. Behind an end that is not aligned nothing
 * can be read this way. */
static ssize_t pread_direct(struct way_file *f, void *buf, size_t n, uint64_t offset)
{
	static unsigned char page[PAGE] __attribute__((aligned(PAGE)));
	size_t skip = offset % PAGE;
	ssize_t got;

	if (!skip)
		return pread(f->direct_fd, buf, n, (off_t)offset);
	if (offset >= f->size)
		return 0;
	got = pread(f->direct_fd, page, PAGE, (off_t)(offset - skip));
	if (got <= (ssize_t)skip)
		return got < 0 ? got : 0;
	n = MIN(n, (size_t)got - skip);
	memcpy(buf, page + skip, n);
	return (ssize_t)n;
}

static ssize_t fill_by_direct(struct way_file *f, size_t unit, uint64_t offset, unsigned char *buf,
			      uint64_t *ret_at)
{
	*ret_at = offset;
	if (f->direct_fd < 0)
		f->direct_fd = openat(f->dir_fd, f->name,
				      O_RDONLY | O_DIRECT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (f->direct_fd < 0)
		return -errno;
	return read_on(f, pread_direct, unit ? unit : 1U << 20, offset, buf, WAY_WINDOW, ret_at);
}

static ssize_t splice_there(struct way_file *f, void *buf, size_t n, uint64_t offset)
{
	off64_t at = (off64_t)offset;
	ssize_t got = splice(f->fd, &at, f->pipe[1], NULL, n, 0);
	size_t done = 0;

	while (got > 0 && done < (size_t)got) {
		ssize_t r = read(f->pipe[0], (char *)buf + done, (size_t)got - done);

		if (r > 0)
			done += (size_t)r;
		else if (r == 0 || errno != EINTR)
			return -1;
	}
	return got;
}

static ssize_t fill_by_splice(struct way_file *f, size_t unit, uint64_t offset, unsigned char *buf,
			      uint64_t *ret_at)
{
	*ret_at = offset;
	if (f->pipe[0] < 0) {
		if (pipe2(f->pipe, O_CLOEXEC) < 0)
			return -errno;
		fcntl(f->pipe[1], F_SETPIPE_SZ, 1 << 20);
	}
	if (!unit)
		unit = (size_t)MAX(fcntl(f->pipe[1], F_GETPIPE_SZ), (int)PAGE);
	return read_on(f, splice_there, unit, offset, buf, WAY_WINDOW, ret_at);
}

static const struct way ways[] = {
	{"read", fill_by_read},	    {"pread", fill_by_pread},	{"mmap", fill_by_mmap},
	{"direct", fill_by_direct}, {"splice", fill_by_splice},
};

const struct way *way_find(const char *word, size_t *ret_unit)
{
	size_t len = strcspn(word, ":");
	char *end = NULL;
	unsigned long unit = word[len] ? strtoul(word + len + 1, &end, 10) : 0;

	if (end && (*end || !unit || unit > WAY_WINDOW))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (strlen(ways[i].name) == len && !memcmp(ways[i].name, word, len)) {
			*ret_unit = unit;
			return &ways[i];
		}
	return NULL;
}

void way_drop(struct way_file *f)
{
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
}

void way_file_done(struct way_file *f)
{
	if (f->direct_fd >= 0)
		close(f->direct_fd);
	f->direct_fd = -1;
	f->n_past = 0;
}
