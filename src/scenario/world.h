/* SPDX-License-Identifier: MIT */
/* Theory of operation
 *
 * A world is what host and guest know of the files of one scenario. Of each file it has the truth, and
 * what it held before. A change by the host leaves the former content as something that the guest may
 * still see, in a mode that allows it; a change by the guest, in a mode that writes back, as something
 * that the host may still see. Who changes a file sees that change at once: it is made in all contents
 * which that side may see. Names have a history too.
 *
 * The steps come as they are done, with what was seen; each is judged by judge.h, and the problems are
 * recognised. */
#ifndef SCENARIO_WORLD_H
#define SCENARIO_WORLD_H

#include <stdbool.h>

#include "mark.h"

struct cache_rules;
struct seen;
struct step;
struct world;

/* EIO_IS_HONEST: a guard of the server answers it where the guest would spin, or read zeros. */
int world_new(const struct cache_rules *rules, bool eio_is_honest, struct world **ret_w);
void world_free(struct world *w);

/* S was done, with SEEN. 0 or -ENOMEM. */
int world_step(struct world *w, const struct step *s, const struct seen *seen,
	       struct judgement *ret_j);

#endif
