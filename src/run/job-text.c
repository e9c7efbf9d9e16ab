/* SPDX-License-Identifier: MIT */
#include "job-text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "text.h"

static void put_word(FILE *f, const char *word)
{
	fputc(' ', f);
	text_put(f, word, strlen(word));
}

/* The words of a mount, behind VERB. */
static void put_mount(FILE *f, const char *verb, const struct job_plan *p, const char *cache,
		      unsigned msize)
{
	autofree char *options = NULL;

	if (asprintf(&options, "%s,cache=%s,msize=%u", p->options, cache, msize) < 0) {
		options = NULL;
		return;
	}
	fputs(verb, f);
	put_word(f, p->source);
	put_word(f, options);
	fputc('\n', f);
}

static bool uses_cache(const char *way)
{
	return strncmp(way, "direct", 6) != 0;
}

/* Each way once with nothing of the file in the guest's cache, so that it is this way that brings
 * it there; then the first once more, on what the last has left. */
static void put_walk(FILE *f, const struct job_plan *p, bool is_cached)
{
	size_t n = 0;

	fputs("walk", f);
	for (; p->ways[n]; n++) {
		if (n && uses_cache(p->ways[n]))
			fputs(" drop", f);
		put_word(f, p->ways[n]);
	}
	if (is_cached && n > 1 && uses_cache(p->ways[0]) && uses_cache(p->ways[n - 1]))
		put_word(f, p->ways[0]);
	fputc('\n', f);
}

static void put_part(FILE *f, const struct job_plan *p, const char *cache, unsigned msize,
		     bool is_first)
{
	put_mount(f, "mount", p, cache, msize);
	if (p->exec && is_first) {
		fputs("exec /bin/sh -c", f);
		put_word(f, p->exec);
		fputs("\nsync\n", f);
	}
	if (p->preload)
		fputs("preload\n", f);
	if (p->pause)
		fputs("pause " JOB_PAUSE "\n", f);
	put_walk(f, p, strcmp(cache, "none") != 0);
	/* Over a mount that keeps nothing: a cache can then not be what is wrong. */
	if (p->is_looking)
		put_mount(f, "look", p, "none", msize);
	fputs("unmount\n", f);
}

/* "WAY DAMAGE" */
static void put_fault(FILE *f, const char *fault)
{
	const char *damage = strchr(fault, ' ');

	if (!damage)
		return;
	fprintf(f, "fault %.*s", (int)(damage - fault), fault);
	put_word(f, damage + 1);
	fputc('\n', f);
}

char *job_text(const struct job_plan *p)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	if (p->fragment)
		fprintf(f, "fragment %u\n", p->fragment);
	fputs("facts\n", f);
	for (const char *const *fault = p->reader_faults; fault && *fault; fault++)
		put_fault(f, *fault);
	for (const char *const *cache = p->caches; *cache; cache++)
		for (const unsigned *msize = p->msizes; *msize; msize++)
			put_part(f, p, *cache, *msize, cache == p->caches && msize == p->msizes);
	/* The taint may be another one now. */
	fputs("facts\n", f);
	fclose(f);
	return text;
}
