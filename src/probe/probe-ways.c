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

typedef ssize_t read_one(struct way_file *f, void *buf, size_t n, uint64_t offset);

/* Adds what ONE gives until N bytes are there, the end comes or it fails. */
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
	ssize_t got;

	if (lseek(f->fd, (off_t)offset, SEEK_SET) < 0) {
		*ret_at = offset;
		return -errno;
	}
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	got = read_on(f, read_here, unit ? unit : 131072, offset, buf, WAY_WINDOW, ret_at);
	/* The next way did not announce itself. */
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_NORMAL);
	return got;
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

/* A page that the kernel cannot bring is a SIGBUS: *AT tells which. Pages are taken STRIDE apart,
 * round and round; STRIDE and their number have no common divisor. */
static bool copy_guarded(unsigned char *to, const unsigned char *from, size_t n, size_t stride,
			 volatile size_t *at)
{
	struct sigaction catch = {.sa_handler = on_bus_error}, before;
	size_t pages = (n + PAGE - 1) / PAGE;
	volatile bool ok = false;

	*at = 0;
	sigaction(SIGBUS, &catch, &before);
	if (sigsetjmp(bus_error, 1) == 0) {
		for (size_t i = 0, page = 0; i < pages; i++, page = (page + stride) % pages) {
			*at = page * PAGE;
			memcpy(to + page * PAGE, from + page * PAGE, MIN(PAGE, n - page * PAGE));
		}
		ok = true;
	}
	sigaction(SIGBUS, &before, NULL);
	return ok;
}

/* The bytes of the last page behind the end have to be zeros. */
static void look_behind_end(struct way_file *f, const unsigned char *page, size_t used)
{
	volatile size_t at;

	if (!copy_guarded(f->past, page + used, PAGE - used, 1, &at))
		return;
	for (size_t i = 0; i < PAGE - used; i++)
		if (f->past[i])
			f->n_past = i + 1;
}

static ssize_t fill_by_map(struct way_file *f, int advice, uint64_t offset, unsigned char *buf,
			   uint64_t *ret_at)
{
	size_t n = f->size > offset ? (size_t)MIN(f->size - offset, WAY_WINDOW) : 0;
	size_t stride = advice == MADV_RANDOM && n ? stride_of((n + PAGE - 1) / PAGE) : 1;
	volatile size_t at;
	unsigned char *map;
	bool ok;

	*ret_at = offset;
	if (!n)
		return 0;
	map = mmap(NULL, n, PROT_READ, MAP_PRIVATE, f->fd, (off_t)offset);
	if (map == MAP_FAILED)
		return -errno;
	madvise(map, n, advice);
	ok = copy_guarded(buf, map, n, stride, &at);
	if (ok && n % PAGE && offset + n == f->size)
		look_behind_end(f, map + n / PAGE * PAGE, n % PAGE);
	munmap(map, n);
	*ret_at = offset + at;
	return ok ? (ssize_t)n : -EFAULT;
}

static ssize_t fill_by_mmap(struct way_file *f, size_t unit, uint64_t offset, unsigned char *buf,
			    uint64_t *ret_at)
{
	(void)unit;
	return fill_by_map(f, MADV_NORMAL, offset, buf, ret_at);
}

/* Readers of their own: each has a descriptor that nobody used before, as programs do. What the
 * kernel knows of a reader (its readahead window, its advice) belongs to the descriptor. */
static int open_own(struct way_file *f, struct way_file *ret_own)
{
	*ret_own = *f;
	ret_own->fd = openat(f->dir_fd, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return ret_own->fd < 0 ? -errno : 0;
}

static ssize_t map_own(struct way_file *f, int advice, uint64_t offset, unsigned char *buf,
		       uint64_t *ret_at)
{
	struct way_file own;
	int r = open_own(f, &own);
	ssize_t got;

	*ret_at = offset;
	if (r < 0)
		return r;
	got = fill_by_map(&own, advice, offset, buf, ret_at);
	close(own.fd);
	f->n_past = own.n_past;
	memcpy(f->past, own.past, own.n_past);
	return got;
}

static ssize_t fill_by_mmap_seq(struct way_file *f, size_t unit, uint64_t offset,
				unsigned char *buf, uint64_t *ret_at)
{
	(void)unit;
	return map_own(f, MADV_SEQUENTIAL, offset, buf, ret_at);
}

static ssize_t fill_by_mmap_rand(struct way_file *f, size_t unit, uint64_t offset,
				 unsigned char *buf, uint64_t *ret_at)
{
	(void)unit;
	return map_own(f, MADV_RANDOM, offset, buf, ret_at);
}

enum hint { HINT_NONE, HINT_WILLNEED, HINT_READAHEAD };

static ssize_t read_own(struct way_file *f, enum hint hint, size_t unit, uint64_t offset,
			unsigned char *buf, uint64_t *ret_at)
{
	struct way_file own;
	int r = open_own(f, &own);
	ssize_t got;

	*ret_at = offset;
	if (r < 0)
		return r;
	if (hint == HINT_WILLNEED)
		posix_fadvise(own.fd, (off_t)offset, WAY_WINDOW, POSIX_FADV_WILLNEED);
	else if (hint == HINT_READAHEAD)
		readahead(own.fd, (off64_t)offset, WAY_WINDOW);
	got = lseek(own.fd, (off_t)offset, SEEK_SET) < 0
		      ? -errno
		      : read_on(&own, read_here, unit ? unit : 131072, offset, buf, WAY_WINDOW,
				ret_at);
	close(own.fd);
	return got;
}

static ssize_t fill_by_plain(struct way_file *f, size_t unit, uint64_t offset, unsigned char *buf,
			     uint64_t *ret_at)
{
	return read_own(f, HINT_NONE, unit, offset, buf, ret_at);
}

static ssize_t fill_by_willneed(struct way_file *f, size_t unit, uint64_t offset,
				unsigned char *buf, uint64_t *ret_at)
{
	return read_own(f, HINT_WILLNEED, unit, offset, buf, ret_at);
}

static ssize_t fill_by_readahead(struct way_file *f, size_t unit, uint64_t offset,
				 unsigned char *buf, uint64_t *ret_at)
{
	return read_own(f, HINT_READAHEAD, unit, offset, buf, ret_at);
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
	{"read", fill_by_read},		{"pread", fill_by_pread},
	{"mmap", fill_by_mmap},		{"direct", fill_by_direct},
	{"splice", fill_by_splice},	{"plain", fill_by_plain},
	{"willneed", fill_by_willneed}, {"readahead", fill_by_readahead},
	{"mmap-seq", fill_by_mmap_seq}, {"mmap-rand", fill_by_mmap_rand},
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
