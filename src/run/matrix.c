/* SPDX-License-Identifier: MIT */
#include "matrix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"

#define N_CELL_FACTORS (MATRIX_N_FACTORS - 1)

const char *matrix_factor_name(enum matrix_factor f)
{
#define F(symbol, name) name,
	static const char *const names[] = {MATRIX_FACTORS(F)};
#undef F

	return names[f];
}

static size_t count_values(const char *const *values)
{
	size_t n = 0;

	while (values[n])
		n++;
	return n;
}

/* The values of cell number I: the last factor changes fastest. */
static void choose_values(const struct matrix_plan *p, size_t i, const char **values)
{
	for (size_t f = N_CELL_FACTORS; f-- > 0;) {
		size_t n = count_values(p->values[f]);

		values[f] = p->values[f][i % n];
		i /= n;
	}
}

int matrix_new(const struct matrix_plan *p, struct matrix **ret_m)
{
	struct matrix *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->plan = p;
	m->n_cells = 1;
	for (size_t f = 0; f < MATRIX_N_FACTORS; f++) {
		size_t n = count_values(p->values[f]);

		if (!n || n > MATRIX_MAX_VALUES) {
			free(m);
			return -EINVAL;
		}
		if (f < N_CELL_FACTORS)
			m->n_cells *= n;
		else
			m->n_readers = n;
	}
	m->cells = calloc(m->n_cells, sizeof(*m->cells));
	if (!m->cells) {
		free(m);
		return -ENOMEM;
	}
	for (size_t i = 0; i < m->n_cells; i++)
		choose_values(p, i, m->cells[i].values);
	*ret_m = m;
	return 0;
}

void matrix_free(struct matrix *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_cells; i++)
		free(m->cells[i].text);
	free(m->cells);
	free(m);
}

static void take_text(struct cell *c, const struct boot *b)
{
	bool is_worse = b->is_damaged ? c->damaged == 1 : !c->damaged;

	if (!c->text || is_worse) {
		free(c->text);
		c->text = b->text;
	} else {
		free(b->text);
	}
}

static void take_boot(struct matrix *m, struct cell *c, const struct boot *b)
{
	c->is_impossible = b->end == BOOT_IMPOSSIBLE;
	if (!c->is_impossible) {
		c->boots++;
		c->failed += b->end == BOOT_FAILED;
		c->damaged += b->is_damaged;
		for (size_t i = 0; i < m->n_readers; i++)
			c->reader_damaged[i] += b->readers >> i & 1;
	}
	take_text(c, b);
}

int matrix_run(struct matrix *m, matrix_boot *boot, void *ctx)
{
	for (unsigned run = 0; run < m->plan->runs; run++)
		for (size_t i = 0; i < m->n_cells; i++) {
			struct boot b = {0};
			int r;

			if (m->cells[i].is_impossible)
				continue;
			r = boot(ctx, m->cells[i].values, &b);
			if (r) {
				free(b.text);
				return r;
			}
			take_boot(m, &m->cells[i], &b);
		}
	return 0;
}

static void weigh(struct effect *e)
{
	double least = 1, most = 0;

	for (size_t i = 0; i < e->n; i++) {
		double share = e->boots[i] ? (double)e->damaged[i] / e->boots[i] : -1;

		if (share >= 0) {
			least = MIN(least, share);
			most = MAX(most, share);
		}
	}
	e->weight = most > 0 && least <= 0 ? WEIGHT_DECIDES
		    : most - least >= 0.25 ? WEIGHT_MATTERS
					   : WEIGHT_NONE;
}

static void sum_readers(const struct matrix *m, struct effect *e)
{
	for (size_t i = 0; i < m->n_cells; i++)
		for (size_t v = 0; v < e->n; v++) {
			e->boots[v] += m->cells[i].boots;
			e->damaged[v] += m->cells[i].reader_damaged[v];
		}
}

static void sum_cells(const struct matrix *m, struct effect *e)
{
	for (size_t i = 0; i < m->n_cells; i++)
		for (size_t v = 0; v < e->n; v++)
			if (m->cells[i].values[e->factor] == e->values[v]) {
				e->boots[v] += m->cells[i].boots;
				e->damaged[v] += m->cells[i].damaged;
			}
}

size_t matrix_effects(const struct matrix *m, struct effect *effects)
{
	size_t count = 0;

	for (size_t f = 0; f < MATRIX_N_FACTORS; f++) {
		struct effect *e = &effects[count];
		size_t n = count_values(m->plan->values[f]);

		if (n < 2)
			continue;
		*e = (struct effect){.factor = (enum matrix_factor)f, .n = n};
		memcpy(e->values, m->plan->values[f], n * sizeof(*e->values));
		if (f == MATRIX_READER)
			sum_readers(m, e);
		else
			sum_cells(m, e);
		weigh(e);
		count++;
	}
	return count;
}

bool matrix_is_covered(const struct matrix *m)
{
	struct effect effects[MATRIX_N_FACTORS];
	size_t n = matrix_effects(m, effects);

	for (size_t i = 0; i < n; i++)
		for (size_t v = 0; v < effects[i].n; v++)
			if (!effects[i].boots[v])
				return false;
	return true;
}

struct matrix_counts matrix_count(const struct matrix *m)
{
	struct matrix_counts n = {0};

	for (size_t i = 0; i < m->n_cells; i++) {
		const struct cell *c = &m->cells[i];

		n.boots += c->boots;
		n.damaged += c->damaged;
		n.failed += c->failed;
		n.cells_damaged += c->damaged > 0;
		n.cells_failed += c->failed > 0;
		n.cells_read += c->boots > c->failed;
		n.cells_impossible += c->is_impossible;
	}
	return n;
}
