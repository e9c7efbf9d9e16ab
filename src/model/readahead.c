/* SPDX-License-Identifier: MIT */
/* How many pages a read brings into the cache, and when: models mm/readahead.c of 6.12. */
#include <errno.h>
#include <stdint.h>

#include "macros.h"
#include "page-cache.h"

#define FORCED_CHUNK ((2UL << 20) / PAGE_SIZE)

static int read_pages(struct address_space *m, uint64_t *index, size_t *n)
{
	int r = *n ? m->ops->readahead(m, *index, *n) : 0;

	*index += *n;
	*n = 0;
	return r;
}

/* Pages that are there already cut the request in two. *INDEX moves behind what was read. */
static int page_cache_ra_unbounded(struct address_space *m, uint64_t *index, uint64_t nr_to_read,
				   uint64_t lookahead)
{
	uint64_t first = *index, mark = nr_to_read - lookahead, i = 0;
	size_t n = 0;
	int r = 0;

	while (!r && i < nr_to_read) {
		struct folio *f;

		r = filemap_add_folio(m, first + i, 0, &f);
		if (r == -EEXIST) {
			r = read_pages(m, index, &n);
			++*index;
			i = *index - first;
			continue;
		}
		if (r)
			return r;
		f->is_readahead = i == mark;
		n++;
		i++;
	}
	return r ? r : read_pages(m, index, &n);
}

static int do_page_cache_ra(struct file *f, uint64_t *index, uint64_t nr_to_read,
			    uint64_t lookahead, const char *why)
{
	uint64_t i_size = f->mapping->i_size, end_index = i_size ? (i_size - 1) / PAGE_SIZE : 0;

	if (!i_size || *index > end_index)
		return 0;
	if (nr_to_read > end_index - *index)
		nr_to_read = end_index - *index + 1;
	if (f->window)
		f->window(f->ctx, *index, (size_t)nr_to_read, why);
	return page_cache_ra_unbounded(f->mapping, index, nr_to_read, lookahead);
}

int force_page_cache_ra(struct file *f, uint64_t index, uint64_t nr_to_read)
{
	unsigned long max = MAX(f->mapping->bdi_io_pages, f->ra.ra_pages);
	int r = 0;

	nr_to_read = MIN(nr_to_read, max);
	while (nr_to_read && !r) {
		uint64_t chunk = MIN(nr_to_read, FORCED_CHUNK);

		r = do_page_cache_ra(f, &index, chunk, 0, "as asked for");
		nr_to_read -= chunk;
	}
	return r;
}

static unsigned long power_of_two_from(unsigned long n)
{
	unsigned long p = 1;

	while (p < n)
		p *= 2;
	return p;
}

/* The first window of a stream: small reads get four times what they ask for, larger ones twice,
 * and never more than MAX. */
static unsigned long get_init_ra_size(unsigned long size, unsigned long max)
{
	unsigned long n = power_of_two_from(size);

	if (n <= max / 32)
		return 4 * n;
	return n <= max / 4 ? 2 * n : max;
}

static unsigned long get_next_ra_size(const struct file_ra_state *ra, unsigned long max)
{
	if (ra->size < max / 16)
		return 4 * ra->size;
	return ra->size <= max / 2 ? 2 * ra->size : max;
}

/* A read that is larger than the window may have as much as the device likes best. */
static unsigned long max_pages(const struct file *f, size_t req_size)
{
	unsigned long max = f->ra.ra_pages;

	if (req_size > max && f->mapping->bdi_io_pages > max)
		max = MIN((unsigned long)req_size, f->mapping->bdi_io_pages);
	return max;
}

static int read_window(struct file *f, const char *why)
{
	uint64_t index = f->ra.start;

	return do_page_cache_ra(f, &index, f->ra.size, f->ra.async_size, why);
}

/* The last gap at or before INDEX. Wraps around to UINT64_MAX when there is none, but only if it may
 * look that far; else it is the last place that it looked at, page or not. */
static uint64_t page_cache_prev_miss(const struct address_space *m, uint64_t index,
				     unsigned long max)
{
	uint64_t at = index + 1;

	while (max-- && mapping_folio(m, --at))
		;
	return at;
}

int page_cache_sync_ra(struct file *f, uint64_t index, size_t req_count)
{
	struct file_ra_state *ra = &f->ra;
	uint64_t prev_index = ra->prev_pos / PAGE_SIZE, miss, n;
	unsigned long max;

	if (!ra->ra_pages)
		return force_page_cache_ra(f, index, 1);
	if (f->is_random)
		return force_page_cache_ra(f, index, req_count);
	max = max_pages(f, req_count);
	if (!index || req_count > max || index - prev_index <= 1) {
		ra->start = index;
		ra->size = get_init_ra_size(req_count, max);
		ra->async_size = ra->size > req_count ? ra->size - req_count : ra->size / 2;
		return read_window(f, "a stream begins");
	}
	miss = page_cache_prev_miss(f->mapping, index - 1, max);
	n = index - miss - 1;
	if (n <= req_count)
		return do_page_cache_ra(f, &index, req_count, 0, "a read by itself");
	ra->start = index;
	ra->size = MIN((miss == UINT64_MAX ? 2 * n : n) + req_count, max);
	ra->async_size = 1;
	return read_window(f, "pages before it are there");
}

static uint64_t page_cache_next_miss(const struct address_space *m, uint64_t index,
				     unsigned long max)
{
	uint64_t n = 0;

	while (n < max && mapping_folio(m, index + n))
		n++;
	return index + n;
}

int page_cache_async_ra(struct file *f, struct folio *folio, size_t req_count)
{
	struct file_ra_state *ra = &f->ra;
	unsigned long max;
	uint64_t start;

	if (!ra->ra_pages)
		return 0;
	folio->is_readahead = false;
	max = max_pages(f, req_count);
	if (folio->index == ra->start + ra->size - ra->async_size) {
		ra->start += ra->size;
		ra->size = MAX(ra->size, get_next_ra_size(ra, max));
		ra->async_size = ra->size;
		return read_window(f, "the stream goes on");
	}
	start = page_cache_next_miss(f->mapping, folio->index + 1, max);
	if (start - folio->index > max)
		return 0;
	ra->start = start;
	ra->size = (unsigned long)(start - folio->index) + req_count;
	ra->size = get_next_ra_size(ra, max);
	ra->async_size = ra->size;
	return read_window(f, "a mark of another stream");
}
