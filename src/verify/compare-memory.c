/* SPDX-License-Identifier: MIT */
/* Writes into memory that is not the writer's: what the probe found in the pages that it kept, and
 * whose bytes they are. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "compare-parts.h"
#include "fields.h"
#include "host-file.h"
#include "macros.h"
#include "text.h"

#define SHOWN_MAX 32

/* How many of the N bytes stand in the host's file at OFFSET. */
static size_t count_common(struct compare *c, const struct node *owner, uint64_t offset,
			   const unsigned char *bytes, size_t n)
{
	autoclose int fd = host_open(manifest_root_fd(c->m), owner, O_RDONLY | O_NONBLOCK);
	unsigned char buf[DIGEST_BLOCK];
	ssize_t got = fd < 0 ? 0 : pread(fd, buf, n, (off_t)offset);
	size_t common = 0;

	while ((ssize_t)common < got && buf[common] == bytes[common])
		common++;
	return common;
}

/* A page may be written to twice: then the bytes of the second write stand before the rest of the
 * first. */
static bool find_owner(struct compare *c, const unsigned char *bytes, size_t n,
		       const struct node **ret_owner, uint64_t *ret_offset, size_t *ret_n)
{
	*ret_n = n;
	if (owner_find(&c->owners, bytes, n, ret_owner, ret_offset))
		return true;
	if (n <= SHOWN_MAX || !owner_find(&c->owners, bytes, SHOWN_MAX, ret_owner, ret_offset))
		return false;
	*ret_n = count_common(c, *ret_owner, *ret_offset, bytes, n);
	return true;
}

/* Where the bytes come from, or else how they begin. */
static char *describe(struct compare *c, uint64_t page, const unsigned char *bytes, size_t n)
{
	autofree char *path = NULL, *shown = NULL;
	const struct node *owner;
	uint64_t offset;
	size_t n_owned;
	char *text;
	int r;

	shown = text_printable(bytes, MIN(n, (size_t)SHOWN_MAX));
	if (find_owner(c, bytes, n, &owner, &offset, &n_owned)) {
		path = node_path(owner);
		r = asprintf(&text,
			     "page %" PRIu64
			     " of another program has the %zu bytes of %s from 0x%" PRIx64
			     " on%s: \"%s\"...",
			     page, n_owned, path ? path : "?", offset,
			     n_owned < n ? ", over others" : "", shown ? shown : "");
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
