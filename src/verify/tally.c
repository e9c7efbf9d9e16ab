/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

static void free_paths(struct path_list *l)
{
	while (l) {
		struct path_list *next = l->next;

		free(l->path);
		free(l);
		l = next;
	}
}

void tally_clear(struct tally *t)
{
	for (size_t i = 0; i < t->n_steps; i++)
		free(t->steps[i]);
	while (t->findings) {
		struct finding *f = t->findings;

		t->findings = f->next;
		free(f->path);
		free(f->text);
		free(f->evidence);
		free(f->near);
		free(f);
	}
	free_paths(t->changed);
	free_paths(t->unreadable);
	free_paths(t->starved);
}

static int compare_paths(const void *a, const void *b)
{
	const struct finding *x = *(const struct finding *const *)a;
	const struct finding *y = *(const struct finding *const *)b;

	int order = strcmp(x->path, y->path);

	return order ? order : (x->number > y->number) - (x->number < y->number);
}

int tally_sort(struct tally *t)
{
	size_t n = 0, i = 0;
	autofree struct finding **all = NULL;

	for (struct finding *f = t->findings; f; f = f->next)
		n++;
	if (n < 2)
		return 0;
	all = calloc(n, sizeof(struct finding *));
	if (!all)
		return -ENOMEM;
	for (struct finding *f = t->findings; f; f = f->next)
		all[i++] = f;
	qsort(all, n, sizeof(struct finding *), compare_paths);
	t->last_finding = &t->findings;
	for (i = 0; i < n; i++) {
		*t->last_finding = all[i];
		t->last_finding = &all[i]->next;
	}
	*t->last_finding = NULL;
	return 0;
}

static bool is_repeated(const struct tally *t, size_t step, uint64_t among)
{
	for (size_t i = 0; i < step; i++)
		if (among & UINT64_C(1) << i && !strcmp(t->steps[i], t->steps[step]))
			return true;
	return false;
}

/* The steps of a mask that read, each way once. */
static uint64_t distinct_ways(const struct tally *t, uint64_t steps)
{
	uint64_t ways = 0;

	for (size_t i = 0; i < t->n_steps; i++)
		if (steps & UINT64_C(1) << i && strcmp(t->steps[i], "drop") != 0 &&
		    !is_repeated(t, i, steps))
			ways |= UINT64_C(1) << i;
	return ways;
}

unsigned tally_ways(const struct tally *t)
{
	return (unsigned)__builtin_popcountll(distinct_ways(t, ~t->off_steps));
}

char *tally_step_names(const struct tally *t, uint64_t steps)
{
	uint64_t ways = distinct_ways(t, steps);
	int left = __builtin_popcountll(ways);
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < t->n_steps; i++)
		if (ways & UINT64_C(1) << i)
			fprintf(f, "%s%s", t->steps[i],
				--left == 0 ? ""
				: left == 1 ? " and "
					    : ", ");
	fclose(f);
	return text;
}
