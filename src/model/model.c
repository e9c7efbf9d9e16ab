/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "netfs.h"

#define MAX_DAMAGES 4096U

#define C(id, name) name,
const char *const model_cache_names[N_MODEL_CACHES] = {MODEL_CACHES(C)};
#undef C

/* What the steps of the model point to, in one piece of memory. */
struct parts {
	struct model model;
	struct p9_client clnt;
	struct p9_server server;
	struct p9_fid fid;
	struct v9fs_file v9fs;
};

struct model_config model_config_default(void)
{
	struct model_config c = {
		.size = 12943, .msize = 16384, .iounit = 12288, .cache = MODEL_CACHE_MMAP};

	kernel_rules_of("6.12.43", &c.rules);
	return c;
}

/* 5 digits of the file, 8 of the place, and what makes a line of it. */
void model_fill(unsigned char *bytes, size_t n, unsigned file_id)
{
	static const char digits[] = "0123456789abcdef", frame[] = ".....:........\0.\n";

	for (size_t at = 0; at < n; at++) {
		size_t i = at % 16;
		uint64_t word = (uint64_t)(file_id & 0xfffff) << 32 | (at & 0xfffffff0);
		size_t shift = 4 * (12 - i + (i > 5));

		bytes[at] = (unsigned char)(i == 5 || i > 13 ? frame[i]
							     : digits[word >> shift & 15]);
	}
}

static void note_window(void *ctx, uint64_t index, size_t n, const char *why)
{
	event_add(ctx,
		  &(struct event){.kind = EVENT_WINDOW, .index = index, .count = n, .why = why});
}

static int make_memory(struct model *m)
{
	size_t n = (size_t)(m->config.size + PAGE_SIZE - 1) / PAGE_SIZE;
	size_t at_once = m->config.window ? m->config.window / PAGE_SIZE + 1 : n;
	size_t needed = frames_needed(at_once + 1, (size_t)1 << m->config.max_order);

	if (m->config.pfns) {
		size_t more;

		m->pfns = calloc(n + 1, sizeof(*m->pfns));
		if (!m->pfns)
			return -ENOMEM;
		memcpy(m->pfns, m->config.pfns, n * sizeof(*m->pfns));
		more = frames_compact(m->pfns, n);
		if (more == SIZE_MAX)
			return -ENOMEM;
		needed += more;
	}
	m->bytes = malloc(m->config.size + 1);
	if (!m->bytes)
		return -ENOMEM;
	if (m->config.bytes)
		memcpy(m->bytes, m->config.bytes, m->config.size);
	else
		model_fill(m->bytes, m->config.size, 1);
	return phys_init(&m->phys, needed);
}

static int connect_parts(struct parts *p)
{
	struct model *m = &p->model;
	const struct model_config *c = &m->config;
	unsigned long pages = (c->msize - P9_IOHDRSZ) / PAGE_SIZE;
	int r = mapping_init(&m->mapping, c->size, &m->frames);

	if (r)
		return r;
	p->clnt = (struct p9_client){.msize = c->msize, .has_zc_request = !c->is_copy_only};
	p->server = (struct p9_server){m->bytes, c->size, c->reply_limit};
	p->fid = (struct p9_fid){&p->clnt, &p->server, c->iounit, &m->rec};
	p->v9fs = (struct v9fs_file){&p->fid, &c->rules, c->size, &m->rec};
	m->clnt = &p->clnt;
	m->server = &p->server;
	m->fid = &p->fid;
	m->v9fs = &p->v9fs;
	m->mapping.ops = &netfs_ops;
	m->mapping.ctx = &p->v9fs;
	m->mapping.pfns = m->pfns;
	if (c->cache != MODEL_CACHE_NONE)
		m->mapping.bdi_ra_pages = m->mapping.bdi_io_pages = pages;
	m->file.window = note_window;
	m->file.ctx = &m->rec;
	file_open(&m->file, &m->mapping);
	return 0;
}

int model_new(const struct model_config *c, struct model **ret_m)
{
	struct parts *p;
	int r;

	if (c->size > (c->window ? MODEL_MAX_SIZE_IN_WINDOWS : MODEL_MAX_SIZE) ||
	    c->window > MODEL_MAX_SIZE || c->msize <= P9_IOHDRSZ)
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->model.config = *c;
	p->model.rec.is_brief = c->is_brief;
	r = make_memory(&p->model);
	if (!r) {
		frames_init(&p->model.frames, &p->model.phys, c->layout, c->seed);
		r = connect_parts(p);
	}
	if (r) {
		model_free(&p->model);
		return r;
	}
	*ret_m = &p->model;
	return 0;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	if (m->mapping.folios)
		mapping_done(&m->mapping);
	recorder_done(&m->rec);
	phys_done(&m->phys);
	free(m->bytes);
	free(m->pfns);
	free(m->damages);
	free(container_of(m, struct parts, model));
}

static const struct event *find_tread(const struct model *m, uint64_t offset)
{
	for (size_t i = m->rec.n; i-- > 0;) {
		const struct event *e = &m->rec.events[i];

		if (e->kind == EVENT_TREAD && offset >= e->offset && offset < e->offset + e->count)
			return e;
	}
	return NULL;
}

static int add_damage(struct model *m, uint64_t offset, uint64_t len, uint64_t from)
{
	const struct event *e = find_tread(m, offset);
	struct damage *more, d = {.offset = offset,
				  .len = len,
				  .step = m->rec.step,
				  .tread = e ? e->tread : 0,
				  .from = from};

	for (size_t i = 0; i < m->n_damages; i++)
		if (offset == m->damages[i].offset && from == m->damages[i].from)
			return 0; /* found after an earlier step */
	m->lost += len;
	if (m->n_damages >= MAX_DAMAGES)
		return 0;
	more = realloc(m->damages, (m->n_damages + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	m->damages = more;
	more[m->n_damages++] = d;
	return 0;
}

/* Where the byte with this origin should stand instead; PLACE itself if it is there. */
static uint64_t where_from(const struct model *m, uint64_t place, uint32_t origin)
{
	origin &= ~ORIGIN_TWICE;
	if (origin >= ORIGIN_FILE)
		return origin - ORIGIN_FILE;
	return place < m->config.size ? FROM_NOWHERE : place;
}

static uint64_t place_in_row(uint64_t from, size_t n)
{
	return from == FROM_NOWHERE ? from : from + n;
}

/* N bytes that the guest has for those at OFFSET of the file. A range of damage ends where the
 * bytes do not go on from where they began. */
static int compare(struct model *m, uint64_t offset, const uint32_t *origins, size_t n)
{
	int r = 0;

	for (size_t at = 0, len = 1; at < n && !r; at += len, len = 1) {
		uint64_t from = where_from(m, offset + at, origins[at]);

		if (from == offset + at)
			continue;
		while (at + len < n && offset + at + len < m->config.size &&
		       where_from(m, offset + at + len, origins[at + len]) ==
			       place_in_row(from, len))
			len++;
		r = add_damage(m, offset + at, len, from);
	}
	return r;
}

static int check_folio(struct model *m, const struct folio *f)
{
	int r = 0;

	if (f->is_locked)
		event_broken(&m->rec, "a folio is still locked when the read is over");
	for (size_t i = 0; f->is_uptodate && i < (size_t)1 << f->order && !r; i++) {
		if (!phys_is_written_once(f->phys, f->pfn + i))
			event_broken(&m->rec,
				     "a byte of a folio was not written once and only once");
		r = compare(m, (f->index + i) * PAGE_SIZE, phys_origins(f->phys, f->pfn + i),
			    PAGE_SIZE);
	}
	return r;
}

int model_check(struct model *m)
{
	int r = 0;

	for (size_t i = 0; i < m->mapping.n_folios && !r; i++)
		if (m->mapping.folios[i] && m->mapping.folios[i]->index == i)
			r = check_folio(m, m->mapping.folios[i]);
	return r;
}

/* The program's memory: pages of its own, none next to another. */
static ssize_t read_into(struct model *m, const struct step *s, struct phys *phys, size_t n_pages,
			 unsigned char *to)
{
	autofree size_t *pfns = calloc(n_pages, sizeof(*pfns));
	struct vbuf buf = {.phys = phys, .pfns = pfns};
	ssize_t n;
	int r = 0;

	if (!pfns)
		return -ENOMEM;
	for (size_t i = 0; i < n_pages; i++)
		phys_take(phys, pfns[i] = 2 * i, OWNER_BUFFER, i);
	n = netfs_unbuffered_read(m->v9fs, s->offset, s->len, &buf);
	for (size_t at = 0; n > 0 && at < (size_t)n && !r; at += PAGE_SIZE) {
		size_t part = MIN((size_t)n - at, PAGE_SIZE);

		memcpy(to + at, phys_bytes(phys, 2 * (at / PAGE_SIZE)), part);
		r = compare(m, s->offset + at, phys_origins(phys, 2 * (at / PAGE_SIZE)), part);
	}
	return r ? r : n;
}

/* A read behind the end is asked for as it is, but no further than the model has memory. */
static ssize_t read_direct(struct model *m, const struct step *s, unsigned char *to)
{
	uint64_t left = s->offset < m->config.size ? m->config.size - s->offset : 0;
	struct step asked = *s;
	struct phys phys;
	size_t n_pages;
	ssize_t n;

	asked.len = MIN(s->len, left + (uint64_t)2 * PAGE_SIZE);
	n_pages = asked.len / PAGE_SIZE + 1;
	n = phys_init(&phys, 2 * n_pages);
	if (n)
		return n;
	n = read_into(m, &asked, &phys, n_pages, to);
	phys_done(&phys);
	return n;
}

static int read_step(struct model *m, const struct step *s, void *buf, size_t *ret_n)
{
	bool is_direct = m->config.cache == MODEL_CACHE_NONE;
	uint64_t left = s->offset < m->config.size ? m->config.size - s->offset : 0;
	autofree unsigned char *own = NULL;
	unsigned char *to = buf;
	ssize_t n;

	if (!to)
		to = own = malloc(MIN(s->len, left) + 1);
	if (!to)
		return -ENOMEM;
	n = is_direct ? read_direct(m, s, to) : filemap_read(&m->file, s->offset, s->len, to);
	if (n >= 0 && ret_n)
		*ret_n = (size_t)n;
	return n < 0 ? (int)n : 0;
}

static int advise_step(struct model *m, const struct step *s)
{
	if (m->config.cache == MODEL_CACHE_NONE)
		return 0;
	return generic_fadvise(&m->file, s->offset, s->len, s->advice);
}

int model_step(struct model *m, const struct step *s, void *buf, size_t *ret_n)
{
	unsigned treads = m->rec.treads;
	int r = 0;

	event_add(&m->rec, &(struct event){.kind = EVENT_STEP});
	switch (s->kind) {
	case STEP_OPEN:
		file_open(&m->file, &m->mapping);
		break;
	case STEP_ADVISE:
		r = advise_step(m, s);
		break;
	case STEP_READ:
		r = read_step(m, s, buf, ret_n);
		break;
	case STEP_DROP:
		mapping_drop(&m->mapping);
		break;
	}
	if (!r && m->rec.treads != treads)
		r = model_check(m);
	m->rec.step++;
	return r;
}

void model_reset(struct model *m)
{
	bool is_brief = m->rec.is_brief;

	mapping_drop(&m->mapping);
	frames_init(&m->frames, &m->phys, m->config.layout, m->config.seed);
	file_open(&m->file, &m->mapping);
	recorder_done(&m->rec);
	m->rec.is_brief = is_brief;
	m->n_damages = 0;
	m->lost = 0;
}

bool model_is_sound(const struct model *m)
{
	return !m->lost && !m->rec.outside && !m->rec.broken;
}
