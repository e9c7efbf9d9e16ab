/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "cleanup.h"

#define LINE 64
#define SMALLEST 512
#define HEAD LINE    /* of each block, so that a power of two fits behind the header of a reply */
#define N_CLASSES 13 /* to 2 MiB; larger blocks are not kept */

/* What is kept at most, a quarter of it for the thread that has entered. Nothing under AddressSanitizer, which is to see each use after the end. */
#if defined(__SANITIZE_ADDRESS__)
#define KEEP 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEP 0
#endif
#endif
#ifndef KEEP
#define KEEP ((size_t)8 << 20)
#endif

/* In front of the bytes that the caller sees. */
struct block {
	alignas(LINE) struct block *next;
	size_t size;
	unsigned class;
};

struct shelf {
	struct block *unused[N_CLASSES];
	size_t kept, most;
};

struct pool {
	struct shelf own; /* of the thread that has entered */
	pthread_mutex_t lock;
	struct shelf shared; /* under the lock */
};

static _Thread_local struct pool *entered;

int pool_new(struct pool **ret_p)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->own.most = KEEP / 4;
	p->shared.most = KEEP - p->own.most;
	pthread_mutex_init(&p->lock, NULL);
	*ret_p = p;
	return 0;
}

void pool_enter(struct pool *p)
{
	entered = p;
}

void pool_leave(void)
{
	entered = NULL;
}

static struct block *take(struct shelf *s, unsigned class)
{
	struct block *b = s->unused[class];

	if (b) {
		s->unused[class] = b->next;
		s->kept -= b->size;
	}
	return b;
}

/* False: there is no place for B. */
static bool keep(struct shelf *s, struct block *b)
{
	if (s->kept + b->size > s->most)
		return false;
	b->next = s->unused[b->class];
	s->unused[b->class] = b;
	s->kept += b->size;
	return true;
}

static void clear(struct shelf *s)
{
	for (unsigned i = 0; i < N_CLASSES; i++) {
		struct block *b;

		while ((b = take(s, i)))
			free(b);
	}
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	clear(&p->own);
	clear(&p->shared);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static unsigned class_of(size_t size)
{
	unsigned class = 0;

	while (class < N_CLASSES && ((size_t)SMALLEST << class) + HEAD < size)
		class ++;
	return class;
}

/* A block that will not be kept is as large as it was asked for. */
static struct block *new_block(size_t size, unsigned class)
{
	bool kept = KEEP && class < N_CLASSES;
	size_t room = kept ? ((size_t)SMALLEST << class) + HEAD : size;
	struct block *b;

	if (size > SIZE_MAX / 2)
		return NULL;
	b = aligned_alloc(LINE, (sizeof(*b) + room + LINE - 1) & -(size_t)LINE);
	if (!b)
		return NULL;
	b->size = room;
	b->class = class;
	return b;
}

void *pool_get(struct pool *p, size_t size)
{
	unsigned class = class_of(size);
	struct block *b = NULL;

	if (class < N_CLASSES && p == entered)
		b = take(&p->own, class);
	if (class < N_CLASSES && !b) {
		pthread_mutex_lock(&p->lock);
		b = take(&p->shared, class);
		pthread_mutex_unlock(&p->lock);
	}
	if (!b)
		b = new_block(size, class);
	return b ? b + 1 : NULL;
}

void pool_put(struct pool *p, void *block)
{
	struct block *b = block ? (struct block *)block - 1 : NULL;
	bool kept;

	if (!b)
		return;
	kept = b->class < N_CLASSES && p == entered && keep(&p->own, b);
	if (b->class < N_CLASSES && !kept) {
		pthread_mutex_lock(&p->lock);
		kept = keep(&p->shared, b);
		pthread_mutex_unlock(&p->lock);
	}
	if (!kept)
		free(b);
}

size_t pool_size(const void *block)
{
	return ((const struct block *)block - 1)->size;
}
