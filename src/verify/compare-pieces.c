/* SPDX-License-Identifier: MIT */
#include "compare-pieces.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compare-parts.h"
#include "macros.h"

#define CHANCE_MAX 32 /* bytes that are right by chance between two pieces */

static char *describe(const struct diagnosis *d)
{
	autofree char *path = d->foreign ? node_path(d->foreign) : NULL;
	char *text = NULL;

	if (d->class == DAMAGE_SHIFTED &&
	    asprintf(&text, "the bytes that belong 0x%" PRIx64 " %s", (uint64_t)llabs(d->shift),
		     d->shift < 0 ? "before" : "behind") < 0)
		return NULL;
	if (d->class == DAMAGE_FOREIGN && asprintf(&text, "the bytes of %s at 0x%" PRIx64,
						   path ? path : "?", d->foreign_offset) < 0)
		return NULL;
	if ((d->class == DAMAGE_STALE || d->class == DAMAGE_TORN) &&
	    asprintf(&text, "generation %u of it, where the host has %u", d->generation,
		     d->host_generation) < 0)
		return NULL;
	if (d->class == DAMAGE_RANDOM && !d->is_exact)
		return strdup("somewhere in this range");
	return text;
}

/* To the finding that was added last. */
static void set_details(struct tally *t, const struct piece *p)
{
	struct finding *f;

	if (t->last_finding == &t->findings)
		return;
	f = container_of(t->last_finding, struct finding, next);
	f->has_digest = p->has_digest;
	f->digest = p->digest;
	if (p->sample.n)
		f->sample = p->sample;
}

int pieces_end(struct pieces *ps)
{
	struct piece *p = &ps->last;
	uint64_t n = ps->c->t.n_findings;
	int r;

	if (!ps->has_last)
		return 0;
	ps->has_last = false;
	if (ps->n++ >= PIECES_MAX)
		return 0;
	r = add_finding(ps->c, ps->c->node, NULL, p->d.class, p->from, p->to, p->steps, p->right,
			describe(&p->d));
	if (!r && n < KEPT_MAX)
		set_details(&ps->c->t, p);
	return r;
}

/* Bytes that come from elsewhere may be the right ones by chance where two blocks meet. */
static bool is_near(const struct piece *a, const struct piece *b)
{
	bool comes_from_somewhere = a->d.class == DAMAGE_SHIFTED || a->d.class == DAMAGE_FOREIGN ||
				    a->d.class == DAMAGE_STALE;

	return a->to == b->from || (comes_from_somewhere && a->d.is_exact && b->d.is_exact &&
				    a->to < b->from && b->from - a->to < CHANCE_MAX);
}

static bool is_continued(const struct piece *a, const struct piece *b)
{
	return a->d.class == b->d.class && is_near(a, b) && a->d.generation == b->d.generation &&
	       a->steps == b->steps && a->right == b->right && a->d.shift == b->d.shift &&
	       a->d.foreign == b->d.foreign &&
	       (!a->d.foreign || b->d.foreign_offset == a->d.foreign_offset + (b->from - a->from));
}

int pieces_add(struct pieces *ps, const struct piece *p)
{
	int r = 0;

	if (ps->has_last && is_continued(&ps->last, p)) {
		ps->last.to = p->to;
		return 0;
	}
	r = pieces_end(ps);
	ps->last = *p;
	ps->has_last = true;
	return r;
}

int pieces_add_range(struct pieces *ps, enum damage class, uint64_t from, uint64_t to,
		     uint64_t steps, uint64_t right)
{
	const struct piece p = {
		.d = {.class = class, .is_exact = true},
		.from = from,
		.to = to,
		.steps = steps,
		.right = right,
	};

	return pieces_add(ps, &p);
}
