/* SPDX-License-Identifier: MIT */
#include "tell-model.h"

#include <inttypes.h>

#include "macros.h"
#include "read-trace.h"

#define TOLD_TREADS 40 /* with more, only what is wrong is told */

static const char *const write_names[] = {
	[WRITE_DMA] = "written by the device",
	[WRITE_COPY] = "copied",
	[WRITE_ZERO] = "filled with zeros",
};

static void put_range(FILE *f, uint64_t offset, uint64_t len)
{
	if (len == 1)
		fprintf(f, "0x%" PRIx64, offset);
	else
		fprintf(f, "0x%" PRIx64 "-0x%" PRIx64, offset, offset + len - 1);
}

static void put_step(FILE *f, const struct step *steps, size_t n, unsigned step)
{
	fprintf(f, steps ? "step %u" : "request %u", step + 1);
	if (step < n) {
		fputs(" (", f);
		step_print(f, &steps[step]);
		fputc(')', f);
	}
}

/* The write that took the bytes of D elsewhere. */
static const struct event *find_astray(const struct model *m, const struct damage *d)
{
	for (size_t i = 0; i < m->rec.n; i++) {
		const struct event *e = &m->rec.events[i];

		if (e->kind == EVENT_WRITE && e->is_outside && d->offset < e->offset + e->count &&
		    e->offset < d->offset + d->len)
			return e;
	}
	return NULL;
}

void tell_verdict(FILE *f, const struct model *m, const struct step *steps, size_t n)
{
	const struct damage *d = m->damages;
	const struct event *e;

	if (!m->lost && m->rec.outside) {
		fprintf(f,
			"OK, but by luck: every byte is right, and %" PRIu64
			" write%s left the folio that was meant\n",
			m->rec.outside, m->rec.outside == 1 ? "" : "s");
		return;
	}
	if (!m->lost) {
		fprintf(f, "OK: every byte is right after %u %s%s and %u Tread%s\n", m->rec.step,
			steps ? "step" : "request", m->rec.step == 1 ? "" : "s", m->rec.treads,
			m->rec.treads == 1 ? "" : "s");
		return;
	}
	e = find_astray(m, d);
	fprintf(f, "LOST: %" PRIu64 " of %" PRIu64 " bytes, ", m->lost, m->config.size);
	put_range(f, d->offset, d->len);
	fputs(m->n_damages > 1 ? " and more, in " : ", in ", f);
	put_step(f, steps, n, d->step);
	if (d->tread)
		fprintf(f, ", by Tread %u", d->tread);
	if (e)
		fprintf(f, ": %s to the page behind folio %" PRIu64, write_names[e->write],
			e->index);
	fputc('\n', f);
}

static void put_cursor(FILE *f, const struct cursor *c)
{
	if (c->iter_type != ITER_FOLIOQ) {
		fprintf(f, "%s offset %zu count %zu", iter_type_names[c->iter_type], c->iov_offset,
			c->count);
		return;
	}
	if (c->segment)
		fprintf(f, "segment %zu ", c->segment);
	fprintf(f, "slot %zu offset %zu count %zu", c->slot, c->iov_offset, c->count);
	if (c->is_parked)
		fprintf(f, " (parked: the folio has %zu bytes)", c->folio_size);
}

static void tell_tread(FILE *f, const struct event *e)
{
	fprintf(f, "    Tread %u: 0x%" PRIx64 "+0x%" PRIx64 ", %s", e->tread, e->offset, e->count,
		e->zero_copy ? "zero-copy" : "copied");
	if (e->received != e->count)
		fprintf(f, ", answered with 0x%" PRIx64, e->received);
	fputs("\n      from ", f);
	put_cursor(f, &e->before);
	fputs("\n      to   ", f);
	put_cursor(f, &e->after);
	fputc('\n', f);
}

static void tell_astray(FILE *f, const struct event *e)
{
	if (!e->is_outside)
		return;
	fprintf(f,
		"    ! %" PRIu64 " bytes of 0x%" PRIx64 " were %s to 0x%zx of folio %" PRIu64
		", which is the page behind it: ",
		e->count, e->offset, write_names[e->write], e->folio_offset, e->index);
	if (e->owner == OWNER_FILE)
		fprintf(f, "page %" PRIu64 " of the same file\n", e->owner_index);
	else
		fprintf(f, "somebody else's\n");
}

static void tell_event(FILE *f, const struct event *e, const struct step *steps, size_t n)
{
	switch (e->kind) {
	case EVENT_STEP:
		put_step(f, steps, n, e->step);
		fputc('\n', f);
		break;
	case EVENT_WINDOW:
		fprintf(f, "  readahead: %" PRIu64 " pages from page %" PRIu64 " on, %s\n",
			e->count, e->index, e->why);
		break;
	case EVENT_REQUEST:
		fprintf(f, "  netfs: 0x%" PRIx64 "+0x%" PRIx64 "\n", e->offset, e->count);
		break;
	case EVENT_DOWNLOAD:
		fprintf(f, "   download 0x%" PRIx64 "+0x%" PRIx64 "\n", e->offset, e->count);
		break;
	case EVENT_ZERO:
		fprintf(f, "   zeros 0x%" PRIx64 "+0x%" PRIx64 "\n", e->offset, e->count);
		break;
	case EVENT_TREAD:
		tell_tread(f, e);
		break;
	case EVENT_WRITE:
		tell_astray(f, e);
		break;
	case EVENT_BROKEN:
		fprintf(f, "    ! %s\n", e->why);
		break;
	}
}

static bool is_wrong(const struct event *e)
{
	return e->is_outside || e->kind == EVENT_BROKEN;
}

/* The step that begins with event AT. */
static bool step_is_wrong(const struct model *m, size_t at)
{
	unsigned step = m->rec.events[at].step;

	for (; at < m->rec.n && m->rec.events[at].step == step; at++)
		if (is_wrong(&m->rec.events[at]))
			return true;
	return false;
}

void tell_steps(FILE *f, const struct model *m, const struct step *steps, size_t n)
{
	bool is_long = m->rec.treads > TOLD_TREADS, is_told = true;
	unsigned left_out = 0;

	for (size_t i = 0; i < m->rec.n; i++) {
		if (is_long && m->rec.events[i].kind == EVENT_STEP) {
			is_told = step_is_wrong(m, i);
			left_out += !is_told;
		}
		if (is_told)
			tell_event(f, &m->rec.events[i], steps, n);
	}
	if (left_out)
		fprintf(f, "(%u %ss, in which all is right, are left out)\n", left_out,
			steps ? "step" : "request");
	for (size_t i = 0; i < m->n_damages; i++) {
		const struct damage *d = &m->damages[i];

		fputs("lost: ", f);
		put_range(f, d->offset, d->len);
		fprintf(f, ", %" PRIu64 " bytes: ", d->len);
		if (d->from == FROM_NOWHERE) {
			fputs("never written; they read as zeros, or as what the page held "
			      "before\n",
			      f);
		} else {
			fputs("there stands ", f);
			put_range(f, d->from, d->len);
			fputs(" of the file\n", f);
		}
	}
}

const struct event *drawing_tread(const struct model *m, unsigned tread)
{
	for (size_t i = 0; i < m->rec.n; i++)
		if (m->rec.events[i].kind == EVENT_TREAD && m->rec.events[i].tread == tread)
			return &m->rec.events[i];
	return NULL;
}

/* The rows: each Tread of which a write touches the columns, in order; zeros last. */
static void add_row(struct drawing *d, unsigned tread)
{
	for (size_t i = 0; i < d->n_rows; i++)
		if (d->treads[i] == tread)
			return;
	if (d->n_rows == DRAW_ROWS)
		d->is_cut = true;
	else
		d->treads[d->n_rows++] = tread;
}

struct drawing drawing_of(const struct model *m)
{
	uint64_t pages = (m->config.size + PAGE_SIZE - 1) / PAGE_SIZE;
	uint64_t at = m->n_damages ? m->damages[0].offset / PAGE_SIZE : 0;
	struct drawing d = {.first_page = at > DRAW_PAGES - 2 ? at - (DRAW_PAGES - 2) : 0};
	bool has_zeros = false;

	d.n_pages = (size_t)MIN(pages - MIN(pages, d.first_page), (uint64_t)DRAW_PAGES);
	d.is_cut = d.n_pages < pages;
	for (size_t i = 0; i < m->rec.n; i++) {
		const struct event *e = &m->rec.events[i];

		if (e->kind != EVENT_WRITE || e->index < d.first_page ||
		    e->index >= d.first_page + d.n_pages)
			continue;
		if (e->tread)
			add_row(&d, e->tread);
		else
			has_zeros = true;
	}
	if (has_zeros)
		add_row(&d, 0);
	return d;
}
