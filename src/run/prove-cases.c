/* SPDX-License-Identifier: MIT */
#include "prove-cases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "corpus.h"
#include "macros.h"
#include "sabotage.h"

#define FIRST_ID 0x1000U
#define DONOR_ID 0x0fffU
#define GENERATION 2U
#define PAGE 4096U
#define MARK (CORPUS_UNIT - 1) /* without its newline */

const struct prove_case prove_cases[] = {
#define C(place, layer, class, words, offset, count) \
	{PROVE_##place, LAYER_##layer, DAMAGE_##class, words, offset, count},
	PROVE_CASES(C)
#undef C
};

const size_t prove_n_cases = ARRAY_SIZE(prove_cases);

const char *prove_place_what(enum prove_place p)
{
#define P(symbol, what) what,
	static const char *const texts[] = {PROVE_PLACES(P)};
#undef P

	return texts[p];
}

static unsigned index_of(const struct prove_case *c)
{
	return (unsigned)(c - prove_cases);
}

static uint16_t id_of(const struct prove_case *c)
{
	return (uint16_t)(c ? FIRST_ID + index_of(c) : DONOR_ID);
}

const char *prove_kind(const struct prove_case *c)
{
	const char *blank = strrchr(c->words, ' ');

	return blank ? blank + 1 : c->words;
}

bool prove_is(const struct prove_case *c, const char *kind)
{
	return !strcmp(prove_kind(c), kind);
}

const char *prove_file_name(const struct prove_case *c, char *buf)
{
	if (prove_is(c, "stray"))
		return "memory of the guest";
	snprintf(buf, PROVE_NAME_MAX, "%s-%s-%u", layer_name(c->layer), prove_kind(c), index_of(c));
	return buf;
}

void prove_fill(const struct prove_case *c, bool older, uint8_t *buf)
{
	corpus_fill(id_of(c), (uint8_t)(older ? GENERATION - 1 : GENERATION), 0, buf, PROVE_SIZE);
}

/* The first bytes of the unit at OFFSET: they stand nowhere else. */
static void put_mark(uint16_t id, unsigned generation, uint32_t offset, char *mark)
{
	char unit[CORPUS_UNIT];

	corpus_fill(id, (uint8_t)generation, offset, unit, CORPUS_UNIT);
	memcpy(mark, unit, MARK);
	mark[MARK] = '\0';
}

/* Where the bytes are from that come in their place, if they come from anywhere. */
static void put_from(const struct prove_case *c, uint32_t unit, char *from)
{
	if (prove_is(c, "stale"))
		put_mark(id_of(c), GENERATION - 1, unit, from);
	else if (prove_is(c, "shifted"))
		put_mark(id_of(c), GENERATION, unit + PROVE_BY, from);
	else
		put_mark(DONOR_ID, GENERATION, unit, from);
}

/* A payload may end before the bytes that belong there: so SHIFTED ones come from an earlier payload, too. */
static char *sabotage_text(const struct prove_case *c)
{
	uint32_t unit = c->offset - c->offset % CORPUS_UNIT;
	bool is_moved = prove_is(c, "stale") || prove_is(c, "shifted");
	char mark[MARK + 1], from[MARK + 1], *text;

	put_mark(id_of(c), GENERATION, unit, mark);
	put_from(c, unit, from);
	if (asprintf(&text, "%.*s%s,mark=%s,skip=%u,count=%u,from=%s",
		     (int)(prove_kind(c) - c->words), c->words,
		     is_moved ? "foreign" : prove_kind(c), mark, c->offset - unit, c->count,
		     from) < 0)
		return NULL;
	return text;
}

char *prove_text(const struct prove_case *c)
{
	char name[PROVE_NAME_MAX], *text;

	if (c->layer != LAYER_SERVER)
		return sabotage_text(c);
	if (asprintf(&text, "%s,file=%s,offset=%u,count=%u,by=%u", c->words,
		     prove_file_name(c, name), c->offset, c->count, PROVE_BY) < 0)
		return NULL;
	return text;
}

int prove_fill_damaged(const struct prove_case *c, uint8_t *buf)
{
	autofree char *text = NULL, *why = NULL;
	uint8_t other[PROVE_SIZE];
	struct sabotage *s;
	int r;

	prove_fill(c, false, buf);
	memset(buf + PROVE_SIZE, 0, PAGE - PROVE_SIZE % PAGE);
	if (prove_is(c, "past-eof")) {
		memset(buf + c->offset, '!', c->count);
		return 0;
	}
	if (prove_is(c, "stray"))
		return -ENOTSUP;
	text = sabotage_text(c);
	r = text ? sabotage_new(text, &s, &why) : -ENOMEM;
	if (r)
		return r;
	prove_fill(prove_is(c, "stale") ? c : NULL, prove_is(c, "stale"), other);
	sabotage_act(s, other, sizeof(other));
	r = sabotage_act(s, buf, PROVE_SIZE) ? 0 : -ENOTSUP;
	sabotage_free(s);
	return r;
}

bool prove_is_range(const struct prove_case *c, uint64_t from, uint64_t to)
{
	uint64_t end = (uint64_t)c->offset + c->count;

	if (!c->count)
		return true;
	return from >= c->offset && from < c->offset + (uint64_t)CORPUS_UNIT && to <= end &&
	       to + CORPUS_UNIT > end && from < to;
}
