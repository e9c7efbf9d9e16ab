/* SPDX-License-Identifier: MIT */
/* The oracle: is what was seen what a file holds, or may it be so in this cache mode? */
#ifndef SCENARIO_JUDGE_H
#define SCENARIO_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mark.h"

struct content;
struct seen;

#define EXPECTED_MAX 64

/* What a file holds, what it held at times that may still be seen, and what it held before those. */
struct expected {
	const struct content *truth;
	const struct content *may[EXPECTED_MAX], *gone[EXPECTED_MAX];
	size_t n_may, n_gone;
	bool is_mapping; /* behind the end are zeros, up to the page's end; and no length is told */
	bool keeps_order; /* else bytes may stand elsewhere, if none is missing: two who append */
};

/* S, of COUNT bytes from OFFSET on, was seen in the guest. *RET_PAST: the zeros are behind the end. */
void judge_read(const struct expected *e, const struct seen *s, size_t offset, size_t count,
		struct judgement *ret_j, bool *ret_past);

/* S is all that the host sees. *RET_LOST is a byte of which some are gone; 0: none are. */
void judge_host(const struct expected *e, const struct seen *s, struct judgement *ret_j,
		unsigned char *ret_lost);

void judge_size(const struct expected *e, uint64_t size, struct judgement *ret_j);

#endif
