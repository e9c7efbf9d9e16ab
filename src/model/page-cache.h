/* SPDX-License-Identifier: MIT */
/* A file in the page cache and how a program reads it: models mm/filemap.c, mm/readahead.c and
 * mm/fadvise.c of 6.12. A fresh page is a folio of order 0, as 9p has them. */
#ifndef MODEL_PAGE_CACHE_H
#define MODEL_PAGE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "folio-queue.h"
#include "phys.h"

struct address_space;

/* What fills pages; netfs.h has it. */
struct address_space_ops {
	/* The N folios from INDEX on are in the cache, locked; they come back unlocked. */
	int (*readahead)(struct address_space *m, uint64_t index, size_t n);
};

struct address_space {
	uint64_t i_size;
	struct folio **folios; /* by page number, NULL where there is none */
	size_t n_folios;       /* of the array */
	struct frames *frames;
	const size_t *pfns; /* NULL, or where in memory each page goes; SIZE_MAX: anywhere */
	const struct address_space_ops *ops;
	void *ctx; /* of ops */
	/* The share's: msize - 24 in pages; 0 for cache=none. */
	unsigned long bdi_ra_pages, bdi_io_pages;
};

struct file_ra_state {
	uint64_t start;
	unsigned long size, async_size, ra_pages;
	uint64_t prev_pos;
};

/* An open file. */
struct file {
	struct address_space *mapping;
	struct file_ra_state ra;
	bool is_random; /* FMODE_RANDOM */
	void (*window)(void *ctx, uint64_t index, size_t n, const char *why);
	void *ctx;
};

static inline struct folio *mapping_folio(const struct address_space *m, uint64_t index)
{
	return index < m->n_folios ? m->folios[index] : NULL;
}

/* 0 or -ENOMEM. mapping_drop empties it, as drop_caches does. */
int mapping_init(struct address_space *m, uint64_t i_size, struct frames *frames);
void mapping_drop(struct address_space *m);
void mapping_drop_folio(struct address_space *m, uint64_t index);
void mapping_done(struct address_space *m);

/* A fresh, locked folio of zeros at INDEX. 0, -EEXIST or -ENOMEM. */
int filemap_add_folio(struct address_space *m, uint64_t index, unsigned order,
		      struct folio **ret_f);

void file_open(struct file *f, struct address_space *m);

enum advice { ADVICE_NORMAL, ADVICE_SEQUENTIAL, ADVICE_RANDOM, ADVICE_WILLNEED, ADVICE_DONTNEED };

int generic_fadvise(struct file *f, uint64_t offset, uint64_t len, enum advice advice);

/* Up to COUNT bytes from POS on into BUF; returns how many, or -errno. */
ssize_t filemap_read(struct file *f, uint64_t pos, size_t count, void *buf);

/* Inside: readahead.c. Each: 0 or -errno. */
int page_cache_sync_ra(struct file *f, uint64_t index, size_t req_count);
int page_cache_async_ra(struct file *f, struct folio *folio, size_t req_count);
int force_page_cache_ra(struct file *f, uint64_t index, uint64_t nr_to_read);

#endif
