/* SPDX-License-Identifier: MIT */
#include "known-bugs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blame-text.h"
#include "compare.h"
#include "linux-version.h"
#include "wire-facts.h"

#define PAGE 4096U
#define COPY_MAX 1024U /* of net/9p/client.c: what is larger goes by zero copy */

#define X(symbol, id, title, fixed, versions, signature) \
	[KNOWN_##symbol] = {id, title, fixed, versions, signature},
const struct known_bug known_bugs[N_KNOWN_BUGS] = {KNOWN_BUGS(X)};
#undef X

const char *certainty_name(enum certainty c)
{
	static const char *const names[] = {"none", "fits", "matches"};

	return names[c];
}

/* QEMU's own server is reached by virtio only. */
static bool is_virtio(const struct points *p)
{
	return p->wire && p->wire->has_request &&
	       (p->wire->request.has_route || p->wire->is_logged);
}

/* What QEMU does not log follows from what was asked for. */
static bool is_zero_copy(const struct points *p, const struct wire_request *q)
{
	return p->wire->is_logged ? q->asked > COPY_MAX : q->is_zero_copy;
}

/* The request before it went by zero copy and ended on a page boundary. */
static bool has_parked(const struct points *p)
{
	const struct wire_request *b = &p->wire->before;

	return p->wire->has_before && is_zero_copy(p, b) && (b->offset + b->got) % PAGE == 0;
}

/* Without a recording: the range lies as the last Tread of such a file does. */
static bool looks_like_tail(const struct points *p)
{
	const struct finding *f = p->f;
	uint64_t size = p->t->read_size;

	return size && size % PAGE == 0 && f->from && f->from % size == 0 && f->to == f->size &&
	       f->to - f->from <= COPY_MAX;
}

/* Bytes that are there, and others than they should be. */
static bool has_wrong_bytes(const struct finding *f)
{
	return f->to > f->from && f->class != DAMAGE_SHORT && f->class != DAMAGE_LONG &&
	       f->class != DAMAGE_PAST_EOF && f->class != DAMAGE_STRAY;
}

static enum certainty is_FOLIOQ_OFFSET(const struct points *p, enum layer l)
{
	const struct wire_request *q;

	if (l != LAYER_PAGE_CACHE || !has_wrong_bytes(p->f))
		return CERTAINTY_NONE;
	if (!p->wire || !p->wire->has_request)
		return looks_like_tail(p) ? CERTAINTY_FITS : CERTAINTY_NONE;
	q = &p->wire->request;
	if (!is_virtio(p) || is_zero_copy(p, q) || q->got > COPY_MAX || !has_parked(p) ||
	    p->f->from < q->offset || p->f->to > q->offset + q->got)
		return CERTAINTY_NONE;
	/* Bytes that were there by chance may be right. */
	return p->sent == SEEN_RIGHT && p->f->from == q->offset ? CERTAINTY_MATCHES
								: CERTAINTY_FITS;
}

/* The page that is too much comes first, so that all others are one page too late, and for the last there is
 * no room. A page that lies behind the folio before may be the next of the same file. */
static enum certainty is_FOLIOQ_PARKED(const struct points *p, enum layer l)
{
	const struct wire_request *q;

	if (l != LAYER_PAGE_CACHE || !has_wrong_bytes(p->f) || !is_virtio(p) ||
	    !is_zero_copy(p, &p->wire->request) || !has_parked(p))
		return CERTAINTY_NONE;
	q = &p->wire->request;
	if (p->f->from < q->offset || p->f->from >= q->offset + q->got)
		return CERTAINTY_NONE;
	if (q->overlaps)
		return CERTAINTY_MATCHES;
	return p->sent == SEEN_RIGHT && p->f->from / PAGE == q->offset / PAGE ? CERTAINTY_MATCHES
									      : CERTAINTY_FITS;
}

static enum certainty is_FOLIOQ_SLOT(const struct points *p, enum layer l)
{
	const struct wire_request *q;

	if (l != LAYER_PAGE_CACHE || !has_wrong_bytes(p->f) || !is_virtio(p) ||
	    !is_zero_copy(p, &p->wire->request))
		return CERTAINTY_NONE;
	q = &p->wire->request;
	return p->f->from > q->offset && p->f->from < q->offset + q->got && p->f->from % PAGE == 0
		       ? CERTAINTY_FITS
		       : CERTAINTY_NONE;
}

/* The zeros are the client's own: it asked for these bytes only where it read past its cache, or later. The
 * file was once told to end before them. */
static enum certainty is_ZERO_POINT(const struct points *p, enum layer l)
{
	const struct wire_facts *w = p->wire;
	uint64_t from = p->f->from;
	bool is_there;

	if (l != LAYER_PAGE_CACHE || p->f->class != DAMAGE_ZERO || p->f->to != p->f->size || !w ||
	    (w->n_first > p->n_past && !p->was_there_before) || !w->has_size ||
	    w->least_size > from)
		return CERTAINTY_NONE;
	is_there = from == w->least_size || (from % PAGE == 0 && from - w->least_size < PAGE);
	return is_there || (p->second_look && !strcmp(p->second_look, "stable")) ? CERTAINTY_MATCHES
										 : CERTAINTY_FITS;
}

static enum certainty is_CLEAR_TAIL(const struct points *p, enum layer l)
{
	(void)l;
	return p->f->class == DAMAGE_LONG && p->n_wrong_cached ? CERTAINTY_FITS : CERTAINTY_NONE;
}

/* The end of the file is within that page. */
static enum certainty is_EARLY_UNLOCK(const struct points *p, enum layer l)
{
	return l == LAYER_PAGE_CACHE && p->f->class == DAMAGE_PAST_EOF && p->f->size % PAGE &&
			       p->f->from / PAGE == p->f->size / PAGE
		       ? CERTAINTY_MATCHES
		       : CERTAINTY_NONE;
}

#define X(symbol, id, title, fixed, versions, signature) [KNOWN_##symbol] = is_##symbol,
static enum certainty (*const checks[N_KNOWN_BUGS])(const struct points *p,
						    enum layer l) = {KNOWN_BUGS(X)};
#undef X

static bool is_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; at && (at = strstr(at, word)); at += n)
		if ((at == list || at[-1] == ',' || at[-1] == ' ') &&
		    (!at[n] || at[n] == ',' || at[n] == ' '))
			return true;
	return false;
}

static bool has_bug(const struct known_kernel *k, const struct known_bug *b)
{
	return !k || !k->version || is_word(k->edits, b->id) ||
	       linux_version_is_within(k->version, b->versions);
}

/* A version that is said not to have the bug is one step less sure, and of two that fit the one is meant that
 * it has. */
const struct known_bug *known_bug_find(const struct points *p, const struct known_kernel *k,
				       enum certainty *ret_c)
{
	const struct known_bug *best = NULL;
	unsigned best_rank = 0;

	*ret_c = CERTAINTY_NONE;
	for (size_t i = 0; i < N_KNOWN_BUGS; i++) {
		unsigned c = checks[i](p, p->f->layer);
		bool has_it = has_bug(k, &known_bugs[i]);

		c -= c && !has_it;
		if (c && 2 * c + has_it > best_rank) {
			best_rank = 2 * c + has_it;
			best = &known_bugs[i];
			*ret_c = (enum certainty)c;
		}
	}
	return best;
}

static bool writes_elsewhere(const struct known_bug *b)
{
	return b == &known_bugs[KNOWN_FOLIOQ_OFFSET] || b == &known_bugs[KNOWN_FOLIOQ_PARKED] ||
	       b == &known_bugs[KNOWN_FOLIOQ_SLOT];
}

void known_bugs_spread(const struct tally *t)
{
	const struct finding *source = t->findings;

	while (source && !(source->bug && source->certainty == CERTAINTY_MATCHES &&
			   writes_elsewhere(source->bug)))
		source = source->next;
	for (struct finding *f = t->findings; source && f; f = f->next) {
		/* Pages of the same file may be the ones that were written into. */
		if (f->bug || f->layer != LAYER_PAGE_CACHE || f->to <= f->from)
			continue;
		if (f->class == DAMAGE_STRAY || f->class == DAMAGE_SHIFTED ||
		    f->class == DAMAGE_FOREIGN) {
			f->bug = source->bug;
			f->certainty = CERTAINTY_FITS;
		}
	}
}

char *known_bug_text(const struct known_bug *b, enum certainty c)
{
	char *text;

	if (asprintf(&text, "%s the known bug %s (\"%s\"), fixed by %s", certainty_name(c), b->id,
		     b->title, b->fixed) < 0)
		return NULL;
	return text;
}
