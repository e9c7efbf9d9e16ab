/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "macros.h"

#define BLOCK_SIZE 4096

struct arena_block {
	struct arena_block *next;
	alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a, void *first, size_t size)
{
	*a = (struct arena){.at = first, .start = first, .start_size = size};
	a->end = first ? a->at + size : NULL;
}

void arena_done(struct arena *a)
{
	struct arena_block *b;

	while ((b = a->blocks)) {
		a->blocks = b->next;
		free(b);
	}
	a->at = a->end = NULL;
}

void arena_reset(struct arena *a)
{
	arena_done(a);
	a->at = a->start;
	a->end = a->start ? a->start + a->start_size : NULL;
}

static int grow(struct arena *a, size_t size)
{
	size_t room = MAX(size, (size_t)BLOCK_SIZE);
	struct arena_block *b = malloc(sizeof(*b) + room);

	if (!b)
		return -1;
	b->next = a->blocks;
	a->blocks = b;
	a->at = b->bytes;
	a->end = b->bytes + room;
	return 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	size_t pad = a->at ? -(uintptr_t)a->at & (align - 1) : 0;
	char *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	if (!a->at || (size_t)(a->end - a->at) < pad + size) {
		if (grow(a, size))
			return NULL;
		pad = 0;
	}
	p = a->at + pad;
	a->at = p + size;
	return p;
}
