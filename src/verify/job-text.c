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

static void put_mount(FILE *f, const struct job_plan *p, const char *cache)
{
	autofree char *options = NULL;

	if (asprintf(&options, "%s,cache=%s,msize=%u", p->options, cache, p->msize) < 0) {
		options = NULL;
		return;
	}
	fputs("mount", f);
	put_word(f, p->source);
	put_word(f, options);
	fputc('\n', f);
}

static bool uses_cache(const char *way)
{
	return strncmp(way, "direct", 6) != 0;
}

/* Each way once with nothing of the file in the guest's cache, so that it is this way that brings
 * it there; then the cached ones again, on what the last of them left. */
static void put_walk(FILE *f, const struct job_plan *p, bool is_cached)
{
	fputs("walk", f);
	for (size_t i = 0; p->ways[i]; i++) {
		if (i && uses_cache(p->ways[i]))
			fputs(" drop", f);
		put_word(f, p->ways[i]);
	}
	for (size_t i = 0; is_cached && p->ways[i]; i++)
		if (uses_cache(p->ways[i]) && p->ways[i + 1])
			put_word(f, p->ways[i]);
	fputc('\n', f);
}

char *job_text(const struct job_plan *p)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	for (size_t i = 0; p->caches[i]; i++) {
		put_mount(f, p, p->caches[i]);
		if (p->exec && !i) {
			fputs("exec /bin/sh -c", f);
			put_word(f, p->exec);
			fputs("\nsync\n", f);
		}
		put_walk(f, p, strcmp(p->caches[i], "none") != 0);
		fputs("unmount\n", f);
	}
	fclose(f);
	return text;
}
