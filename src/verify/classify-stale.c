/* SPDX-License-Identifier: MIT */
/* Older content of the same place: only files of the corpus tell their generation, in every unit. */
#include <string.h>

#include "classify-parts.h"
#include "corpus.h"
#include "digest.h"
#include "macros.h"

#define GENERATIONS 256U

/* Which generation the units of a block are of. */
struct units {
	unsigned char first_old; /* 0: none is old */
	size_t n_old, n;	 /* units */
	bool is_mixed;		 /* of two or more that are old */
};

/* The generation of the unit at AT; 0 when it is none of this place. A unit that the end of the file cuts
 * is tried with the generations that may be. */
static unsigned unit_generation(const struct specimen *s, const struct corpus_origin *o, size_t at)
{
	size_t n = MIN(s->n - at, CORPUS_UNIT);
	char unit[CORPUS_UNIT];
	struct corpus_origin is;

	if (n == CORPUS_UNIT)
		return corpus_find_origin(s->guest + at, n, &is) && is.id == o->id &&
				       is.offset == o->offset + at
			       ? is.generation
			       : 0;
	for (unsigned g = 1; g < GENERATIONS; g++) {
		corpus_fill(o->id, (uint8_t)g, o->offset + (uint32_t)at, unit, n);
		if (!memcmp(unit, s->guest + at, n))
			return g;
	}
	return 0;
}

/* False when a unit that is not the host's is of no generation. */
static bool count_units(const struct specimen *s, const struct corpus_origin *o, struct units *u)
{
	*u = (struct units){0};
	for (size_t at = 0; at < s->n; at += CORPUS_UNIT, u->n++) {
		size_t n = MIN(s->n - at, CORPUS_UNIT);
		unsigned g;

		if (!memcmp(s->guest + at, s->host + at, n))
			continue;
		g = unit_generation(s, o, at);
		if (!g)
			return false;
		u->is_mixed = u->is_mixed || (u->first_old && u->first_old != g);
		u->first_old = u->first_old ? u->first_old : (unsigned char)g;
		u->n_old++;
	}
	return u->n_old != 0;
}

static bool fits(const struct specimen *s, const unsigned char *guess)
{
	return digest_of(guess, s->n) == s->digest;
}

/* One generation up to somewhere, the other behind. */
static bool guess_torn(const struct specimen *s, const unsigned char *old, unsigned char *guess)
{
	for (unsigned is_front = 0; is_front < 2; is_front++) {
		memcpy(guess, is_front ? s->host : old, s->n);
		for (size_t at = 0; at < s->n; at += CORPUS_UNIT) {
			size_t n = MIN(s->n - at, CORPUS_UNIT);

			memcpy(guess + at, (is_front ? old : s->host) + at, n);
			if (fits(s, guess))
				return true;
		}
	}
	return false;
}

/* All of the block from any generation; or a part of it from a neighbour of the host's. */
static bool guess_old(const struct specimen *s, const struct corpus_origin *o, unsigned char *guess)
{
	unsigned char old[DIGEST_BLOCK];

	for (unsigned g = 1; g < GENERATIONS; g++) {
		corpus_fill(o->id, (uint8_t)g, o->offset, guess, s->n);
		if (fits(s, guess))
			return true;
	}
	for (int step = -1; step <= 1; step += 2) {
		int g = o->generation + step;

		if (g < 1 || g >= (int)GENERATIONS)
			continue;
		corpus_fill(o->id, (uint8_t)g, o->offset, old, s->n);
		if (guess_torn(s, old, guess))
			return true;
	}
	return false;
}

bool classify_old(const struct specimen *s, bool is_torn, struct diagnosis *d)
{
	unsigned char guess[DIGEST_BLOCK];
	struct specimen known = *s;
	struct diagnosis found = *d;
	struct corpus_origin o;
	struct units u;

	/* A block of the corpus begins with a whole unit, its own. */
	if (!corpus_find_origin(s->host, MIN(s->n, CORPUS_UNIT), &o) || o.offset != s->offset)
		return false;
	if (!s->guest && !guess_old(s, &o, guess))
		return false;
	known.guest = s->guest ? s->guest : guess;
	if (!count_units(&known, &o, &u) || is_torn != (u.is_mixed || u.n_old < u.n) ||
	    !classify_range(s->host, known.guest, s->n, &found))
		return false;
	/* All of an old unit is old, also what both generations have alike. */
	found.from -= found.from % CORPUS_UNIT;
	found.to = MIN((found.to + CORPUS_UNIT - 1) / CORPUS_UNIT * CORPUS_UNIT, s->n);
	found.generation = u.first_old;
	found.host_generation = o.generation;
	*d = found;
	return true;
}
