/* SPDX-License-Identifier: MIT */
/* Known bugs of Linux's 9P client, and what they leave behind. */
#ifndef VERIFY_KNOWN_BUGS_H
#define VERIFY_KNOWN_BUGS_H

#include <stdbool.h>
#include <stdint.h>

#include "known-bugs-table.h"

struct finding;
struct points;
struct tally;

struct known_bug {
	const char *id, *title;
	const char *fixed;    /* the commit, and in which versions it is */
	const char *versions; /* that have it, as linux-version.h takes them */
	const char *signature;
};

#define X(symbol, id, title, fixed, versions, signature) KNOWN_##symbol,
enum known { KNOWN_BUGS(X) N_KNOWN_BUGS };
#undef X

extern const struct known_bug known_bugs[N_KNOWN_BUGS];

/* How sure a match is. FITS: nothing speaks against it, but not all that was to be seen was seen, or the
 * kernel is said not to have it. */
enum certainty { CERTAINTY_NONE, CERTAINTY_FITS, CERTAINTY_MATCHES };
const char *certainty_name(enum certainty c);

/* The kernel that read. */
struct known_kernel {
	const char *version; /* "6.12.43"; NULL: not known */
	const char *edits;   /* ids of bugs that were brought back, with commas; or NULL */
};

/* The bug that the evidence P about F is best explained by; NULL if by none. */
const struct known_bug *known_bug_find(const struct points *p, const struct known_kernel *k,
				       enum certainty *ret_c);

/* What is explained by another finding of the same walk: bytes in memory of others are the ones that are
 * missing from a file. */
void known_bugs_spread(const struct tally *t);

/* "matches known bug ...: ..., fixed by ..."; the caller frees it. */
char *known_bug_text(const struct known_bug *b, enum certainty c);

#endif
