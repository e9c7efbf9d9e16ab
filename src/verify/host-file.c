/* SPDX-License-Identifier: MIT */
#include "host-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cleanup.h"
#include "digest.h"
#include "macros.h"
#include "manifest.h"

#define PIECE (1U << 20) /* a multiple of DIGEST_BLOCK */

/* Opens the folder that holds N; the root's is the root. */
static int open_parent(int root_fd, const struct node *n)
{
	int fd, up;

	if (!n->parent || !n->parent->parent)
		return fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
	up = open_parent(root_fd, n->parent);
	if (up < 0)
		return up;
	fd = openat(up, n->parent->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	fd = fd < 0 ? -errno : fd;
	close(up);
	return fd;
}

int host_open(int root_fd, const struct node *n, int flags)
{
	autoclose int up = open_parent(root_fd, n);
	int fd;

	if (up < 0)
		return up;
	fd = openat(up, n->parent ? n->name : ".", flags | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int host_stat(int root_fd, const struct node *n, struct stat *ret_st)
{
	autoclose int fd = host_open(root_fd, n, O_PATH);

	if (fd < 0)
		return fd;
	return fstat(fd, ret_st) < 0 ? -errno : 0;
}

struct digester {
	int fd;
	atomic_bool *stop;
	_Atomic uint64_t *done;
	struct runs *runs;
	uint64_t at;
	unsigned char *buf;
};

static int add_bytes(struct digester *d, size_t n)
{
	for (size_t i = 0; i < n; i += DIGEST_BLOCK) {
		int r = runs_add(d->runs, digest_of(d->buf + i, MIN(n - i, DIGEST_BLOCK)), 1);

		if (r < 0)
			return r;
	}
	d->at += n;
	if (d->done)
		*d->done += n;
	return 0;
}

/* Blocks that lie in a hole entirely are known without reading. */
static int skip_hole(struct digester *d)
{
	off_t data = lseek(d->fd, (off_t)d->at, SEEK_DATA);
	uint64_t blocks;
	struct stat st;
	int r;

	if (data < 0 && errno == ENXIO && fstat(d->fd, &st) == 0)
		data = st.st_size;
	if (data <= (off_t)d->at)
		return 0;
	blocks = ((uint64_t)data - d->at) / DIGEST_BLOCK;
	r = runs_add(d->runs, digest_of_zeros(), blocks);
	d->at += blocks * DIGEST_BLOCK;
	if (d->done)
		*d->done += blocks * DIGEST_BLOCK;
	return r;
}

static ssize_t read_piece(struct digester *d)
{
	size_t n = 0;

	while (n < PIECE) {
		ssize_t got = pread(d->fd, d->buf + n, PIECE - n, (off_t)(d->at + n));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

int host_digest(int fd, atomic_bool *stop, _Atomic uint64_t *done, struct runs *runs,
		uint64_t *ret_length)
{
	autofree unsigned char *buf = malloc(PIECE);
	struct digester d = {fd, stop, done, runs, 0, buf};
	ssize_t n;
	int r;

	if (!buf)
		return -ENOMEM;
	do {
		if (stop && *stop)
			return -ECANCELED;
		r = skip_hole(&d);
		if (r < 0)
			return r;
		n = read_piece(&d);
		if (n < 0)
			return (int)n;
		r = add_bytes(&d, (size_t)n);
		if (r < 0)
			return r;
	} while (n == PIECE);
	*ret_length = d.at;
	return 0;
}

static bool has_changed(const struct node *n, const struct stat *st)
{
	return (n->st.mode & S_IFMT) != (st->st_mode & S_IFMT) ||
	       n->st.mtime_s != st->st_mtim.tv_sec ||
	       n->st.mtime_ns != (uint32_t)st->st_mtim.tv_nsec ||
	       (n->kind != 'd' && n->st.size != (uint64_t)st->st_size);
}

enum host_state host_recheck(int root_fd, const struct node *n, bool with_content,
			     struct runs *ret_now)
{
	autoclose int fd = -1;
	struct runs now = {0};
	uint64_t length;
	struct stat st;
	bool is_same;

	if (n->same->is_unstable || host_stat(root_fd, n, &st) < 0 || has_changed(n, &st))
		return HOST_CHANGED;
	if (!with_content || n->kind != 'f')
		return HOST_SAME;
	fd = host_open(root_fd, n, O_RDONLY | O_NONBLOCK);
	if (fd < 0 || host_digest(fd, NULL, NULL, &now, &length) < 0 || fstat(fd, &st) < 0 ||
	    has_changed(n, &st)) {
		runs_done(&now);
		return HOST_CHANGED;
	}
	is_same = runs_equal(&now, &n->same->runs);
	if (ret_now)
		*ret_now = now;
	else
		runs_done(&now);
	return is_same ? HOST_SAME : HOST_SILENT;
}
