/* SPDX-License-Identifier: MIT */
#include "runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"

static int grow(struct runs *l)
{
	size_t cap = l->cap ? l->cap * 2 : 4;
	struct run *r = reallocarray(l->r, cap, sizeof(*r));

	if (!r)
		return -ENOMEM;
	l->r = r;
	l->cap = cap;
	return 0;
}

int runs_add(struct runs *l, uint64_t digest, uint64_t count)
{
	if (!count)
		return 0;
	if (l->blocks + count < count)
		return -EOVERFLOW;
	if (l->n && l->r[l->n - 1].digest == digest) {
		l->r[l->n - 1].count += count;
	} else {
		if (l->n == l->cap && grow(l) < 0)
			return -ENOMEM;
		l->r[l->n++] = (struct run){digest, count};
	}
	l->blocks += count;
	return 0;
}

void runs_clear(struct runs *l)
{
	l->n = 0;
	l->blocks = 0;
}

void runs_done(struct runs *l)
{
	free(l->r);
	*l = (struct runs){0};
}

bool runs_equal(const struct runs *a, const struct runs *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->r, b->r, a->n * sizeof(*a->r)));
}

/* A place in a list of runs: USED blocks of run I are behind it. */
struct cursor {
	const struct runs *l;
	size_t i;
	uint64_t used;
};

static void skip(struct cursor *c, uint64_t blocks)
{
	while (c->i < c->l->n && c->l->r[c->i].count - c->used <= blocks) {
		blocks -= c->l->r[c->i].count - c->used;
		c->i++;
		c->used = 0;
	}
	c->used += blocks;
}

static bool is_at_end(const struct cursor *c)
{
	return c->i == c->l->n;
}

static const struct run *here(const struct cursor *c)
{
	return &c->l->r[c->i];
}

bool runs_at(const struct runs *l, uint64_t block, uint64_t *ret_digest)
{
	struct cursor c = {.l = l};

	if (block >= l->blocks)
		return false;
	skip(&c, block);
	*ret_digest = here(&c)->digest;
	return true;
}

bool runs_differ(const struct runs *a, const struct runs *b, uint64_t *block, uint64_t *ret_count)
{
	struct cursor x = {.l = a}, y = {.l = b};
	uint64_t at = *block, found = 0;

	if (at >= MIN(a->blocks, b->blocks))
		return false;
	skip(&x, at);
	skip(&y, at);
	while (!is_at_end(&x) && !is_at_end(&y)) {
		uint64_t step = MIN(here(&x)->count - x.used, here(&y)->count - y.used);

		if (here(&x)->digest != here(&y)->digest) {
			*block = found ? *block : at;
			found += step;
		} else if (found) {
			break;
		}
		at += step;
		skip(&x, step);
		skip(&y, step);
	}
	if (!found)
		return false;
	*ret_count = found;
	return true;
}
