/* SPDX-License-Identifier: MIT */
#include "blame-text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blame.h"
#include "clock.h"
#include "compare.h"
#include "macros.h"
#include "wire-facts.h"

#define PAGE 4096U

static void put_clause(FILE *f, const char *text)
{
	fprintf(f, "%s%s", ftell(f) ? "; " : "", text);
}

/* "tag 7 (655 bytes at 0x3000, not zero-copy, at 0.220343 s)" */
static void put_request(FILE *f, const struct wire_request *q)
{
	fprintf(f, "tag %u (%" PRIu32 " byte%s at 0x%" PRIx64, q->tag, q->got,
		q->got == 1 ? "" : "s", q->offset);
	if (q->got < q->asked)
		fprintf(f, " of %" PRIu32 " asked for", q->asked);
	if (q->has_route)
		fputs(q->is_zero_copy ? ", zero-copy" : ", not zero-copy", f);
	fprintf(f, ", at %" PRIu64 ".%06" PRIu64 " s)", (uint64_t)(q->time / NS_PER_SEC),
		(uint64_t)(q->time % NS_PER_SEC / 1000));
}

static void put_before(FILE *f, const struct wire_request *b)
{
	fprintf(f, ", which followed a%s Rread",
		!b->has_route	  ? "n"
		: b->is_zero_copy ? " zero-copy"
				  : " copied");
	if ((b->offset + b->got) % PAGE == 0)
		fputs(" that ended on a page boundary", f);
}

/* How the range lies to the request that carried it. */
static void put_carrier(FILE *f, const struct points *p)
{
	const struct wire_request *q;
	uint64_t end;

	if (!p->wire || !p->wire->has_request)
		return;
	q = &p->wire->request;
	end = q->offset + q->got;
	if (q->offset == p->f->from && end == p->f->to)
		fputs("= exactly the Rread of ", f);
	else if (q->offset <= p->f->from && end >= p->f->to)
		fputs("in the Rread of ", f);
	else if (q->offset <= p->f->from)
		fputs("from within the Rread of ", f);
	else
		fputs("with the Rread of ", f);
	put_request(f, q);
	if (p->wire->has_before)
		put_before(f, &p->wire->before);
}

static void put_sent(FILE *f, const struct points *p)
{
	const struct wire_facts *w = p->wire;

	if (w && w->text) {
		put_clause(f, w->text);
	} else if (p->sent == SEEN_WRONG && !w->request.got) {
		put_clause(f, "the server said that the file ends there");
	} else if (p->sent == SEEN_WRONG) {
		put_clause(f, "the server sent wrong bytes");
		fprintf(f, " in 0x%" PRIx64 "-0x%" PRIx64, w->from, w->to - 1);
	} else if (w && w->has_request && w->request.overlaps) {
		put_clause(f, "the guest gave the server the same memory twice for it");
	} else if (p->sent == SEEN_RIGHT) {
		put_clause(f, p->f->to > p->f->from ? "the server sent the right bytes"
						    : "the server told it rightly");
	} else if (w && w->is_logged && w->n_replies) {
		put_clause(f, "QEMU's server answered it, with which bytes it does not tell");
	} else if (!w) {
		put_clause(f, p->no_wire ? p->no_wire : "the server's messages were not recorded");
	} else {
		put_clause(f, "the recording has no reply about it");
	}
}

static void put_written(FILE *f, const struct points *p)
{
	if (p->written == SEEN_WRONG) {
		put_clause(f, "the host does not hold what the guest sent in the Twrite of ");
		put_request(f, &p->wire->write);
	} else if (p->written == SEEN_RIGHT) {
		put_clause(f, "the host holds what the guest's last Twrite brought");
	}
}

/* "O_DIRECT and cache=none read them right" */
static void put_past(FILE *f, const struct points *p, enum seen which, const char *how)
{
	bool by_direct = p->walked_past == which || p->look[LOOK_DIRECT] == which;
	bool by_fresh = p->look[LOOK_FRESH] == which;

	if (p->is_uncached || (!by_direct && !by_fresh))
		return;
	put_clause(f, "");
	fprintf(f, "%s%s%s %s", by_direct ? "O_DIRECT" : "", by_direct && by_fresh ? " and " : "",
		by_fresh ? "cache=none" : "", by_direct && by_fresh ? "read" : "reads");
	fprintf(f, " them %s", how);
}

static void put_second_look(FILE *f, const struct points *p)
{
	if (!p->second_look)
		return;
#define X(symbol, name, meaning)           \
	if (!strcmp(p->second_look, name)) \
		put_clause(f, meaning);
	SECOND_LOOKS(X)
#undef X
	if (p->look[LOOK_OTHER] != SEEN_NOT && p->look[LOOK_DROPPED] == SEEN_WRONG)
		fprintf(f, ", and %s %s from the same pages",
			p->look[LOOK_OTHER] == SEEN_RIGHT ? "right" : "wrong", p->other_way);
}

/* What the layer did, where that is more than its name. */
static const char *blame_phrase(enum layer l, const struct points *p)
{
	bool cache_only = p->second_look && !strcmp(p->second_look, "cache-only");

	switch (l) {
	case LAYER_HOST_FILE:
		return "the host's file itself";
	case LAYER_SERVER:
		return p->written == SEEN_WRONG ? "the server, which lost or misplaced a write"
						: "the server";
	case LAYER_TRANSPORT:
		return "transport, between the server and the guest's 9P client";
	case LAYER_PAGE_CACHE:
		if (p->f->class == DAMAGE_STRAY)
			return "guest kernel, which wrote into memory of somebody else";
		if (p->f->to == p->f->from)
			return "guest kernel, what it keeps of names and attributes";
		return (cache_only && p->n_wrong_cached < 2) || p->was_there_before
			       ? "guest kernel, pages of the page cache"
			       : "guest kernel, copy into the page cache";
	case LAYER_READER:
		return "the call that read";
	case LAYER_UNKNOWN:
		return NULL;
	}
	return NULL;
}

/* What would tell. */
static void put_missing(FILE *f, const struct points *p)
{
	put_clause(f, "first bad layer: unknown, ");
	if (p->f->to == p->f->from || !p->f->size)
		fputs("for this class the recording does not tell", f);
	else if (p->sent == SEEN_NOT && p->past == SEEN_WRONG)
		fputs(p->wire && p->wire->is_logged
			      ? "server or transport: QEMU's server does not tell what it sent"
			      : "server or transport: a recording of what the server sent would "
				"tell",
		      f);
	else if (p->past == SEEN_NOT)
		fputs("a read past the cache (--ways direct) would tell", f);
	else
		fputs("it was seen once, by one way: somewhere behind the server", f);
}

char *evidence_text(enum layer l, const struct points *p)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	const char *phrase = blame_phrase(l, p);

	if (!f)
		return NULL;
	if (l != LAYER_HOST_FILE) {
		put_carrier(f, p);
		if (p->f->class != DAMAGE_STRAY)
			put_sent(f, p);
		put_written(f, p);
		put_past(f, p, SEEN_RIGHT, "right");
		put_past(f, p, SEEN_WRONG, "wrong");
		if (p->was_there_before)
			put_clause(f, "no Rread brought them in this walk: they were in the cache "
				      "before it");
		put_second_look(f, p);
	}
	if (phrase) {
		put_clause(f, "first bad layer: ");
		fputs(phrase, f);
	} else {
		put_missing(f, p);
	}
	fclose(f);
	return text;
}
