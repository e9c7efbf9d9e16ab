/* SPDX-License-Identifier: MIT */
#include "look.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compare.h"
#include "digest.h"
#include "fields.h"
#include "macros.h"
#include "manifest.h"
#include "probe-ways.h"
#include "runs.h"
#include "text.h"

#define FILES_MAX 32	     /* the probe takes 64 */
#define RANGE_MAX (4U << 20) /* of a file */
#define NAME_MAX_BYTES 1024  /* longer names are not asked for: what a terminal takes is small */
#define WAY_NAME 32

/* The words that are sent: step numbers count them all. */
enum { WORD_AGAIN, WORD_DROP, WORD_DROPPED, WORD_OTHER, WORD_DIRECT, WORD_FRESH_MARK, WORD_FRESH };

static const int words_of[] = {
	[LOOK_AGAIN] = WORD_AGAIN,   [LOOK_DROPPED] = WORD_DROPPED, [LOOK_OTHER] = WORD_OTHER,
	[LOOK_DIRECT] = WORD_DIRECT, [LOOK_FRESH] = WORD_FRESH,
};

struct looked {
	char *path;
	const struct node *node;
	uint64_t from, to; /* whole blocks */
	char way[WAY_NAME], other[WAY_NAME];
	struct runs seen[LOOK_N]; /* blocks from FROM on */
};

struct look {
	struct looked files[FILES_MAX];
	size_t n;
	struct looked *file; /* whose lines come */
};

static const char *first_way(const struct tally *t, uint64_t steps)
{
	for (size_t i = 0; i < t->n_steps; i++)
		if (steps >> i & 1 && strcmp(t->steps[i], "drop") != 0)
			return t->steps[i];
	return NULL;
}

/* Where the host's file was altered, or bytes are where no file has any, a look tells nothing more. */
static bool is_worth_it(const struct finding *f)
{
	return f->class != DAMAGE_HOST_ALTERED && f->class != DAMAGE_PAST_EOF && f->to > f->from &&
	       f->from < f->size && strlen(f->path) <= NAME_MAX_BYTES;
}

static struct looked *find_file(const struct look *l, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->files[i].path, path))
			return (struct looked *)&l->files[i];
	return NULL;
}

static int add_file(struct look *l, struct manifest *m, const struct tally *t,
		    const struct finding *f)
{
	const char *way = first_way(t, f->steps);
	struct looked *k = &l->files[l->n];

	k->node = manifest_find(m, f->path);
	if (!way || strlen(way) >= WAY_NAME || !k->node || k->node->kind != 'f')
		return 0;
	k->path = strdup(f->path);
	if (!k->path)
		return -ENOMEM;
	k->from = f->from - f->from % DIGEST_BLOCK;
	k->to = f->to;
	strcpy(k->way, way);
	strcpy(k->other, strncmp(way, "mmap", 4) ? "mmap" : "read");
	l->n++;
	return 0;
}

/* Findings of one file come one behind the other. */
static int add_finding(struct look *l, struct manifest *m, const struct tally *t,
		       const struct finding *f)
{
	struct looked *k = find_file(l, f->path);

	if (!k && l->n < FILES_MAX)
		return add_file(l, m, t, f);
	if (k) {
		k->from = MIN(k->from, f->from - f->from % DIGEST_BLOCK);
		k->to = MAX(k->to, f->to);
	}
	return 0;
}

int look_new(struct manifest *m, const struct tally *t, struct look **ret_l)
{
	struct look *l = calloc(1, sizeof(*l));
	int r = l ? 0 : -ENOMEM;

	for (const struct finding *f = t->findings; f && !r; f = f->next)
		if (is_worth_it(f))
			r = add_finding(l, m, t, f);
	if (r) {
		look_free(l);
		return r;
	}
	*ret_l = l;
	return 0;
}

void look_free(struct look *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++) {
		free(l->files[i].path);
		for (size_t k = 0; k < LOOK_N; k++)
			runs_done(&l->files[i].seen[k]);
	}
	free(l);
}

/* The probe reads one window of a file. */
static uint64_t range_end(const struct looked *k)
{
	uint64_t window_end = k->from - k->from % WAY_WINDOW + WAY_WINDOW;

	return MIN(MIN(k->to, k->from + RANGE_MAX), window_end);
}

char *look_request(const struct look *l)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	for (size_t i = 0; i < l->n; i++) {
		const struct looked *k = &l->files[i];

		text_put(f, k->path, strlen(k->path));
		fprintf(f, " %" PRIu64 " %" PRIu64 " %s drop %s %s direct fresh read\n", k->from,
			range_end(k), k->way, k->way, k->other);
	}
	fputc('\n', f);
	fclose(f);
	return text;
}

static int take_file(struct look *l, const char *at)
{
	uint64_t number;

	if (field_u64(&at, &number) < 0 || number >= l->n)
		return -EINVAL;
	l->file = &l->files[number];
	return 0;
}

static int find_step(uint64_t word, size_t *ret_step)
{
	for (size_t i = 0; i < LOOK_N; i++)
		if (words_of[i] == (int)word) {
			*ret_step = i;
			return 0;
		}
	return -EINVAL;
}

static int take_blocks(struct look *l, const char *at)
{
	uint64_t word, block, digest, count;
	size_t step;
	int r;

	if (!l->file || field_u64(&at, &word) < 0 || word > WORD_FRESH ||
	    find_step(word, &step) < 0 || field_u64(&at, &block) < 0 ||
	    block != l->file->from / DIGEST_BLOCK)
		return -EINVAL;
	runs_clear(&l->file->seen[step]);
	while (!(r = field_digest(&at, &digest, &count)))
		if (count > RANGE_MAX / DIGEST_BLOCK + 1 ||
		    (r = runs_add(&l->file->seen[step], digest, count)) < 0)
			break;
	return r == -ENODATA ? 0 : r ? r : -EINVAL;
}

int look_line(struct look *l, const char *line)
{
	if (!strncmp(line, "lk ", 3))
		return take_file(l, line + 3);
	if (!strncmp(line, "lb ", 3))
		return take_blocks(l, line + 3);
	/* What failed was not seen. */
	return strncmp(line, "le ", 3) ? -EINVAL : 0;
}

enum seen look_at(const struct look *l, const struct finding *f, enum look_step s)
{
	const struct looked *k = l ? find_file(l, f->path) : NULL;
	enum seen seen = SEEN_NOT;
	uint64_t first, end;

	if (!k || f->from < k->from || f->to <= f->from)
		return SEEN_NOT;
	first = f->from / DIGEST_BLOCK;
	end = (f->to + DIGEST_BLOCK - 1) / DIGEST_BLOCK;
	for (uint64_t b = first; b < end && b * DIGEST_BLOCK < range_end(k); b++) {
		uint64_t is, should;

		if (!runs_at(&k->node->same->runs, b, &should))
			break;
		/* A step that came to nothing; or that saw an end before this block. */
		if (!k->seen[s].blocks)
			return SEEN_NOT;
		if (!runs_at(&k->seen[s], b - k->from / DIGEST_BLOCK, &is) || is != should)
			seen = SEEN_WRONG;
		else if (seen == SEEN_NOT)
			seen = SEEN_RIGHT;
	}
	/* What lies behind the range that was looked at may be wrong all the same. */
	return seen == SEEN_RIGHT && f->to > range_end(k) ? SEEN_NOT : seen;
}

const char *look_way(const struct look *l, const struct finding *f)
{
	const struct looked *k = l ? find_file(l, f->path) : NULL;

	return k ? k->way : NULL;
}

const char *look_other_way(const struct look *l, const struct finding *f)
{
	const struct looked *k = l ? find_file(l, f->path) : NULL;

	return k ? k->other : NULL;
}
