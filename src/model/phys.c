/* SPDX-License-Identifier: MIT */
#include "phys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "prng.h"

#define MARGIN 4 /* canaries at both ends, where a stray write of the model stays in memory */

#define L(id, name, summary) name,
const char *const layout_names[N_LAYOUTS] = {LAYOUTS(L)};
#undef L

int phys_init(struct phys *p, size_t n_pages)
{
	struct phys made = {
		.n_pages = n_pages,
		.bytes = malloc(n_pages * PAGE_SIZE),
		.origins = calloc(n_pages * PAGE_SIZE, sizeof(*made.origins)),
		.pages = calloc(n_pages, sizeof(*made.pages)),
	};

	if (!made.bytes || !made.origins || !made.pages) {
		phys_done(&made);
		return -ENOMEM;
	}
	memset(made.bytes, PHYS_CANARY, n_pages * PAGE_SIZE);
	*p = made;
	return 0;
}

void phys_done(struct phys *p)
{
	free(p->bytes);
	free(p->origins);
	free(p->pages);
}

void phys_take(struct phys *p, size_t pfn, enum page_owner owner, uint64_t index)
{
	p->pages[pfn] = (struct phys_page){owner, index};
	memset(phys_bytes(p, pfn), 0, PAGE_SIZE);
	memset(p->origins + pfn * PAGE_SIZE, 0, PAGE_SIZE * sizeof(*p->origins));
}

void phys_release(struct phys *p, size_t pfn)
{
	p->pages[pfn] = (struct phys_page){0};
	memset(phys_bytes(p, pfn), PHYS_CANARY, PAGE_SIZE);
}

void phys_write(struct phys *p, size_t pfn, size_t offset, const void *from, size_t len,
		uint64_t place)
{
	uint32_t *origins = p->origins + pfn * PAGE_SIZE + offset;
	uint32_t first = from ? ORIGIN_FILE + (uint32_t)place : ORIGIN_ZERO;

	if (from)
		memcpy(phys_bytes(p, pfn) + offset, from, len);
	else
		memset(phys_bytes(p, pfn) + offset, 0, len);
	for (size_t i = 0; i < len; i++, first += from != NULL)
		origins[i] = first | (origins[i] ? ORIGIN_TWICE : 0);
}

bool phys_is_written_once(const struct phys *p, size_t pfn)
{
	const uint32_t *origins = phys_origins(p, pfn);

	for (size_t i = 0; i < PAGE_SIZE; i++)
		if (origins[i] == ORIGIN_NONE || origins[i] & ORIGIN_TWICE)
			return false;
	return true;
}

static int compare_pfns(const void *a, const void *b)
{
	size_t x = **(size_t *const *)a, y = **(size_t *const *)b;

	return (x > y) - (x < y);
}

size_t frames_compact(size_t *pfns, size_t n)
{
	autofree size_t **order = calloc(n + 1, sizeof(*order));
	size_t at = MARGIN, before = SIZE_MAX;

	if (!order)
		return SIZE_MAX;
	for (size_t i = 0; i < n; i++)
		order[i] = &pfns[i];
	qsort(order, n, sizeof(*order), compare_pfns);
	for (size_t i = 0; i < n && *order[i] != SIZE_MAX; i++) {
		size_t pfn = *order[i];

		at += i && pfn != before ? pfn == before + 1 ? 1 : 2 : 0;
		before = pfn;
		*order[i] = at;
	}
	return at + 1 + MARGIN;
}

size_t frames_needed(size_t n, size_t count)
{
	return (size_t)2 * MARGIN + 2 * n + 4 * count;
}

void frames_init(struct frames *f, struct phys *p, enum layout layout, uint64_t seed)
{
	*f = (struct frames){.phys = p, .layout = layout, .next = MARGIN};
	if (layout == LAYOUT_DESCENDING)
		f->next = p->n_pages - MARGIN;
	if (layout == LAYOUT_RANDOM)
		f->next = seed;
}

static bool is_free(const struct frames *f, size_t pfn, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (f->phys->pages[pfn + i].owner != OWNER_CANARY)
			return false;
	return true;
}

/* Somewhere, then the next place behind it that is free. */
static size_t get_random(struct frames *f, size_t count)
{
	size_t room = f->phys->n_pages - (size_t)2 * MARGIN - count,
	       first = prng_below(&f->next, room);

	for (size_t i = 0; i < room; i++) {
		size_t pfn = MARGIN + (first + i) % room;

		if (is_free(f, pfn, count))
			return pfn;
	}
	return SIZE_MAX;
}

/* From the last place on, upwards or downwards, and once around. */
static size_t get_next(struct frames *f, size_t count)
{
	size_t low = MARGIN, high = f->phys->n_pages - MARGIN - count;
	size_t gap = f->layout == LAYOUT_SCATTERED, pfn;

	for (size_t tries = 0; tries <= high; tries++) {
		if (f->layout == LAYOUT_DESCENDING) {
			pfn = f->next < low + count ? high : f->next - count;
			f->next = pfn;
		} else {
			pfn = f->next > high ? low : f->next;
			f->next = pfn + count + gap;
		}
		if (is_free(f, pfn, count))
			return pfn;
	}
	return SIZE_MAX;
}

size_t frames_get(struct frames *f, size_t count)
{
	return f->layout == LAYOUT_RANDOM ? get_random(f, count) : get_next(f, count);
}
