/* SPDX-License-Identifier: MIT */
/* The wrong ranges of one file, in the order in which they are found; neighbours that are wrong in the
 * same way become one finding. */
#ifndef VERIFY_COMPARE_PIECES_H
#define VERIFY_COMPARE_PIECES_H

#include <stdbool.h>
#include <stdint.h>

#include "classify.h"
#include "damage.h"
#include "tally.h"

struct compare;

#define PIECES_MAX 256 /* findings of a file; what is added behind them is dropped */

/* A wrong range, before it is joined with its neighbours. */
struct piece {
	struct diagnosis d;
	uint64_t from, to, steps, right;
	bool has_digest; /* of the guest's block, the first of them */
	uint64_t digest;
	struct sample sample;
};

struct pieces {
	struct compare *c; /* the findings are of its node */
	unsigned n;
	struct piece last;
	bool has_last;
};

/* All return 0 or -errno. */
int pieces_add(struct pieces *ps, const struct piece *p);
int pieces_add_range(struct pieces *ps, enum damage class, uint64_t from, uint64_t to,
		     uint64_t steps, uint64_t right);

/* There will be no more. */
int pieces_end(struct pieces *ps);

#endif
