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
#define N_CLASSES 13 /* to 2 MiB; larger blocks are not kept */

/* What is kept at most. Nothing under AddressSanitizer, which is to see each use after the end. */
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

struct pool {
	pthread_mutex_t lock;
	struct block *unused[N_CLASSES];
	size_t kept;
};

int pool_new(struct pool **ret_p)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	*ret_p = p;
	return 0;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < N_CLASSES; i++) {
		struct block *b;

		while ((b = p->unused[i])) {
			p->unused[i] = b->next;
			free(b);
		}
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static unsigned class_of(size_t size)
{
	unsigned class = 0;

	while (class < N_CLASSES && (size_t)SMALLEST << class < size)
		class ++;
	return class;
}

/* A block that will not be kept is as large as it was asked for. */
static struct block *new_block(size_t size, unsigned class)
{
	bool kept = KEEP && class < N_CLASSES;
	size_t room = kept ? (size_t)SMALLEST << class : size;
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

	if (class < N_CLASSES) {
		pthread_mutex_lock(&p->lock);
		b = p->unused[class];
		if (b) {
			p->unused[class] = b->next;
			p->kept -= b->size;
		}
		pthread_mutex_unlock(&p->lock);
	}
	if (!b)
		b = new_block(size, class);
	return b ? b + 1 : NULL;
}

void pool_put(struct pool *p, void *block)
{
	struct block *b = block ? (struct block *)block - 1 : NULL;

	if (!b)
		return;
	if (b->class < N_CLASSES) {
		pthread_mutex_lock(&p->lock);
		if (p->kept + b->size <= KEEP) {
			b->next = p->unused[b->class];
			p->unused[b->class] = b;
			p->kept += b->size;
			b = NULL;
		}
		pthread_mutex_unlock(&p->lock);
	}
	free(b);
}

size_t pool_size(const void *block)
{
	return ((const struct block *)block - 1)->size;
}
