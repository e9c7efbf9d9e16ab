/* SPDX-License-Identifier: MIT */
/* The second look at damaged files: which are asked for, how, and what came of it. */
#ifndef VERIFY_LOOK_H
#define VERIFY_LOOK_H

#include <stdint.h>

struct finding;
struct look;
struct manifest;
struct tally;

/* How the bytes of a file are read again, in this order. */
#define LOOK_STEPS(X)                                            \
	X(AGAIN, "the same way, as the cache has it")            \
	X(DROPPED, "the same way, its pages dropped before")     \
	X(OTHER, "another way, out of the pages that this left") \
	X(DIRECT, "past the cache")                              \
	X(FRESH, "over a fresh mount with cache=none")

#define X(symbol, meaning) LOOK_##symbol,
enum look_step { LOOK_STEPS(X) LOOK_N };
#undef X

/* What the bytes of a finding were at one point. */
enum seen { SEEN_NOT, SEEN_RIGHT, SEEN_WRONG };

/* Chooses the files and ranges of T's findings that are worth it, a bounded number; -ENOMEM. M is
 * complete and stays the caller's. */
int look_new(struct manifest *m, const struct tally *t, struct look **ret_l);
void look_free(struct look *l);

/* The lines that ask for them, ended by an empty one; the caller frees it, NULL: no memory. */
char *look_request(const struct look *l);

/* A line of the answer: lk, lb or le. -EINVAL when it is malformed. */
int look_line(struct look *l, const char *line);

/* What step S made of F's bytes. */
enum seen look_at(const struct look *l, const struct finding *f, enum look_step s);

/* The names of the ways of AGAIN and OTHER in the look at F's file; NULL if it was not looked at. */
const char *look_way(const struct look *l, const struct finding *f);
const char *look_other_way(const struct look *l, const struct finding *f);

#endif
