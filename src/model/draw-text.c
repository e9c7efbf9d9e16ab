/* SPDX-License-Identifier: MIT */
/* One character stands for 512 bytes of a page:
 *
 *	page          0          1          2          3
 *	Tread 1   [========] [========] [========] [        ]
 *	Tread 2   [        ] [        ] [        ]!<        ]
 *	zeros     [        ] [        ] [        ] [ 0000000]
 *	cache     [########] [########] [########] [..000000]
 */
#include <inttypes.h>
#include <string.h>

#include "macros.h"
#include "tell-model.h"

#define CELLS 8
#define CELL_BYTES (PAGE_SIZE / CELLS)

static const char marks[] = {[WRITE_DMA] = '=', [WRITE_COPY] = '+', [WRITE_ZERO] = '0'};

/* Marks the cells that LEN bytes from OFFSET on touch. */
static void mark(char *cells, size_t offset, size_t len, char c)
{
	for (size_t i = offset / CELL_BYTES; len && i <= (offset + len - 1) / CELL_BYTES; i++)
		if (i < CELLS)
			cells[i] = c;
}

static void put_row(FILE *f, const struct model *m, const struct drawing *d, unsigned tread)
{
	const struct event *astray = NULL;

	for (size_t page = 0; page < d->n_pages; page++) {
		char cells[CELLS + 1] = "        ";
		bool is_left = astray != NULL;

		astray = NULL;
		for (size_t i = 0; i < m->rec.n; i++) {
			const struct event *e = &m->rec.events[i];

			if (e->kind != EVENT_WRITE || e->tread != tread ||
			    e->index != d->first_page + page)
				continue;
			if (e->is_outside)
				astray = e;
			else
				mark(cells, e->folio_offset, e->count, marks[e->write]);
		}
		fprintf(f, "%c%s]", is_left ? '<' : '[', cells);
		fputc(astray ? '!' : ' ', f);
	}
	if (tread) {
		const struct event *e = drawing_tread(m, tread);

		fprintf(f, " 0x%" PRIx64 "+0x%" PRIx64 "%s", e->offset, e->count,
			e->zero_copy ? ", zero-copy" : ", copied");
	}
	fputc('\n', f);
}

/* Where the bytes of a page of the file come from, as in phys.h. Taken from the writes: the page may
 * have left the cache since. Returns whether there were any. */
static bool page_origins(const struct model *m, uint64_t page, uint32_t origins[PAGE_SIZE])
{
	bool is_there = false;

	memset(origins, 0, PAGE_SIZE * sizeof(*origins));
	for (size_t i = 0; i < m->rec.n; i++) {
		const struct event *e = &m->rec.events[i];

		if (e->kind != EVENT_WRITE || e->owner != OWNER_FILE || e->owner_index != page)
			continue;
		is_there = true;
		for (size_t k = 0; k < e->count; k++)
			origins[e->page_offset + k] = e->write == WRITE_ZERO
							      ? ORIGIN_ZERO
							      : ORIGIN_FILE +
									(uint32_t)(e->offset + k);
	}
	return is_there;
}

static char sign_of(uint32_t origin, uint64_t place)
{
	if (origin == ORIGIN_NONE)
		return '.';
	if (origin == ORIGIN_ZERO)
		return '0';
	return origin - ORIGIN_FILE == (uint32_t)place ? '#' : '?';
}

/* What the pages hold in the end; what is wrong is what shows. */
static void put_cache(FILE *f, const struct model *m, const struct drawing *d)
{
	uint32_t origins[PAGE_SIZE];

	for (size_t page = d->first_page; page < d->first_page + d->n_pages; page++) {
		char cells[CELLS + 1] = "        ";
		bool is_there = page_origins(m, page, origins);

		for (size_t i = 0; is_there && i < PAGE_SIZE; i++) {
			char sign = sign_of(origins[i], page * PAGE_SIZE + i);
			char *c = &cells[i / CELL_BYTES];

			if (*c == ' ' || sign == '.' || sign == '?')
				*c = sign;
		}
		fprintf(f, "[%s] ", cells);
	}
	fputc('\n', f);
}

void draw_text(FILE *f, const struct model *m)
{
	struct drawing d = drawing_of(m);

	fputs("page      ", f);
	for (size_t i = 0; i < d.n_pages; i++)
		fprintf(f, "    %-7" PRIu64, d.first_page + i);
	fputc('\n', f);
	for (size_t i = 0; i < d.n_rows; i++) {
		if (d.treads[i])
			fprintf(f, "Tread %-3u ", d.treads[i]);
		else
			fputs("zeros     ", f);
		put_row(f, m, &d, d.treads[i]);
	}
	fputs("cache     ", f);
	put_cache(f, m, &d);
	fputs("= by the device, + copied, 0 zeros, # right, . never written, ? another place's "
	      "bytes,\n! went to the page behind this one in memory; a character is 512 bytes\n",
	      f);
	if (d.is_cut)
		fputs("(there are more pages or Treads)\n", f);
}
