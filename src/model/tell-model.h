/* SPDX-License-Identifier: MIT */
/* What the model found, for people: in words, and as a drawing. */
#ifndef MODEL_TELL_MODEL_H
#define MODEL_TELL_MODEL_H

#include <stdio.h>

#include "model.h"

/* The finding in one line. */
void tell_verdict(FILE *f, const struct model *m, const struct step *steps, size_t n);

/* Step by step what happened, and what is wrong with it. */
void tell_steps(FILE *f, const struct model *m, const struct step *steps, size_t n);

/* Which Tread filled which page, as text and as an SVG image: a row for each Tread, a column for
 * each page, and a mark where bytes went astray. */
void draw_text(FILE *f, const struct model *m);
void draw_svg(FILE *f, const struct model *m);

/* What both drawings show. */
#define DRAW_PAGES 8 /* columns: the pages around the first damage */
#define DRAW_ROWS 12

struct drawing {
	uint64_t first_page;
	size_t n_pages;
	/* Rows: the Treads that touch these pages, and 0 for the zeros at the end. */
	unsigned treads[DRAW_ROWS];
	size_t n_rows;
	bool is_cut; /* there are more of either */
};

struct drawing drawing_of(const struct model *m);
const struct event *drawing_tread(const struct model *m, unsigned tread);

#endif
