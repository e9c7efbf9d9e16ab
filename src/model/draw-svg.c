/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "macros.h"
#include "tell-model.h"

#define LEFT 110
#define TOP 50
#define PAGE_WIDTH 128
#define PAGE_GAP 24
#define ROW_HEIGHT 44
#define BAR_HEIGHT 24

static const char *const colors[] = {
	[WRITE_DMA] = "#4c78a8", [WRITE_COPY] = "#59a14f", [WRITE_ZERO] = "#bab0ac"};
#define COLOR_LOST "#e15759"

static size_t x_of(const struct drawing *d, uint64_t page, size_t offset)
{
	return LEFT + (size_t)(page - d->first_page) * (PAGE_WIDTH + PAGE_GAP) +
	       offset * PAGE_WIDTH / PAGE_SIZE;
}

static void put_bar(FILE *f, size_t x, size_t y, size_t bytes, const char *color)
{
	fprintf(f, "<rect x=\"%zu\" y=\"%zu\" width=\"%zu\" height=\"%d\" fill=\"%s\"/>\n", x, y,
		MAX(bytes * PAGE_WIDTH / PAGE_SIZE, (size_t)2), BAR_HEIGHT, color);
}

static void put_frames(FILE *f, const struct drawing *d, size_t y)
{
	for (size_t i = 0; i < d->n_pages; i++)
		fprintf(f,
			"<rect x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\" fill=\"none\" "
			"stroke=\"#888\"/>\n",
			x_of(d, d->first_page + i, 0), y, PAGE_WIDTH, BAR_HEIGHT);
}

/* A write that left its folio is drawn where it went: in the gap behind it. */
static void put_astray(FILE *f, const struct drawing *d, const struct event *e, size_t y)
{
	size_t x = x_of(d, e->index, PAGE_SIZE);

	fprintf(f,
		"<rect x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\" fill=\"" COLOR_LOST "\"/>\n"
		"<text x=\"%zu\" y=\"%zu\" fill=\"" COLOR_LOST "\">%" PRIu64
		" bytes to the page behind</text>\n",
		x, y, PAGE_GAP, BAR_HEIGHT, x, y + BAR_HEIGHT + 13, e->count);
}

static void put_row(FILE *f, const struct model *m, const struct drawing *d, unsigned tread,
		    size_t y)
{
	const struct event *t = drawing_tread(m, tread);

	if (tread && t)
		fprintf(f,
			"<text x=\"8\" y=\"%zu\">Tread %u<title>0x%" PRIx64 "+0x%" PRIx64
			", %s</title></text>\n",
			y + 17, tread, t->offset, t->count, t->zero_copy ? "zero-copy" : "copied");
	else
		fprintf(f, "<text x=\"8\" y=\"%zu\">zeros</text>\n", y + 17);
	for (size_t i = 0; i < m->rec.n; i++) {
		const struct event *e = &m->rec.events[i];

		if (e->kind != EVENT_WRITE || e->tread != tread || e->index < d->first_page ||
		    e->index >= d->first_page + d->n_pages)
			continue;
		if (e->is_outside)
			put_astray(f, d, e, y);
		else
			put_bar(f, x_of(d, e->index, e->folio_offset), y, e->count,
				colors[e->write]);
	}
	put_frames(f, d, y);
}

static bool is_filled(const struct model *m, uint64_t page)
{
	for (size_t i = 0; i < m->rec.n; i++)
		if (m->rec.events[i].kind == EVENT_WRITE && m->rec.events[i].index == page)
			return true;
	return false;
}

static void put_cache(FILE *f, const struct model *m, const struct drawing *d, size_t y)
{
	fprintf(f, "<text x=\"8\" y=\"%zu\">page cache</text>\n", y + 17);
	for (size_t i = 0; i < d->n_pages; i++)
		if (is_filled(m, d->first_page + i))
			put_bar(f, x_of(d, d->first_page + i, 0), y, PAGE_SIZE, "#d9e6d4");
	for (size_t i = 0; i < m->n_damages; i++) {
		const struct damage *g = &m->damages[i];
		uint64_t page = g->offset / PAGE_SIZE;

		if (page >= d->first_page && page < d->first_page + d->n_pages)
			put_bar(f, x_of(d, page, g->offset % PAGE_SIZE), y, g->len, COLOR_LOST);
	}
	put_frames(f, d, y);
}

void draw_svg(FILE *f, const struct model *m)
{
	struct drawing d = drawing_of(m);
	size_t width = LEFT + d.n_pages * (PAGE_WIDTH + PAGE_GAP) + 60;
	size_t height = TOP + (d.n_rows + 2) * ROW_HEIGHT + 20, y = TOP;

	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" "
		"viewBox=\"0 0 %zu %zu\" font-family=\"sans-serif\" font-size=\"13\">\n"
		"<rect width=\"%zu\" height=\"%zu\" fill=\"white\"/>\n",
		width, height, width, height, width, height);
	for (size_t i = 0; i < d.n_pages; i++)
		fprintf(f, "<text x=\"%zu\" y=\"%d\">page %" PRIu64 "</text>\n",
			x_of(&d, d.first_page + i, 0), TOP - 14, d.first_page + i);
	for (size_t i = 0; i < d.n_rows; i++, y += ROW_HEIGHT)
		put_row(f, m, &d, d.treads[i], y);
	put_cache(f, m, &d, y);
	y += ROW_HEIGHT + 20;
	fprintf(f,
		"<text x=\"%d\" y=\"%zu\"><tspan fill=\"%s\">zero-copy</tspan> "
		"<tspan fill=\"%s\">copied</tspan> <tspan fill=\"%s\">zeros</tspan> "
		"<tspan fill=\"" COLOR_LOST "\">lost</tspan></text>\n</svg>\n",
		LEFT, y, colors[WRITE_DMA], colors[WRITE_COPY], colors[WRITE_ZERO]);
}
