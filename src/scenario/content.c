/* SPDX-License-Identifier: MIT */
#include "content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"

int content_resize(struct content *c, size_t n)
{
	unsigned char *at = realloc(c->at, n + 1);

	if (!at)
		return -ENOMEM;
	if (n > c->n)
		memset(at + c->n, 0, n - c->n);
	c->at = at;
	c->n = n;
	return 0;
}

int content_fill(struct content *c, size_t offset, unsigned char byte, size_t n)
{
	int r = content_resize(c, MAX(c->n, offset + n));

	if (!r)
		memset(c->at + offset, byte, n);
	return r;
}

int content_add(struct content *c, const void *bytes, size_t n)
{
	size_t before = c->n;
	int r = content_resize(c, before + n);

	if (!r && n)
		memcpy(c->at + before, bytes, n);
	return r;
}

int content_copy(const struct content *from, struct content *ret_c)
{
	struct content c = {0};
	int r = content_add(&c, from->at, from->n);

	if (!r)
		*ret_c = c;
	return r;
}

void content_done(struct content *c)
{
	free(c->at);
	*c = (struct content){0};
}

size_t content_left(const struct content *c, size_t offset, size_t count)
{
	return offset < c->n ? MIN(count, c->n - offset) : 0;
}
