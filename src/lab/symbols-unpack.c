/* SPDX-License-Identifier: MIT */
#include "symbols-unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "progress.h"
#include "spawn.h"

#define BLOCK 512
#define MB(bytes) ((unsigned long)((bytes) / 1000000))

/* POSIX ustar, as far as we need it. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
	char linkname[100], magic[6], version[2], uname[32], gname[32], major[8], minor[8];
	char prefix[155], rest[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

struct stream {
	int fd;
	struct progress *progress;
	uint64_t at, total;
	char buf[1 << 16];
};

struct entry {
	char path[4096];
	uint64_t size;
	char type;
};

/* All N bytes. An archive says where it ends, so an early end of the stream is a damage. */
static int get(struct stream *s, void *data, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(s->fd, (char *)data + done, n - done);

		if (got < 0)
			return -errno;
		if (!got)
			return -EBADMSG;
		done += (size_t)got;
	}
	s->at += n;
	return 0;
}

static int parse_number(const char *p, size_t n, uint64_t *ret_value)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < n && p[i] == ' ')
		i++;
	if (i == n || p[i] < '0' || p[i] > '7')
		return -EBADMSG;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(p[i] - '0');
	*ret_value = value;
	return 0;
}

static bool is_valid(const struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	size_t from = offsetof(struct header, checksum), to = offsetof(struct header, type);
	uint64_t sum = 0, wanted;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= from && i < to ? ' ' : p[i];
	return !parse_number(h->checksum, sizeof(h->checksum), &wanted) && sum == wanted;
}

static bool is_end(const struct header *h)
{
	const char *p = (const char *)h;

	return !*p && !memcmp(p, p + 1, BLOCK - 1);
}

/* N bytes and what fills their last block, to FD or, if that is -1, nowhere. */
static int pass(struct stream *s, uint64_t n, int fd)
{
	uint64_t left = (n + BLOCK - 1) / BLOCK * BLOCK;

	while (left) {
		size_t part = (size_t)MIN(left, sizeof(s->buf));
		size_t data = (size_t)MIN(n, part);
		int r = get(s, s->buf, part);

		if (r)
			return r;
		for (size_t done = 0; fd >= 0 && done < data;) {
			ssize_t put = write(fd, s->buf + done, data - done);

			if (put < 0)
				return -errno;
			done += (size_t)put;
		}
		n -= data;
		left -= part;
		if (s->progress && s->total)
			progress_update(s->progress, "unpacking: %lu of %lu MB looked through",
					MB(s->at), MB(s->total));
	}
	return 0;
}

/* GNU tar's way to write a path that does not fit: it comes as the data of an entry before. */
static int read_long_path(struct stream *s, uint64_t size, struct entry *e)
{
	size_t n = (size_t)size, padded = (n + BLOCK - 1) / BLOCK * BLOCK;
	int r;

	if (size >= sizeof(e->path) - BLOCK)
		return -EBADMSG;
	r = get(s, e->path, padded);
	e->path[n] = '\0';
	return r;
}

/* The next entry; -ENODATA at the end. */
static int next_entry(struct stream *s, struct entry *e)
{
	struct header h;
	bool has_path = false;
	int r;

	for (;;) {
		r = get(s, &h, sizeof(h));
		if (r)
			return r;
		if (is_end(&h))
			return -ENODATA;
		if (!is_valid(&h) || parse_number(h.size, sizeof(h.size), &e->size))
			return -EBADMSG;
		if (h.type != 'L')
			break;
		r = read_long_path(s, e->size, e);
		if (r)
			return r;
		has_path = true;
	}
	e->type = h.type;
	if (!has_path && !memcmp(h.magic, "ustar", 6) && *h.prefix)
		snprintf(e->path, sizeof(e->path), "%.155s/%.100s", h.prefix, h.name);
	else if (!has_path)
		snprintf(e->path, sizeof(e->path), "%.100s", h.name);
	return 0;
}

static struct wanted_file *find(const struct entry *e, struct wanted_file *wanted, size_t n)
{
	size_t len = strlen(e->path);

	if (e->type != '0' && e->type != '\0')
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t end = strlen(wanted[i].end);

		if (!wanted[i].is_found && len >= end &&
		    !strcmp(e->path + len - end, wanted[i].end))
			return &wanted[i];
	}
	return NULL;
}

static int take(struct stream *s, const struct entry *e, const char *dir, const char *to)
{
	autofree char *path = NULL;
	autoclose int fd = -1;

	if (asprintf(&path, "%s/%s", dir, to) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : pass(s, e->size, fd);
}

/* Several ways to write a path may mean the same file: one found is enough. */
static size_t mark(struct wanted_file *wanted, size_t n, const char *to)
{
	size_t missing = 0;

	for (size_t i = 0; i < n; i++) {
		wanted[i].is_found |= !strcmp(wanted[i].to, to);
		missing += !wanted[i].is_found;
	}
	return missing;
}

int untar_wanted(int fd, const char *dir, struct wanted_file *wanted, size_t n,
		 struct progress *progress, uint64_t total)
{
	autofree struct stream *s = malloc(sizeof(*s));
	autofree struct entry *e = malloc(sizeof(*e));
	size_t missing = n;
	int r;

	if (!s || !e)
		return -ENOMEM;
	s->fd = fd;
	s->progress = progress;
	s->at = 0;
	s->total = total;
	while (missing) {
		struct wanted_file *w;

		r = next_entry(s, e);
		if (r)
			return r == -ENODATA ? 0 : r;
		w = find(e, wanted, n);
		r = w ? take(s, e, dir, w->to) : pass(s, e->size, -1);
		if (r)
			return r;
		if (w)
			missing = mark(wanted, n, w->to);
	}
	return 0;
}

int deb_unpack_wanted(const char *deb, const char *dir, struct wanted_file *wanted, size_t n,
		      struct progress *progress, uint64_t total, char **ret_why)
{
	const char *const argv[] = {"dpkg-deb", "--fsys-tarfile", deb, NULL};
	cleanup(child_done) struct child c = CHILD_INIT;
	autoclose int in = -1, out = -1;
	int p[2], r;

	if (pipe2(p, O_CLOEXEC))
		return -errno;
	in = p[0];
	out = p[1];
	r = spawn_start(
		&(struct spawn){.argv = argv, .fds = {SPAWN_NULL, out, SPAWN_NULL}, .guard = true},
		&c);
	if (r)
		return lab_why(r, ret_why, "cannot start dpkg-deb: %s", strerror(-r));
	close(steal_fd(&out));
	r = untar_wanted(in, dir, wanted, n, progress, total);
	if (r == -EBADMSG)
		return lab_why(r, ret_why, "dpkg-deb cannot unpack %s", deb);
	/* When all was found, it is ended in the middle of its work. */
	return r == -EINTR ? lab_why(r, ret_why, "interrupted")
	       : r ? lab_why(r, ret_why, "cannot unpack %s into %s: %s", deb, dir, strerror(-r))
		   : 0;
}
