/* SPDX-License-Identifier: MIT */
/* Says in words why a layer is to blame. Internal to blame.c and its tests. */
#ifndef VERIFY_BLAME_TEXT_H
#define VERIFY_BLAME_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "layer.h"
#include "look.h"

struct finding;
struct tally;
struct wire_facts;

/* What a finding's bytes were at each point of their way. */
struct points {
	const struct finding *f;
	const struct tally *t;
	const struct wire_facts *wire; /* NULL: not recorded */
	const char *no_wire;
	enum seen sent, written; /* by the server; by the guest */
	enum seen walked_past;	 /* past the cache, in the walk */
	enum seen past;		 /* ... or at the second look */
	enum seen look[LOOK_N];
	const char *way, *other_way;	  /* of the second look */
	const char *second_look;	  /* a name of blame.h, or NULL */
	uint64_t wrong_cached;		  /* steps that read through the cache */
	unsigned n_wrong_cached, n_wrong; /* ways */
	unsigned n_past;		  /* steps that read past the cache */
	bool is_uncached, has_right;
	bool was_there_before; /* the bytes were in the cache when the walk began */
};

/* "= exactly the Rread of tag 7 (655 bytes ...) ...; first bad layer: ..."; the caller frees it. */
char *evidence_text(enum layer l, const struct points *p);

#endif
