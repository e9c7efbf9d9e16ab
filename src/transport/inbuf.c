/* SPDX-License-Identifier: MIT */
#include "inbuf.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "macros.h"
#include "pool.h"

struct chunk {
	atomic_uint refs;
	size_t size;
	uint8_t bytes[];
};

#define HEADER 7 /* size[4] type[1] tag[2] */
/* Bytes of a chunk, unless a message is larger. */
#define SMALL ((16 << 10) - sizeof(struct chunk))
#define AHEAD 4096  /* read behind a larger message: what may have to be moved */
#define LITTLE 1024 /* room that is not worth a system call */

static struct chunk *new_chunk(struct pool *p, size_t size)
{
	struct chunk *c = pool_get(p, sizeof(*c) + size);

	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
	c->size = pool_size(c) - sizeof(*c);
	return c;
}

void chunk_unref(struct chunk *c, struct pool *p)
{
	if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		pool_put(p, c);
}

void inbuf_init(struct inbuf *in, struct pool *p)
{
	*in = (struct inbuf){.pool = p};
}

void inbuf_done(struct inbuf *in)
{
	chunk_unref(in->chunk, in->pool);
	in->chunk = NULL;
	in->start = in->end = 0;
}

static uint32_t get_size(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The bytes that a chunk must hold for the message that has begun to arrive. */
static size_t wanted(const struct inbuf *in)
{
	size_t left = inbuf_left(in), size = left < 4 ? 0 : get_size(in->chunk->bytes + in->start);
	size_t all = size + AHEAD <= SMALL ? SMALL : size + AHEAD, some = SMALL;

	while (in->thrifty && some < left + AHEAD)
		some *= 2;
	return in->thrifty ? MIN(some, all) : all;
}

/* The begun message gets memory where all of it will fit, without disturbing those who refer to the
 * messages before it. */
static int make_room(struct inbuf *in, size_t want)
{
	size_t left = inbuf_left(in);
	struct chunk *c = in->chunk;

	if (c && c->size >= want && atomic_load_explicit(&c->refs, memory_order_acquire) == 1) {
		memmove(c->bytes, c->bytes + in->start, left);
	} else {
		c = new_chunk(in->pool, want);
		if (!c)
			return -ENOMEM;
		if (in->chunk)
			memcpy(c->bytes, in->chunk->bytes + in->start, left);
		chunk_unref(in->chunk, in->pool);
		in->chunk = c;
	}
	in->start = 0;
	in->end = left;
	return 0;
}

static bool has_room(const struct inbuf *in, size_t want)
{
	const struct chunk *c = in->chunk;

	if (!c)
		return false;
	return want > SMALL ? c->size - in->start >= want - AHEAD : c->size - in->end >= LITTLE;
}

void *inbuf_room(struct inbuf *in, size_t *ret_room)
{
	size_t want = wanted(in);
	size_t most = want > SMALL ? want - inbuf_left(in) : SMALL;

	if (!has_room(in, want) && make_room(in, want))
		return NULL;
	*ret_room = MIN(in->chunk->size - in->end, most);
	return in->chunk->bytes + in->end;
}

size_t inbuf_held(const struct inbuf *in)
{
	return in->chunk ? in->chunk->size : 0;
}

void inbuf_fill(struct inbuf *in, size_t n)
{
	in->end += n;
}

int inbuf_next(struct inbuf *in, uint32_t max, const uint8_t **ret_msg, uint32_t *ret_size)
{
	const uint8_t *p;
	uint32_t size;

	if (inbuf_left(in) < 4)
		return 0;
	p = in->chunk->bytes + in->start;
	size = get_size(p);
	if (size < HEADER)
		return -EBADMSG;
	if (size > max)
		return -EMSGSIZE;
	if (inbuf_left(in) < size)
		return 0;
	*ret_msg = p;
	*ret_size = size;
	return 1;
}

void inbuf_take(struct inbuf *in, uint32_t size)
{
	in->start += size;
	if (in->start == in->end)
		inbuf_done(in);
}

struct chunk *inbuf_ref(struct inbuf *in)
{
	atomic_fetch_add_explicit(&in->chunk->refs, 1, memory_order_relaxed);
	return in->chunk;
}
