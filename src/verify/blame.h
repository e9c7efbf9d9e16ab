/* SPDX-License-Identifier: MIT */
/* Finds the layer that is to blame for a finding.
 *
 * Theory of operation. The bytes of a range are seen at several points of their way: in the host's file
 * (manifest), in what the server sent (recording), past the guest's cache (O_DIRECT, cache=none), and by
 * each way of reading. The first point at which they are wrong lies behind the layer that did it:
 *
 *	host's file altered				-> host-file
 *	the server sent others				-> server
 *	sent right, wrong past the cache too		-> transport
 *	right past the cache, wrong in it		-> page-cache
 *	only one way wrong, of pages that are right	-> reader
 *
 * A point that was not seen is never taken for right: then the answer is `unknown`, and the evidence says
 * what is missing.
 */
#ifndef VERIFY_BLAME_H
#define VERIFY_BLAME_H

#include <stdbool.h>

struct finding;
struct known_kernel;
struct look;
struct tally;
struct wire_facts;

/* What a second look came to: name and meaning. */
#define SECOND_LOOKS(X)                                                       \
	X(STABLE, "stable", "wrong again, also after its pages were dropped") \
	X(CACHE_ONLY, "cache-only",                                           \
	  "wrong again in the cache, right after its pages "                  \
	  "were dropped")                                                     \
	X(RETURNED, "returned",                                               \
	  "right in the cache, wrong again once its pages were "              \
	  "dropped")                                                          \
	X(GONE, "gone", "right at a second look")

struct blame_facts {
	const struct tally *t;
	const struct wire_facts *wire; /* of this finding; NULL: the messages were not recorded */
	const char *no_wire;	       /* why not */
	const struct look *look;       /* NULL: there was no second look */
	const struct known_kernel *kernel; /* NULL: not known */
	bool is_uncached;		   /* the mount has cache=none */
};

/* Sets F's layer, evidence, second_look, request and bug. */
void blame(const struct blame_facts *b, struct finding *f);

#endif
