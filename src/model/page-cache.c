/* SPDX-License-Identifier: MIT */
#include "page-cache.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"

int mapping_init(struct address_space *m, uint64_t i_size, struct frames *frames)
{
	size_t n = (size_t)((i_size + PAGE_SIZE - 1) / PAGE_SIZE);
	struct folio **folios = calloc(n + 1, sizeof(struct folio *));

	if (!folios)
		return -ENOMEM;
	*m = (struct address_space){
		.i_size = i_size, .folios = folios, .n_folios = n, .frames = frames};
	return 0;
}

void mapping_drop_folio(struct address_space *m, uint64_t index)
{
	struct folio *f = mapping_folio(m, index);

	for (size_t i = 0; f && i < (size_t)1 << f->order; i++) {
		phys_release(f->phys, f->pfn + i);
		if (f->index + i < m->n_folios)
			m->folios[f->index + i] = NULL;
	}
	free(f);
}

void mapping_drop(struct address_space *m)
{
	for (size_t i = 0; i < m->n_folios; i++)
		mapping_drop_folio(m, i);
}

void mapping_done(struct address_space *m)
{
	mapping_drop(m);
	free(m->folios);
}

int filemap_add_folio(struct address_space *m, uint64_t index, unsigned order, struct folio **ret_f)
{
	size_t n = (size_t)1 << order, pfn;
	struct folio *f;

	if (index >= m->n_folios)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (mapping_folio(m, index + i))
			return -EEXIST;
	pfn = m->pfns ? m->pfns[index] : SIZE_MAX;
	if (pfn == SIZE_MAX)
		pfn = frames_get(m->frames, n);
	f = pfn == SIZE_MAX ? NULL : calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	*f = (struct folio){.phys = m->frames->phys,
			    .pfn = pfn,
			    .order = order,
			    .index = index,
			    .is_locked = true};
	for (size_t i = 0; i < n; i++) {
		phys_take(f->phys, pfn + i, OWNER_FILE, index + i);
		if (index + i < m->n_folios)
			m->folios[index + i] = f;
	}
	*ret_f = f;
	return 0;
}

void file_open(struct file *f, struct address_space *m)
{
	*f = (struct file){
		.mapping = m,
		.ra = {.ra_pages = m->bdi_ra_pages, .prev_pos = UINT64_MAX},
		.window = f->window,
		.ctx = f->ctx,
	};
}

/* Only whole pages go, and the last one if it is the file's end that is meant. */
static void invalidate(struct address_space *m, uint64_t offset, uint64_t end_byte)
{
	uint64_t first = (offset + PAGE_SIZE - 1) / PAGE_SIZE, last = end_byte / PAGE_SIZE;

	if (end_byte % PAGE_SIZE != PAGE_SIZE - 1 && end_byte != m->i_size - 1) {
		if (!last)
			return;
		last--;
	}
	for (uint64_t i = first; i <= last && i < m->n_folios; i++)
		mapping_drop_folio(m, i);
}

int generic_fadvise(struct file *f, uint64_t offset, uint64_t len, enum advice advice)
{
	uint64_t end_byte = !len || offset + len < len ? INT64_MAX : offset + len - 1;

	switch (advice) {
	case ADVICE_NORMAL:
		f->ra.ra_pages = f->mapping->bdi_ra_pages;
		f->is_random = false;
		return 0;
	case ADVICE_SEQUENTIAL:
		f->ra.ra_pages = 2 * f->mapping->bdi_ra_pages;
		f->is_random = false;
		return 0;
	case ADVICE_RANDOM:
		f->is_random = true;
		return 0;
	case ADVICE_WILLNEED:
		return force_page_cache_ra(f, offset / PAGE_SIZE,
					   end_byte / PAGE_SIZE - offset / PAGE_SIZE + 1);
	case ADVICE_DONTNEED:
		invalidate(f->mapping, offset, end_byte);
		return 0;
	}
	return -EINVAL;
}

/* The folios from INDEX on that are there, up to the first that announces the next readahead. */
static size_t filemap_get_read_batch(const struct address_space *m, uint64_t index, uint64_t max,
				     struct folio **batch)
{
	size_t n = 0;

	while (n < PAGEVEC_SIZE && index <= max) {
		struct folio *f = mapping_folio(m, index++);

		if (!f)
			break;
		batch[n++] = f;
		if (!f->is_uptodate || f->is_readahead)
			break;
	}
	return n;
}

static int filemap_create_folio(struct address_space *m, uint64_t index, struct folio **batch)
{
	int r = filemap_add_folio(m, index, 0, batch);

	return r ? r : m->ops->readahead(m, index, 1);
}

static ssize_t filemap_get_pages(struct file *f, uint64_t pos, size_t count, struct folio **batch)
{
	uint64_t index = pos / PAGE_SIZE, last = (pos + count + PAGE_SIZE - 1) / PAGE_SIZE;
	size_t n = filemap_get_read_batch(f->mapping, index, last - 1, batch);
	int r = 0;

	if (!n) {
		r = page_cache_sync_ra(f, index, (size_t)(last - index));
		n = filemap_get_read_batch(f->mapping, index, last - 1, batch);
	}
	if (!r && !n) {
		r = filemap_create_folio(f->mapping, index, batch);
		return r ? r : 1;
	}
	if (!r && batch[n - 1]->is_readahead)
		r = page_cache_async_ra(f, batch[n - 1], (size_t)(last - batch[n - 1]->index));
	if (!r && !batch[n - 1]->is_uptodate)
		r = f->mapping->ops->readahead(f->mapping, batch[n - 1]->index, 1);
	return r ? r : (ssize_t)n;
}

static size_t copy_folios(struct folio **batch, size_t n, uint64_t pos, uint64_t end,
			  unsigned char *to)
{
	size_t done = 0;

	for (size_t i = 0; i < n && pos + done < end; i++) {
		size_t offset = (size_t)(pos + done) % PAGE_SIZE;
		size_t part = (size_t)MIN(end - pos - done, (uint64_t)(PAGE_SIZE - offset));

		assert(batch[i]);
		memcpy(to + done, phys_bytes(batch[i]->phys, batch[i]->pfn) + offset, part);
		done += part;
	}
	return done;
}

ssize_t filemap_read(struct file *f, uint64_t pos, size_t count, void *buf)
{
	struct folio *batch[PAGEVEC_SIZE] = {NULL};
	uint64_t i_size = f->mapping->i_size, last_pos = f->ra.prev_pos;
	size_t done = 0;

	if (!count)
		return 0;
	while (done < count && pos + done < i_size) {
		uint64_t end = MIN(i_size, pos + count);
		ssize_t n = filemap_get_pages(f, pos + done, count - done, batch);

		if (n < 0)
			return n;
		done += copy_folios(batch, (size_t)n, pos + done, end, (unsigned char *)buf + done);
		last_pos = pos + done;
	}
	f->ra.prev_pos = last_pos;
	return (ssize_t)done;
}
