/* SPDX-License-Identifier: MIT */
#include "trace-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "macros.h"

struct entry {
	uint64_t offset, first_time;
	uint32_t length, n_records;
};

struct trace_file {
	char *path, *old_path;
	int dir_fd; /* of both, or AT_FDCWD */
	int fd;
	int err; /* the first failure */
	uint64_t max_part;
	uint64_t size; /* of this part */
	_Atomic uint64_t bytes;
	struct trace_file_head head;
	struct entry *index;
	size_t n_index, cap_index;
};

/* #syscalls: write */
static int put_bytes(struct trace_file *f, const void *p, size_t n)
{
	const char *from = p;

	while (n) {
		ssize_t got = write(f->fd, from, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		from += got;
		n -= (size_t)got;
		f->size += (uint64_t)got;
		atomic_fetch_add_explicit(&f->bytes, (uint64_t)got, memory_order_relaxed);
	}
	return 0;
}

/* Only for its owner: a recording tells names, and maybe contents. */
/* #syscalls rotation: openat */
static int open_part(struct trace_file *f)
{
	uint8_t head[TRACE_HEAD_SIZE];

	f->fd = openat(f->dir_fd, f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY,
		       0600);
	if (f->fd < 0)
		return -errno;
	f->size = 0;
	f->n_index = 0;
	trace_put_file_head(&f->head, head);
	return put_bytes(f, head, sizeof(head));
}

static int check_path(const char *path, char **ret_why)
{
	struct stat st;

	if (stat(path, &st) || S_ISREG(st.st_mode))
		return 0;
	if (asprintf(ret_why, "'%s' is no regular file: give the recording another name", path) < 0)
		*ret_why = NULL;
	return -EEXIST;
}

static int fail_open(const char *path, int err, char **ret_why)
{
	if (asprintf(ret_why, "cannot write the recording '%s': %s", path, strerror(-err)) < 0)
		*ret_why = NULL;
	return err;
}

int trace_file_new(const struct trace_writer_config *cfg, struct trace_file **ret_f, char **ret_why)
{
	const char *slash = strrchr(cfg->path, '/'), *name = slash ? slash + 1 : cfg->path;
	struct trace_file *f;
	int err = check_path(cfg->path, ret_why);

	if (err)
		return err;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->fd = -1;
	f->dir_fd = cfg->dir_fd ? cfg->dir_fd : AT_FDCWD;
	f->path = strdup(cfg->dir_fd ? name : cfg->path);
	if (asprintf(&f->old_path, "%s.1", cfg->dir_fd ? name : cfg->path) < 0)
		f->old_path = NULL;
	f->max_part = cfg->max_size / 2;
	f->head.version = TRACE_VERSION;
	f->head.flags = cfg->keep_data;
	f->head.mono = clock_read_ns(CLOCK_MONOTONIC);
	f->head.wall = clock_read_ns(CLOCK_REALTIME);
	f->head.id = f->head.wall ^ f->head.mono << 20;
	(void)!getrandom(&f->head.id, sizeof(f->head.id), GRND_NONBLOCK);
	err = f->path && f->old_path ? open_part(f) : -ENOMEM;
	if (err) {
		f->err = err;
		trace_file_close(f);
		return fail_open(cfg->path, err, ret_why);
	}
	*ret_f = f;
	return 0;
}

static int remember(struct trace_file *f, const struct trace_block *b)
{
	if (f->n_index == f->cap_index) {
		size_t cap = f->cap_index ? f->cap_index * 2 : 256;
		struct entry *more = reallocarray(f->index, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		f->index = more;
		f->cap_index = cap;
	}
	f->index[f->n_index++] = (struct entry){
		.offset = f->size,
		.first_time = b->head.first_time,
		.length = b->head.length,
		.n_records = b->head.n_records,
	};
	return 0;
}

/* As a block, and the tail. An index longer than a block may be is left out: readers scan then. */
static int write_index(struct trace_file *f)
{
	size_t body = f->n_index * TRACE_INDEX_ENTRY_SIZE;
	size_t size = TRACE_BLOCK_HEAD_SIZE + body + TRACE_TAIL_SIZE;
	autofree uint8_t *bytes = body <= TRACE_MAX_BLOCK ? malloc(size) : NULL;
	struct trace_block_head head = {.length = (uint32_t)body, .type = TRACE_BLOCK_INDEX};
	uint8_t *p;

	if (!bytes)
		return 0;
	p = bytes + TRACE_BLOCK_HEAD_SIZE;
	for (size_t i = 0; i < f->n_index; i++, p += TRACE_INDEX_ENTRY_SIZE) {
		trace_put64(p, f->index[i].offset);
		trace_put64(p + 8, f->index[i].first_time);
		trace_put32(p + 16, f->index[i].length);
		trace_put32(p + 20, f->index[i].n_records);
	}
	head.body_sum = trace_sum(bytes + TRACE_BLOCK_HEAD_SIZE, body);
	trace_put_block_head(&head, bytes);
	trace_put64(p, f->size);
	memcpy(p + 8, trace_tail_magic, sizeof(trace_tail_magic));
	return put_bytes(f, bytes, size);
}

/* #syscalls rotation: renameat */
static int rotate(struct trace_file *f)
{
	int err = write_index(f);

	if (err)
		return err;
	close(f->fd);
	f->fd = -1;
	if (renameat(f->dir_fd, f->path, f->dir_fd, f->old_path))
		return -errno;
	f->head.part++;
	return open_part(f);
}

static int append(struct trace_file *f, struct trace_block *b)
{
	bool is_full = f->max_part && f->n_index && f->size + b->len > f->max_part;
	int err = is_full ? rotate(f) : 0;

	if (!err)
		err = remember(f, b);
	return err ? err : put_bytes(f, b->bytes, b->len);
}

int trace_file_append(struct trace_file *f, struct trace_block *b)
{
	b->head.length = (uint32_t)(b->len - TRACE_BLOCK_HEAD_SIZE);
	b->head.body_sum = trace_sum(b->bytes + TRACE_BLOCK_HEAD_SIZE, b->head.length);
	trace_put_block_head(&b->head, b->bytes);
	if (!f->err)
		f->err = append(f, b);
	return f->err;
}

uint64_t trace_file_bytes(const struct trace_file *f)
{
	return atomic_load_explicit(&f->bytes, memory_order_relaxed);
}

int trace_file_close(struct trace_file *f)
{
	int err = f->err ? f->err : write_index(f);

	if (f->fd >= 0 && close(f->fd) && !err)
		err = -errno;
	free(f->index);
	free(f->path);
	free(f->old_path);
	free(f);
	return err;
}
