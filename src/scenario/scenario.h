/* SPDX-License-Identifier: MIT */
/* The scenarios: what host and guest do in turn. One row each; step.h has the language. */
#ifndef SCENARIO_SCENARIO_H
#define SCENARIO_SCENARIO_H

#include <stddef.h>

#include "step.h"

#define SCENARIO_STEPS 24

struct scenario {
	const char *name, *text;
	/* A folder of the host that is shared for it, and where names are as they stand; NULL: one of
	 * ours, where they are the scenario's own. */
	const char *dir;
	struct step steps[SCENARIO_STEPS];
	size_t n_steps;
};

size_t scenario_count(void);

/* The I-th, or that name's. -ENOENT when there is none. */
int scenario_get(size_t i, struct scenario *ret_s);
int scenario_find(const char *name, size_t len, size_t *ret_i);

/* Reads TEXT into RET_S->steps. -EINVAL: *RET_BAD is at what is wrong. */
int scenario_parse(const char *text, struct scenario *ret_s, const char **ret_bad);

#endif
