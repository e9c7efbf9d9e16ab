/* SPDX-License-Identifier: MIT */
/* Writes into memory that is not the writer's: what the probe found in the pages that it kept, and
 * whose bytes they are. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compare-parts.h"
#include "fields.h"
#include "macros.h"
#include "text.h"

#define SHOWN_MAX 32

/* Where the bytes come from, or else how they begin. */
static char *describe(struct compare *c, uint64_t page, const unsigned char *bytes, size_t n)
{
	autofree char *path = NULL, *shown = NULL;
	const struct node *owner;
	uint64_t offset;
	char *text;
	int r;

	shown = text_printable(bytes, MIN(n, (size_t)SHOWN_MAX));
	if (owner_find(&c->owners, bytes, n, &owner, &offset)) {
		path = node_path(owner);
		r = asprintf(&text,
			     "page %" PRIu64
			     " of another program has the %zu bytes of %s from 0x%" PRIx64
			     " on: \"%s\"...",
			     page, n, path ? path : "?", offset, shown ? shown : "");
	} else {
		r = asprintf(&text,
			     "page %" PRIu64 " of another program has %zu strange byte%s: \"%s\"%s",
			     page, n, n == 1 ? "" : "s", shown ? shown : "",
			     n > SHOWN_MAX ? "..." : "");
	}
	return r < 0 ? NULL : text;
}

int take_stray(struct compare *c, const char *at)
{
	unsigned char bytes[DIGEST_BLOCK];
	uint64_t page, from;
	size_t n;

	if (field_u64(&at, &page) < 0 || field_u64(&at, &from) < 0 || from >= DIGEST_BLOCK ||
	    field_hex(&at, bytes, DIGEST_BLOCK - from, &n) < 0 || !n)
		return -EINVAL;
	/* It is no file that is damaged. */
	c->is_judged = true;
	c->t.n_strays++;
	return add_finding(c, NULL, "memory of the guest", DAMAGE_STRAY, from, from + n, 0, 0,
			   describe(c, page, bytes, n));
}
