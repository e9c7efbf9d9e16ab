/* SPDX-License-Identifier: MIT */
#include "relation.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE 4096U
#define ZERO_COPY_MIN 1024U /* of net/9p/client.c: up to here Linux copies */

static bool starts_at_tread(const struct relation *r)
{
	return r->read_size && r->from && r->from % r->read_size == 0;
}

static void put_start(FILE *f, const struct relation *r)
{
	if (r->from % PAGE == 0)
		fputs("from a page boundary", f);
	if (!starts_at_tread(r))
		return;
	fprintf(f, "%s%" PRIu64 " Tread%s of %" PRIu64 " bytes into the file",
		ftell(f) ? ", " : "from ", r->from / r->read_size,
		r->from == r->read_size ? "" : "s", r->read_size);
}

static void put_end(FILE *f, const struct relation *r)
{
	uint64_t n = r->to - r->from;

	if (!r->size || r->to != r->size)
		return;
	fputs(ftell(f) ? ", to its end" : "to the end of the file", f);
	if (starts_at_tread(r) && n <= ZERO_COPY_MIN)
		fprintf(f, ": the last Tread, %" PRIu64 " byte%s, not zero-copy but copied", n,
			n == 1 ? "" : "s");
}

char *relation_text(const struct relation *r)
{
	char *text = NULL;
	size_t n;
	FILE *f = r->to > r->from ? open_memstream(&text, &n) : NULL;

	if (!f)
		return NULL;
	if (r->from)
		put_start(f, r);
	put_end(f, r);
	if (fclose(f) || !n) {
		free(text);
		return NULL;
	}
	return text;
}
