/* SPDX-License-Identifier: MIT */
#include "trace-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"

/* How a damaged place is searched for the next block. */
#define SEARCH_STEP (1u << 16)

struct part {
	char *path;
	int fd;
	uint64_t size;
};

struct trace_reader {
	struct part parts[2]; /* oldest first */
	unsigned n_parts, at; /* the part at hand */
	uint64_t offset;      /* in it: of the next block */
	struct trace_file_head head;
	uint64_t skip_to;
	uint8_t *bytes; /* the block at hand */
	size_t cap;
	bool is_unverified;
	struct trace_decoder decoder;
	struct trace_damage damage;
};

static ssize_t read_at(const struct part *p, void *to, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(p->fd, (char *)to + done, n - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static void __attribute__((format(printf, 3, 4)))
note_damage(struct trace_reader *r, uint64_t bytes, const char *fmt, ...)
{
	va_list args;

	r->damage.bytes += bytes;
	if (r->damage.n++)
		return;
	va_start(args, fmt);
	vsnprintf(r->damage.first, sizeof(r->damage.first), fmt, args);
	va_end(args);
}

static int why(char **ret_why, int err, const char *path, const char *what)
{
	if (asprintf(ret_why, "'%s': %s", path, what) < 0)
		*ret_why = NULL;
	return err;
}

static int open_part(struct trace_reader *r, const char *path, unsigned at)
{
	struct part *p = &r->parts[at];
	struct stat st;

	p->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (p->fd < 0 || fstat(p->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	p->size = (uint64_t)st.st_size;
	p->path = strdup(path);
	return p->path ? 0 : -ENOMEM;
}

static void close_part(struct part *p)
{
	free(p->path);
	if (p->fd >= 0)
		close(p->fd);
	*p = (struct part){.fd = -1};
}

/* A head that is damaged is no reason to give up, if its magic is mostly there: -EUCLEAN. */
static int read_head(const struct part *p, struct trace_file_head *ret_h)
{
	uint8_t bytes[TRACE_HEAD_SIZE] = {0};
	ssize_t n = read_at(p, bytes, sizeof(bytes), 0);
	unsigned n_same = 0;
	int err;

	if (n < 0)
		return (int)n;
	err = trace_get_file_head(bytes, ret_h);
	for (unsigned i = 0; i < 8; i++)
		n_same += bytes[i] == (uint8_t)TRACE_MAGIC[i];
	return err == -EBADMSG && n_same >= 6 ? -EUCLEAN : err;
}

/* FILE.1, if it is the part before FILE. */
static void open_older(struct trace_reader *r, const char *path)
{
	struct trace_file_head older;
	autofree char *old_path = NULL;

	if (!r->head.part || asprintf(&old_path, "%s.1", path) < 0)
		return;
	r->parts[1] = r->parts[0];
	r->parts[0] = (struct part){.fd = -1};
	if (!open_part(r, old_path, 0) && !read_head(&r->parts[0], &older) &&
	    older.id == r->head.id && older.part + 1 == r->head.part) {
		r->n_parts = 2;
		return;
	}
	close_part(&r->parts[0]);
	r->parts[0] = r->parts[1];
	r->parts[1] = (struct part){.fd = -1};
}

static bool read_index(const struct part *p, uint64_t *ret_end)
{
	uint8_t tail[TRACE_TAIL_SIZE], head[TRACE_BLOCK_HEAD_SIZE];
	struct trace_block_head h;
	uint64_t at;

	if (p->size < TRACE_HEAD_SIZE + TRACE_BLOCK_HEAD_SIZE + TRACE_TAIL_SIZE ||
	    read_at(p, tail, sizeof(tail), p->size - sizeof(tail)) != sizeof(tail) ||
	    memcmp(tail + 8, TRACE_TAIL_MAGIC, 8))
		return false;
	at = trace_get64(tail);
	if (at > p->size - sizeof(tail) - sizeof(head) ||
	    read_at(p, head, sizeof(head), at) != sizeof(head) || !trace_get_block_head(head, &h) ||
	    h.type != TRACE_BLOCK_INDEX || at + sizeof(head) + h.length + sizeof(tail) != p->size)
		return false;
	*ret_end = at;
	return true;
}

int trace_reader_open(const char *path, struct trace_reader **ret_r, char **ret_why)
{
	struct trace_reader *r = calloc(1, sizeof(*r));
	uint64_t end;
	int err;

	if (!r)
		return -ENOMEM;
	r->parts[0].fd = r->parts[1].fd = -1;
	r->n_parts = 1;
	err = open_part(r, path, 0);
	if (err) {
		trace_reader_free(r);
		return why(ret_why, err, path,
			   err == -EINVAL ? "is no regular file" : strerror(-err));
	}
	err = read_head(&r->parts[0], &r->head);
	if (err && err != -EUCLEAN) {
		trace_reader_free(r);
		return why(ret_why, err, path,
			   err == -EPROTONOSUPPORT ? "made by another version of warren: use that"
			   : err == -EBADMSG	   ? "is no recording"
						   : strerror(-err));
	}
	if (err == -EUCLEAN)
		note_damage(r, TRACE_HEAD_SIZE, "the head of the file is damaged");
	r->damage.has_index = read_index(&r->parts[0], &end);
	open_older(r, path);
	r->offset = TRACE_HEAD_SIZE;
	*ret_r = r;
	return 0;
}

void trace_reader_free(struct trace_reader *r)
{
	if (!r)
		return;
	close_part(&r->parts[0]);
	close_part(&r->parts[1]);
	free(r->decoder.texts);
	free(r->bytes);
	free(r);
}

const struct trace_file_head *trace_reader_head(const struct trace_reader *r)
{
	return &r->head;
}

void trace_reader_skip_to(struct trace_reader *r, uint64_t time)
{
	r->skip_to = time;
}

const struct trace_damage *trace_reader_damage(const struct trace_reader *r)
{
	return &r->damage;
}

/* The next right head of a block from r->offset on, which was none. At the end of the part: its
 * size. */
static int search(struct trace_reader *r)
{
	const struct part *p = &r->parts[r->at];
	uint64_t from = r->offset;
	uint8_t *buf = malloc(SEARCH_STEP + TRACE_BLOCK_HEAD_SIZE);
	struct trace_block_head h;
	int err = buf ? 0 : -ENOMEM;

	for (r->offset++; !err && r->offset < p->size;) {
		ssize_t n = read_at(p, buf, SEARCH_STEP + TRACE_BLOCK_HEAD_SIZE, r->offset);
		ssize_t i = 0;

		if (n < TRACE_BLOCK_HEAD_SIZE) {
			r->offset = p->size;
			err = n < 0 ? (int)n : 0;
			break;
		}
		for (; i + (ssize_t)TRACE_BLOCK_HEAD_SIZE <= n; i++)
			if (trace_get_block_head(buf + i, &h))
				break;
		r->offset += (uint64_t)i;
		if (i + (ssize_t)TRACE_BLOCK_HEAD_SIZE <= n)
			break;
	}
	free(buf);
	note_damage(r, r->offset - from, "%s: no block at byte %" PRIu64 " to %" PRIu64, p->path,
		    from, r->offset);
	return err;
}

static int make_room(struct trace_reader *r, size_t n)
{
	uint8_t *bytes;

	if (r->cap >= n)
		return 0;
	bytes = realloc(r->bytes, n);
	if (!bytes)
		return -ENOMEM;
	r->bytes = bytes;
	r->cap = n;
	return 0;
}

/* The body of the block H at r->offset, whole or not. */
static int load_body(struct trace_reader *r, const struct trace_block_head *h)
{
	const struct part *p = &r->parts[r->at];
	uint64_t start = r->offset;
	uint64_t left = p->size - start - TRACE_BLOCK_HEAD_SIZE;
	size_t n = (size_t)MIN(left, (uint64_t)h->length);
	int err = make_room(r, MAX(n, 1));
	ssize_t got;

	if (err)
		return err;
	got = read_at(p, r->bytes, n, start + TRACE_BLOCK_HEAD_SIZE);
	if (got < 0)
		return (int)got;
	r->is_unverified = (size_t)got < h->length || trace_sum(r->bytes, n) != h->body_sum;
	if ((size_t)got < h->length)
		note_damage(r, (uint64_t)got, "%s: ends in the middle of a block, at byte %" PRIu64,
			    p->path, p->size);
	else if (r->is_unverified)
		note_damage(r, h->length, "%s: the block at byte %" PRIu64 " has a wrong checksum",
			    p->path, start);
	r->offset = start + TRACE_BLOCK_HEAD_SIZE + h->length;
	r->decoder.p = r->bytes;
	r->decoder.end = r->bytes + (size_t)got;
	r->decoder.last_time = h->first_time;
	r->decoder.n_texts = 0;
	return 1;
}

/* Can the block H at r->offset reach to skip_to? Not where the next one begins before that. */
static bool is_needed(struct trace_reader *r, const struct trace_block_head *h)
{
	uint8_t bytes[TRACE_BLOCK_HEAD_SIZE];
	struct trace_block_head next;
	uint64_t at = r->offset + TRACE_BLOCK_HEAD_SIZE + h->length;

	if (!r->skip_to || h->first_time >= r->skip_to)
		return true;
	return read_at(&r->parts[r->at], bytes, sizeof(bytes), at) != sizeof(bytes) ||
	       !trace_get_block_head(bytes, &next) || next.type != TRACE_BLOCK_RECORDS ||
	       next.first_time >= r->skip_to;
}

/* 1: R's decoder has a block. 0 at the end of all. */
static int next_block(struct trace_reader *r)
{
	for (;;) {
		const struct part *p = &r->parts[r->at];
		uint8_t bytes[TRACE_BLOCK_HEAD_SIZE];
		struct trace_block_head h;
		ssize_t n;
		int err;

		if (r->offset >= p->size) {
			if (++r->at >= r->n_parts) {
				r->at--;
				return 0;
			}
			r->offset = TRACE_HEAD_SIZE;
			continue;
		}
		n = read_at(p, bytes, sizeof(bytes), r->offset);
		if (n < 0)
			return (int)n;
		if (n < (ssize_t)sizeof(bytes) || !trace_get_block_head(bytes, &h)) {
			err = search(r);
			if (err)
				return err;
			continue;
		}
		if (h.type == TRACE_BLOCK_RECORDS && is_needed(r, &h))
			return load_body(r, &h);
		r->offset += TRACE_BLOCK_HEAD_SIZE + h.length;
		if (h.type == TRACE_BLOCK_INDEX)
			r->offset += TRACE_TAIL_SIZE;
	}
}

int trace_reader_next(struct trace_reader *r, struct trace_record *ret_r)
{
	for (;;) {
		int got = r->decoder.p ? trace_decode(&r->decoder, ret_r) : 0;

		if (got > 0) {
			ret_r->is_unverified = r->is_unverified;
			r->damage.n_records += !r->is_unverified;
			return 1;
		}
		if (got == -ENOMEM)
			return got;
		if (got < 0 && !r->is_unverified)
			note_damage(r, (uint64_t)(r->decoder.end - r->decoder.p),
				    "%s: a record before byte %" PRIu64 " cannot be read",
				    r->parts[r->at].path, r->offset);
		if (r->decoder.p && !got)
			r->damage.n_blocks += !r->is_unverified;
		r->decoder.p = NULL;
		got = next_block(r);
		if (got <= 0)
			return got;
	}
}
