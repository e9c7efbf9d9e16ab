/* SPDX-License-Identifier: MIT */
/* All sequences up to a bound, for the smallest that loses bytes: the smallest file, then the
 * fewest steps. */
#ifndef MODEL_EXPLORE_H
#define MODEL_EXPLORE_H

#include "read-trace.h"

struct explore_plan {
	struct model_config config; /* its size does not count */
	unsigned max_steps, max_pages;
	/* Now and then: how far it is. May return true: end it. May be NULL. */
	bool (*progress)(void *ctx, uint64_t sequences, uint64_t size);
	void *ctx;
};

struct explore_result {
	bool is_found;
	uint64_t sequences, sizes; /* tried */
	uint64_t largest;	   /* size that was tried */
};

/* Files of each number of pages, which end where in a page it makes a difference (1, 1024 and 1025
 * bytes into it, in the middle, at its end), read by sequences of: advise sequential, random,
 * willneed; read a page from any page on, or from there all. *RET_T is the one that was found, the
 * caller's; it is valid in any case. 0, -ECANCELED or -errno. */
int explore(const struct explore_plan *plan, struct read_trace *ret_t,
	    struct explore_result *ret_r);

#endif
