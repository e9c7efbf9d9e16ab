/* SPDX-License-Identifier: MIT */
#include "wire-listing.h"

#include <stdio.h>
#include <string.h>

#include "exchange.h"

bool wire_is_listed(enum damage class)
{
	return class == DAMAGE_MISSING || class == DAMAGE_EXTRA || class == DAMAGE_DUPLICATE;
}

static void take_names(struct wire_listing *l, const struct exchange *e)
{
	const uint8_t *at = e->reply.data;
	size_t left = e->reply.payload_len, size;
	struct dirent9 d;

	for (; left && !dirent_decode(at, left, &d, &size); at += size, left -= size)
		if (d.name.len == strlen(l->name) && !memcmp(d.name.p, l->name, d.name.len)) {
			l->n_now++;
			l->tag = e->t.tag;
		}
	l->is_broken = l->is_broken || left;
}

/* A listing is over when the server has no more names. */
static enum seen conclude(const struct wire_listing *l, enum damage class, char **ret_text)
{
	int n;

	if (class == DAMAGE_MISSING ? l->n_now >= 1
	    : class == DAMAGE_EXTRA ? l->n_now == 0
				    : l->n_now <= 1)
		return l->is_broken && !l->n_now ? SEEN_NOT : SEEN_RIGHT;
	if (l->is_broken && class == DAMAGE_MISSING)
		return SEEN_NOT;
	n = class == DAMAGE_MISSING
		    ? asprintf(ret_text, "the server's listing of its folder lacks it")
	    : class == DAMAGE_EXTRA ? asprintf(ret_text, "the Rreaddir of tag %u lists it", l->tag)
				    : asprintf(ret_text, "the server lists it %u times", l->n_now);
	if (n < 0)
		*ret_text = NULL;
	return SEEN_WRONG;
}

enum seen wire_judge_listing(struct wire_listing *l, const struct exchange *e, enum damage class,
			     char **ret_text)
{
	if (e->t.type != Treaddir || e->r.type != Rreaddir)
		return SEEN_NOT;
	if (!e->t.Treaddir.offset) {
		l->n_now = 0;
		l->is_broken = false;
	}
	if (!e->reply.payload_len)
		return conclude(l, class, ret_text);
	if (e->reply.data)
		take_names(l, e);
	else
		l->is_broken = true;
	return SEEN_NOT;
}
