/* SPDX-License-Identifier: MIT */
/* Host and guest in lock-step: each scenario in each cache mode, all in one boot, and in a new one when
 * something hangs that cannot be killed. */
#ifndef RUN_SCENARIOS_H
#define RUN_SCENARIOS_H

#include <stdbool.h>
#include <stddef.h>

#include "mark.h"
#include "stage.h"

struct scenarios_plan {
	struct stage_plan stage;   /* without folder and terminal, which are the run's own */
	const char *const *caches; /* NULL-terminated */
	const size_t *which;	   /* numbers of scenarios (scenario.h) */
	size_t n_which;
	unsigned msize;
	unsigned limit_s;   /* what a step may take */
	bool eio_is_honest; /* as in world.h */
};

/* What one scenario came to in one mode. */
struct cell {
	size_t scenario;	    /* its place in plan.which */
	size_t cache;		    /* its place in plan.caches */
	struct judgement judgement; /* the worst; its text begins with the step */
	double seconds;
};

struct scenarios_listener {
	void (*cell)(void *ctx, const struct cell *c);
	/* N cells of all are done; NAME in CACHE is under way, or the guest boots (NULL). */
	void (*progress)(void *ctx, size_t n, const char *name, const char *cache);
};

struct scenarios_result {
	enum run_end end;
	char *why;     /* in one line, when not RUN_DONE */
	char *console; /* the end of the guest's, when that may help; or NULL */
	char *release; /* of the guest's kernel; NULL: it never came up */
	char *report;  /* the first of its kernel's reports that tells a bug; or NULL */
	int signal;
	unsigned boots;
};

void scenarios_run(const struct scenarios_plan *plan, const struct scenarios_listener *l, void *ctx,
		   struct scenarios_result *ret_r);
void scenarios_result_done(struct scenarios_result *r);

#endif
