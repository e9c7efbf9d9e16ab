/* SPDX-License-Identifier: MIT */
#include "owner.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "digest.h"
#include "host-file.h"
#include "macros.h"
#include "manifest.h"

#define NEEDLE_MIN 16
#define FILE_MAX (16U << 20)
#define SEARCH_MAX (UINT64_C(2) << 30)

void owner_search_init(struct owner_search *s, struct manifest *m)
{
	*s = (struct owner_search){m, SEARCH_MAX};
}

static bool is_telling(const unsigned char *p, size_t n)
{
	return n >= NEEDLE_MIN && memcmp(p, p + 1, n - 1) != 0;
}

/* What a search does with a file; true ends it. */
typedef bool look_at(struct owner_search *s, const struct node *n, void *ctx);

static bool look_at_all(struct owner_search *s, const struct node *n, look_at *look, void *ctx)
{
	if (n->kind == 'f' && n->same == n && !n->err && look(s, n, ctx))
		return true;
	for (size_t i = 0; i < n->n_children; i++)
		if (look_at_all(s, n->children[i], look, ctx))
			return true;
	return false;
}

static bool is_affordable(struct owner_search *s, uint64_t bytes)
{
	if (bytes > s->bytes_left)
		return false;
	s->bytes_left -= bytes;
	return true;
}

/* Up to LEN bytes of N from OFFSET on. */
static ssize_t read_host(const struct owner_search *s, const struct node *n, uint64_t offset,
			 void *buf, size_t len)
{
	autoclose int fd = host_open(manifest_root_fd(s->m), n, O_RDONLY | O_NONBLOCK);

	return fd < 0 ? -1 : pread(fd, buf, len, (off_t)offset);
}

struct needle {
	const unsigned char *p;
	size_t n;
	const struct node *owner;
	uint64_t offset;
};

static bool has_needle(struct owner_search *s, const struct node *n, void *ctx)
{
	struct needle *needle = ctx;
	size_t len = (size_t)MIN(n->length, (uint64_t)FILE_MAX);
	autofree unsigned char *buf = NULL;
	const unsigned char *at;
	ssize_t got;

	if (len < needle->n || !is_affordable(s, len) || !(buf = malloc(len)))
		return false;
	got = read_host(s, n, 0, buf, len);
	at = got > 0 ? memmem(buf, (size_t)got, needle->p, needle->n) : NULL;
	if (!at)
		return false;
	needle->owner = n;
	needle->offset = (uint64_t)(at - buf);
	return true;
}

bool owner_find(struct owner_search *s, const unsigned char *p, size_t n,
		const struct node **ret_node, uint64_t *ret_offset)
{
	struct needle needle = {.p = p, .n = n};

	if (!s->m || !is_telling(p, n) || !look_at_all(s, manifest_root(s->m), has_needle, &needle))
		return false;
	*ret_node = needle.owner;
	*ret_offset = needle.offset;
	return true;
}

struct guess {
	const unsigned char *host;
	size_t n;
	uint64_t digest;
	unsigned char *buf;
	const struct node *owner;
};

static bool fits_with_tail(struct owner_search *s, const struct node *n, void *ctx)
{
	struct guess *g = ctx;
	size_t len = n->length % DIGEST_BLOCK;

	if (!len || len > g->n || !is_affordable(s, DIGEST_BLOCK))
		return false;
	memcpy(g->buf, g->host, g->n);
	g->owner = n;
	return read_host(s, n, n->length - len, g->buf, len) == (ssize_t)len &&
	       digest_of(g->buf, g->n) == g->digest;
}

bool owner_guess_tail(struct owner_search *s, const unsigned char *host, size_t n, uint64_t digest,
		      unsigned char *buf, const struct node **ret_node, uint64_t *ret_offset)
{
	struct guess g = {.host = host, .n = n, .digest = digest, .buf = buf};

	if (!s->m || !look_at_all(s, manifest_root(s->m), fits_with_tail, &g))
		return false;
	*ret_node = g.owner;
	*ret_offset = g.owner->length / DIGEST_BLOCK * DIGEST_BLOCK;
	return true;
}
