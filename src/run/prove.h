/* SPDX-License-Identifier: MIT */
/* The detector, tested: known damage is planted at each layer between the host's files and a reader in the
 * guest, and has to be found and named; healthy runs, with what is rare but legal, have to be found healthy. */
#ifndef RUN_PROVE_H
#define RUN_PROVE_H

#include <stdbool.h>
#include <stdint.h>

#include "prove-cases.h"
#include "run.h"

/* What came of one case. */
struct prove_result {
	const struct prove_case *c;
	const char *file;
	unsigned found; /* findings about its file */
	bool is_right;
	/* Of the first finding, or of the first that is wrong. */
	enum layer layer;
	enum damage class;
	uint64_t from, to;
	const char *evidence; /* may be NULL */
};

/* ... and of a run, in which something was planted or nothing. */
struct prove_run {
	const char *what;
	bool is_healthy;
	unsigned mounts;
	unsigned false_alarms; /* findings where nothing was planted */
	const char *alarm;     /* the first of them as a sentence, or NULL */
	double seconds;
};

struct prove_listener {
	void (*begins)(void *ctx, const char *what, unsigned number, unsigned of);
	void (*case_done)(void *ctx, const struct prove_result *r);
	void (*run_done)(void *ctx, const struct prove_run *r);
};

struct prove_plan {
	struct run_plan run; /* what is at hand, and msizes; what is shared and planted is added */
	unsigned healthy;    /* runs */
};

struct prove_sum {
	unsigned planted, found, right, runs, false_alarms;
	unsigned skipped; /* cases that this guest or share does not allow */
};

/* Why a case cannot be planted with this guest and share; NULL: it can. */
const char *prove_obstacle(const struct run_plan *p, enum prove_place place);

/* RUN_DONE: *RET_SUM is complete. Else *RET_R is that of the run that failed (run_result_done it). */
enum run_end prove(const struct prove_plan *p, const struct prove_listener *l, void *ctx,
		   struct prove_sum *ret_sum, struct run_result *ret_r);

#endif
