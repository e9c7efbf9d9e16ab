/* SPDX-License-Identifier: MIT */
/* Verdicts over all combinations of several factors, and which of these factors matter. One boot of a
 * guest tells about all readers; its other factors are fixed. Nothing here starts guests: the
 * caller's boot function does. */
#ifndef VERIFY_MATRIX_H
#define VERIFY_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Symbol, its name in tables and JSON. The first changes slowest; the readers stand last. */
#define MATRIX_FACTORS(F)   \
	F(KERNEL, "kernel") \
	F(GUEST, "guest")   \
	F(SHARE, "share")   \
	F(GUARD, "guard")   \
	F(IOUNIT, "iounit") \
	F(MSIZE, "msize")   \
	F(CACHE, "cache")   \
	F(READER, "reader")

#define F(symbol, name) MATRIX_##symbol,
enum matrix_factor { MATRIX_FACTORS(F) MATRIX_N_FACTORS };
#undef F

#define MATRIX_MAX_VALUES 16

struct matrix_plan {
	const char *const *values[MATRIX_N_FACTORS]; /* NULL-terminated lists, none empty */
	unsigned runs;				     /* boots of each combination */
};

/* What one boot came to. */
enum boot_end {
	BOOT_READ,	 /* the guest read to the end */
	BOOT_FAILED,	 /* it did not: what it had seen by then counts */
	BOOT_IMPOSSIBLE, /* these factors do not go together, or something is missing here */
};

struct boot {
	enum boot_end end;
	bool is_damaged;  /* by whatever reader */
	uint32_t readers; /* a mask: those that saw damage */
	char *text;	  /* the first finding, or why it failed; may be NULL. Taken */
};

/* VALUES has one of each factor but the last. 0, or -errno to end it all. */
typedef int matrix_boot(void *ctx, const char *const *values, struct boot *ret_b);

/* A combination of all factors but the last. */
struct cell {
	const char *values[MATRIX_N_FACTORS - 1];
	bool is_impossible;
	unsigned boots, damaged, failed;	    /* a boot may be both */
	unsigned reader_damaged[MATRIX_MAX_VALUES]; /* boots in which this reader saw damage */
	char *text;				    /* of the worst boot so far */
};

struct matrix {
	const struct matrix_plan *plan; /* the caller's */
	struct cell *cells;
	size_t n_cells, n_readers;
};

/* Each value of a factor: how many boots, how many of them damaged. */
struct effect {
	enum matrix_factor factor;
	size_t n;
	const char *values[MATRIX_MAX_VALUES];
	unsigned boots[MATRIX_MAX_VALUES], damaged[MATRIX_MAX_VALUES];
	/* DECIDES: with one value never damage, with another some. MATTERS: the shares differ by a
	 * quarter or more. */
	enum weight { WEIGHT_NONE, WEIGHT_MATTERS, WEIGHT_DECIDES } weight;
};

/* -EINVAL: a list is empty or too long. The matrix has no boots yet. */
int matrix_new(const struct matrix_plan *p, struct matrix **ret_m);
void matrix_free(struct matrix *m);

/* All cells once, then all once more, up to the plan's runs; so that an interrupted matrix has
 * looked at as much as it can. What BOOT ended it with, or 0. */
int matrix_run(struct matrix *m, matrix_boot *boot, void *ctx);

/* The factors with several values. Returns how many. */
size_t matrix_effects(const struct matrix *m, struct effect *effects);

/* Has each value that was asked for been booted with at least once? */
bool matrix_is_covered(const struct matrix *m);

struct matrix_counts {
	unsigned boots, damaged, failed, cells_damaged, cells_failed, cells_read, cells_impossible;
};
struct matrix_counts matrix_count(const struct matrix *m);

/* One sentence; then the table, with a column for each reader. */
char *matrix_sentence(const struct matrix *m);
void matrix_print(const struct matrix *m, FILE *f);

/* "DAMAGED 2 of 3", "OK 3 of 3", "OK 2, guest failed 1", "guest failed", "not run", "-": of one
 * reader, in BUF of 64 bytes or a constant. */
const char *matrix_cell_text(const struct cell *c, size_t reader, char *buf);

const char *matrix_factor_name(enum matrix_factor f);

#endif
