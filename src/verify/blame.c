/* SPDX-License-Identifier: MIT */
#include "blame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blame-text.h"
#include "compare.h"
#include "known-bugs.h"
#include "look.h"
#include "wire-facts.h"

static bool is_direct(const char *step)
{
	return !strncmp(step, "direct", 6);
}

/* The steps of MASK that read past the cache, or through it. */
static uint64_t steps_past(const struct blame_facts *b, uint64_t mask, bool is_past)
{
	uint64_t steps = 0;

	for (size_t i = 0; i < b->t->n_steps; i++)
		if (mask >> i & 1 && strcmp(b->t->steps[i], "drop") != 0 &&
		    (b->is_uncached || is_direct(b->t->steps[i])) == is_past)
			steps |= UINT64_C(1) << i;
	return steps;
}

static unsigned count_ways(const struct blame_facts *b, uint64_t steps)
{
	unsigned n = 0;

	for (size_t i = 0; i < b->t->n_steps; i++) {
		bool is_known = !(steps >> i & 1);

		for (size_t k = 0; k < i && !is_known; k++)
			is_known = steps >> k & 1 && !strcmp(b->t->steps[i], b->t->steps[k]);
		n += !is_known;
	}
	return n;
}

/* Two wrong steps with no `drop` between them read the same pages. */
static bool was_read_twice(const struct blame_facts *b, uint64_t cached)
{
	bool was_wrong = false;

	for (size_t i = 0; i < b->t->n_steps; i++) {
		if (cached >> i & 1 && was_wrong)
			return true;
		if (!strcmp(b->t->steps[i], "drop"))
			was_wrong = false;
		else if (cached >> i & 1)
			was_wrong = true;
	}
	return false;
}

static enum seen worst(enum seen a, enum seen b)
{
	return a == SEEN_WRONG || b == SEEN_WRONG ? SEEN_WRONG : a == SEEN_RIGHT ? a : b;
}

static void look_all(const struct blame_facts *b, const struct finding *f, struct points *p)
{
	for (enum look_step s = 0; s < LOOK_N; s++)
		p->look[s] = look_at(b->look, f, s);
	p->way = look_way(b->look, f);
	p->other_way = look_other_way(b->look, f);
}

static const char *name_second_look(const struct points *p)
{
	enum seen again = p->look[LOOK_AGAIN], dropped = p->look[LOOK_DROPPED];

	if (again == SEEN_NOT || dropped == SEEN_NOT)
		return NULL;
	if (again == SEEN_WRONG)
		return dropped == SEEN_WRONG ? "stable" : "cache-only";
	return dropped == SEEN_WRONG ? "returned" : "gone";
}

/* How many steps have to ask the server for a byte: all that read past the cache, and the first behind
 * each `drop`. */
static unsigned count_fills(const struct blame_facts *b)
{
	unsigned n = 0;
	bool is_empty = true;

	for (size_t i = 0; i < b->t->n_steps; i++) {
		uint64_t step = UINT64_C(1) << i;

		if (!strcmp(b->t->steps[i], "drop")) {
			is_empty = true;
		} else if (b->t->off_steps & step) {
			continue;
		} else if (steps_past(b, step, true)) {
			n++;
		} else {
			n += is_empty;
			is_empty = false;
		}
	}
	return n;
}

/* The first step alone was wrong, and no Rread brought what it saw: it was there when the walk began. */
static bool was_there_before(const struct blame_facts *b, const struct points *p)
{
	uint64_t first = steps_past(b, 1, false);

	return first && p->wrong_cached == first && p->f->steps == first && b->wire &&
	       !b->wire->request.overlaps && p->sent == SEEN_RIGHT &&
	       b->wire->n_first < count_fills(b);
}

static void collect(const struct blame_facts *b, const struct finding *f, struct points *p)
{
	uint64_t wrong_past = steps_past(b, f->steps, true);
	uint64_t right_past = steps_past(b, f->right & ~f->steps, true);
	enum seen walked = wrong_past ? SEEN_WRONG : right_past ? SEEN_RIGHT : SEEN_NOT;

	*p = (struct points){.f = f, .wire = b->wire, .no_wire = b->no_wire, .t = b->t};
	look_all(b, f, p);
	p->sent = b->wire ? b->wire->sent : SEEN_NOT;
	p->written = b->wire ? b->wire->written : SEEN_NOT;
	p->wrong_cached = steps_past(b, f->steps, false);
	p->n_wrong_cached = count_ways(b, p->wrong_cached);
	p->n_wrong = count_ways(b, f->steps);
	p->walked_past = walked;
	p->past = worst(walked, worst(p->look[LOOK_DIRECT], p->look[LOOK_FRESH]));
	p->n_past = (unsigned)__builtin_popcountll(steps_past(b, ~b->t->off_steps, true));
	p->is_uncached = b->is_uncached;
	p->second_look = name_second_look(p);
	p->was_there_before = was_there_before(b, p);
	p->has_right = (f->right & ~f->steps) != 0;
}

/* One way reads pages wrongly that another reads rightly. */
static bool is_reader(const struct points *p)
{
	if (p->n_wrong != 1)
		return false;
	if (p->look[LOOK_DROPPED] == SEEN_WRONG && p->look[LOOK_OTHER] == SEEN_RIGHT)
		return true;
	/* Only O_DIRECT: what others have in the cache is right, so it came well to the guest. */
	return !p->is_uncached && !p->n_wrong_cached && p->has_right &&
	       p->look[LOOK_OTHER] != SEEN_WRONG && p->second_look &&
	       strcmp(p->second_look, "gone") != 0;
}

static bool is_in_cache(const struct blame_facts *b, const struct points *p)
{
	if (p->is_uncached || !p->n_wrong_cached)
		return false;
	if (p->was_there_before)
		return true;
	if (p->second_look && !strcmp(p->second_look, "cache-only"))
		return true;
	/* Seen once by one way: it may have been wrong before it came there. */
	return p->n_wrong_cached > 1 || was_read_twice(b, p->wrong_cached) ||
	       p->look[LOOK_OTHER] == SEEN_WRONG || p->look[LOOK_AGAIN] == SEEN_WRONG ||
	       p->look[LOOK_DROPPED] == SEEN_WRONG;
}

static enum layer blame_bytes(const struct blame_facts *b, const struct points *p)
{
	if (p->sent == SEEN_WRONG || p->written == SEEN_WRONG)
		return LAYER_SERVER;
	if (is_reader(p))
		return LAYER_READER;
	if (p->past == SEEN_RIGHT && is_in_cache(b, p))
		return LAYER_PAGE_CACHE;
	/* Dropping the pages made it right: they were wrong, whatever else is not known. */
	if (p->sent == SEEN_RIGHT && is_in_cache(b, p) && p->look[LOOK_DROPPED] == SEEN_RIGHT)
		return LAYER_PAGE_CACHE;
	if (p->sent == SEEN_RIGHT && p->past == SEEN_WRONG)
		return LAYER_TRANSPORT;
	return LAYER_UNKNOWN;
}

static enum layer blame_other(const struct finding *f, const struct points *p)
{
	if (p->sent == SEEN_WRONG)
		return LAYER_SERVER;
	/* What the server told is right: the guest's kernel keeps it otherwise. */
	if (p->sent == SEEN_RIGHT)
		return LAYER_PAGE_CACHE;
	/* No 9P message brings bytes there. */
	if (f->class == DAMAGE_STRAY || f->class == DAMAGE_PAST_EOF)
		return LAYER_PAGE_CACHE;
	return LAYER_UNKNOWN;
}

static bool is_about_bytes(const struct finding *f)
{
	return f->to > f->from && f->size && f->class != DAMAGE_PAST_EOF &&
	       f->class != DAMAGE_LONG && f->class != DAMAGE_STRAY;
}

/* Bytes that nobody knows, but which went over the wire earlier. What the server sends wrongly again and again
 * is none of these. */
static void name_old(struct finding *f, const struct points *p)
{
	bool is_nameless = f->class == DAMAGE_RANDOM || f->class == DAMAGE_DIFFERENT;

	if (!is_nameless || !p->wire || !p->wire->was_before ||
	    (p->sent == SEEN_WRONG && !p->wire->earlier.is_write))
		return;
	f->class = DAMAGE_STALE;
	free(f->text);
	if (asprintf(&f->text, "as %s of tag %u had it, before",
		     p->wire->earlier.is_write ? "the Twrite" : "the Rread",
		     p->wire->earlier.tag) < 0)
		f->text = NULL;
}

static void take_requests(const struct wire_facts *w, struct finding *f)
{
	const size_t size = w->n_near * sizeof(w->near[0]);

	f->has_request = true;
	f->request = w->request;
	free(f->near);
	f->near = size ? malloc(size) : NULL;
	f->n_near = f->near ? w->n_near : 0;
	if (f->near)
		memcpy(f->near, w->near, size);
}

void blame(const struct blame_facts *b, struct finding *f)
{
	enum certainty c;
	struct points p;

	collect(b, f, &p);
	if (f->class == DAMAGE_HOST_ALTERED)
		f->layer = LAYER_HOST_FILE;
	else
		f->layer = is_about_bytes(f) ? blame_bytes(b, &p) : blame_other(f, &p);
	name_old(f, &p);
	f->second_look = p.second_look;
	if (b->wire && b->wire->has_request)
		take_requests(b->wire, f);
	f->bug = known_bug_find(&p, b->kernel, &c);
	f->certainty = c;
	free(f->evidence);
	f->evidence = evidence_text(f->layer, &p);
}
