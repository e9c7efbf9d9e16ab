/* SPDX-License-Identifier: MIT */
/* A matrix for people. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "matrix.h"

#define N_CELL_FACTORS (MATRIX_N_FACTORS - 1)
#define MAX_COLUMNS (N_CELL_FACTORS + MATRIX_MAX_VALUES)
#define CELL_BYTES 64

const char *matrix_cell_text(const struct cell *c, size_t reader, char *buf)
{
	unsigned damaged = c->reader_damaged[reader], whole = c->boots - c->failed;

	if (c->is_impossible)
		return "-";
	if (!c->boots)
		return "not run";
	if (damaged)
		snprintf(buf, CELL_BYTES, "DAMAGED %u of %u", damaged, c->boots);
	else if (c->failed && !whole)
		snprintf(buf, CELL_BYTES, "guest failed");
	else if (c->failed)
		snprintf(buf, CELL_BYTES, "OK %u, guest failed %u", whole, c->failed);
	else
		snprintf(buf, CELL_BYTES, c->boots > 1 ? "OK %u of %u" : "OK", c->boots, c->boots);
	return buf;
}

static void put_effect(FILE *f, const struct effect *e)
{
	fputs(matrix_factor_name(e->factor), f);
	for (size_t i = 0; i < e->n; i++)
		fprintf(f, "%s%s %u of %u", i ? ", " : " (", e->values[i], e->damaged[i],
			e->boots[i]);
	fputc(')', f);
}

/* "; kernel (A 6 of 6, B 0 of 6) decides" */
static void put_effects(FILE *f, const struct matrix *m, enum weight weight, const char *before)
{
	struct effect effects[MATRIX_N_FACTORS];
	size_t n = matrix_effects(m, effects);
	bool is_first = true;

	for (size_t i = 0; i < n; i++) {
		if (effects[i].weight != weight)
			continue;
		fputs(is_first ? before : "; ", f);
		is_first = false;
		put_effect(f, &effects[i]);
	}
	if (!is_first)
		fputc('\n', f);
}

/* The names of the factors that decide, "kernel and cache"; false when there is none. */
static bool put_deciders(FILE *f, const struct matrix *m)
{
	struct effect effects[MATRIX_N_FACTORS];
	size_t n = matrix_effects(m, effects), left = 0;
	bool is_first = true;

	for (size_t i = 0; i < n; i++)
		left += effects[i].weight == WEIGHT_DECIDES;
	for (size_t i = 0; i < n; i++) {
		if (effects[i].weight != WEIGHT_DECIDES)
			continue;
		left--;
		fprintf(f, "%s%s",
			is_first ? ""
			: left	 ? ", "
				 : " and ",
			matrix_factor_name(effects[i].factor));
		is_first = false;
	}
	return !is_first;
}

/* "; nothing was run with share=qemu" */
static void put_uncovered(FILE *f, const struct matrix *m)
{
	struct effect effects[MATRIX_N_FACTORS];
	size_t n = matrix_effects(m, effects);
	const char *before = "; nothing was run with ";

	for (size_t i = 0; i < n; i++)
		for (size_t v = 0; v < effects[i].n; v++) {
			if (effects[i].boots[v])
				continue;
			fprintf(f, "%s%s=%s", before, matrix_factor_name(effects[i].factor),
				effects[i].values[v]);
			before = ", ";
		}
}

char *matrix_sentence(const struct matrix *m)
{
	struct matrix_counts n = matrix_count(m);
	autofree char *deciders = NULL;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&deciders, &size);

	if (!f)
		return NULL;
	put_deciders(f, m);
	fclose(f);
	f = open_memstream(&text, &size);
	if (!f)
		return NULL;
	if (n.damaged)
		fprintf(f, "DAMAGED: in %u of %u runs, in %u of %zu combinations", n.damaged,
			n.boots, n.cells_damaged, m->n_cells - n.cells_impossible);
	else if (!n.boots)
		fputs("FAILED: nothing was run", f);
	else if (n.failed == n.boots)
		fprintf(f, "FAILED: the guest failed in all %u runs", n.boots);
	else
		fprintf(f, "OK: no damage in %u runs of %zu combinations", n.boots - n.failed,
			m->n_cells - n.cells_impossible);
	if (deciders && *deciders)
		fprintf(f, "; it depends on %s", deciders);
	if (n.failed && n.failed < n.boots)
		fprintf(f, "; the guest failed in %u runs", n.failed);
	if (n.boots)
		put_uncovered(f, m);
	fclose(f);
	return text;
}

/* The table is built of text first, so that columns are as wide as they must be. */
struct table {
	size_t n_columns;
	enum matrix_factor factors[N_CELL_FACTORS]; /* of the first columns */
	size_t n_factors;
	size_t width[MAX_COLUMNS];
};

static const char *column_text(const struct table *t, const struct matrix *m, const struct cell *c,
			       size_t column, char *buf)
{
	if (column >= t->n_factors)
		return c ? matrix_cell_text(c, column - t->n_factors, buf)
			 : m->plan->values[MATRIX_READER][column - t->n_factors];
	return c ? c->values[t->factors[column]] : matrix_factor_name(t->factors[column]);
}

static void choose_columns(struct table *t, const struct matrix *m)
{
	for (size_t f = 0; f < N_CELL_FACTORS; f++)
		if (m->plan->values[f][1] || f == MATRIX_KERNEL || f == MATRIX_CACHE)
			t->factors[t->n_factors++] = (enum matrix_factor)f;
	t->n_columns = t->n_factors + m->n_readers;
}

static void measure(struct table *t, const struct matrix *m, const struct cell *c)
{
	char buf[CELL_BYTES];

	for (size_t i = 0; i < t->n_columns; i++)
		t->width[i] = MAX(t->width[i], strlen(column_text(t, m, c, i, buf)));
}

static void put_row(FILE *f, const struct table *t, const struct matrix *m, const struct cell *c)
{
	char buf[CELL_BYTES];

	for (size_t i = 0; i < t->n_columns; i++)
		fprintf(f, "  %-*s", i + 1 < t->n_columns ? (int)t->width[i] : 0,
			column_text(t, m, c, i, buf));
	fputc('\n', f);
}

/* What the columns do not show, since it is the same for all. */
static void put_constants(FILE *f, const struct matrix *m)
{
	fputs("  all with", f);
	for (size_t i = 0; i < N_CELL_FACTORS; i++)
		if (!m->plan->values[i][1] && i != MATRIX_KERNEL && i != MATRIX_CACHE)
			fprintf(f, " %s=%s", matrix_factor_name((enum matrix_factor)i),
				m->plan->values[i][0]);
	fprintf(f, ", runs=%u\n", m->plan->runs);
}

static void put_texts(FILE *f, const struct matrix *m)
{
	const char *last = "";

	for (size_t i = 0; i < m->n_cells; i++) {
		const struct cell *c = &m->cells[i];

		if (!c->text || !strcmp(c->text, last))
			continue;
		last = c->text;
		fprintf(f, "  %s, cache=%s, msize=%s: %s\n", c->values[MATRIX_KERNEL],
			c->values[MATRIX_CACHE], c->values[MATRIX_MSIZE], c->text);
	}
}

void matrix_print(const struct matrix *m, FILE *f)
{
	struct table t = {0};

	choose_columns(&t, m);
	measure(&t, m, NULL);
	for (size_t i = 0; i < m->n_cells; i++)
		measure(&t, m, &m->cells[i]);
	put_constants(f, m);
	put_row(f, &t, m, NULL);
	for (size_t i = 0; i < m->n_cells; i++)
		put_row(f, &t, m, &m->cells[i]);
	put_effects(f, m, WEIGHT_DECIDES, "what decides (runs with damage): ");
	put_effects(f, m, WEIGHT_MATTERS, "what matters: ");
	put_effects(f, m, WEIGHT_NONE, "what does not: ");
	put_texts(f, m);
}
