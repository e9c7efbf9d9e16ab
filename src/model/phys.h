/* SPDX-License-Identifier: MIT */
/* The model's physical memory: pages side by side, each with an owner, so that a write past the
 * end of one is seen, and it is known whom it hit. */
#ifndef MODEL_PHYS_H
#define MODEL_PHYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE 4096U
#define PHYS_CANARY 0xc5 /* what a page that nobody owns is full of */

enum page_owner {
	OWNER_CANARY, /* nobody: no byte of it may change */
	OWNER_FILE,   /* the page cache; index: the page's number in the file */
	OWNER_BUFFER, /* the reading program */
};

struct phys_page {
	enum page_owner owner;
	uint64_t index;
};

/* Where a byte of memory comes from: these, or ORIGIN_FILE + its place in the file. */
#define ORIGIN_NONE 0U /* never written since the page was taken */
#define ORIGIN_ZERO 1U /* filled with zeros */
#define ORIGIN_FILE 2U
#define ORIGIN_TWICE (1U << 31) /* or-ed in: not the first write there */

struct phys {
	size_t n_pages;
	unsigned char *bytes;
	uint32_t *origins; /* where the bytes come from, one each */
	struct phys_page *pages;
};

/* A stretch of one page, which a step of an iterator works on. FOLIO is the folio that the
 * iterator means and FOLIO_OFFSET the place in it, if it is one over folios: a place at or past
 * the folio's end is in somebody else's page. */
struct span {
	struct phys *phys;
	size_t pfn, offset;
	const struct folio *folio;
	size_t folio_offset;
};

/* N_PAGES canaries. 0 or -ENOMEM. */
int phys_init(struct phys *p, size_t n_pages);
void phys_done(struct phys *p);

/* Gives a page away, zeroed: the guests that it is compared with have init_on_alloc=1. */
void phys_take(struct phys *p, size_t pfn, enum page_owner owner, uint64_t index);
void phys_release(struct phys *p, size_t pfn);

/* LEN bytes to OFFSET within the page, which are the file's from PLACE on; FROM NULL: zeros. */
void phys_write(struct phys *p, size_t pfn, size_t offset, const void *from, size_t len,
		uint64_t place);

/* Was each byte of the page written once and only once? */
bool phys_is_written_once(const struct phys *p, size_t pfn);

static inline const uint32_t *phys_origins(const struct phys *p, size_t pfn)
{
	return p->origins + pfn * PAGE_SIZE;
}

static inline unsigned char *phys_bytes(const struct phys *p, size_t pfn)
{
	return p->bytes + pfn * PAGE_SIZE;
}

/* How the page allocator hands out pages. */
#define LAYOUTS(L)                                                                     \
	L(SCATTERED, "scattered", "a page of somebody else behind each")               \
	L(ASCENDING, "ascending", "each behind the one before")                        \
	L(DESCENDING, "descending", "each before the one before, as in a fresh guest") \
	L(RANDOM, "random", "anywhere")

#define L(id, name, summary) LAYOUT_##id,
enum layout { LAYOUTS(L) N_LAYOUTS };
#undef L

extern const char *const layout_names[N_LAYOUTS];

/* The page allocator. */
struct frames {
	struct phys *phys;
	enum layout layout;
	uint64_t next; /* LAYOUT_RANDOM: the state of the generator */
};

void frames_init(struct frames *f, struct phys *p, enum layout layout, uint64_t seed);

/* COUNT free pages in a row: the first one's number, or SIZE_MAX when memory is used up. */
size_t frames_get(struct frames *f, size_t count);

/* Pages of memory that N pages in folios of COUNT need, whatever the layout. */
size_t frames_needed(size_t n, size_t count);

/* Maps N page numbers of a real memory to small ones in place: those that are neighbours stay so,
 * all others get a canary between. SIZE_MAX stays. Returns how many pages the memory needs, or
 * SIZE_MAX when memory is out. */
size_t frames_compact(size_t *pfns, size_t n);

#endif
