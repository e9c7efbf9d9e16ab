/* SPDX-License-Identifier: MIT */
#include "explore.h"

#include <errno.h>

#include "macros.h"

#define MAX_ALPHABET 64
#define PROGRESS_EVERY 4096
#define WHOLE (128U << 10) /* what cat asks for in a call */

struct search {
	const struct explore_plan *plan;
	struct model *m;
	struct step alphabet[MAX_ALPHABET];
	size_t n_alphabet;
	struct step steps[MAX_ALPHABET];
	struct explore_result *result;
};

static void add_letter(struct search *s, struct step step)
{
	if (s->n_alphabet < MAX_ALPHABET)
		s->alphabet[s->n_alphabet++] = step;
}

static void make_alphabet(struct search *s, uint64_t size)
{
	s->n_alphabet = 0;
	add_letter(s, (struct step){.kind = STEP_ADVISE, .advice = ADVICE_SEQUENTIAL});
	add_letter(s, (struct step){.kind = STEP_ADVISE, .advice = ADVICE_RANDOM});
	for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
		add_letter(s, (struct step){.kind = STEP_READ, .offset = at, .len = PAGE_SIZE});
		add_letter(s, (struct step){.kind = STEP_READ, .offset = at, .len = WHOLE});
	}
	add_letter(s, (struct step){.kind = STEP_ADVISE, .advice = ADVICE_WILLNEED});
}

/* The N steps that were chosen. 1: they lose bytes. */
static int try_steps(struct search *s, unsigned n)
{
	int r = 0;

	model_reset(s->m);
	for (unsigned i = 0; i < n && !r; i++)
		r = model_step(s->m, &s->steps[i], NULL, NULL);
	s->result->sequences++;
	if (!r && s->plan->progress && s->result->sequences % PROGRESS_EVERY == 0 &&
	    s->plan->progress(s->plan->ctx, s->result->sequences, s->m->config.size))
		return -ECANCELED;
	return r ? r : s->m->lost > 0;
}

/* All ways to choose steps AT to N - 1. */
static int choose(struct search *s, unsigned at, unsigned n)
{
	int r = 0;

	if (at == n)
		return try_steps(s, n);
	for (size_t i = 0; i < s->n_alphabet && !r; i++) {
		s->steps[at] = s->alphabet[i];
		r = choose(s, at + 1, n);
	}
	return r;
}

static int keep_trace(const struct search *s, unsigned n, struct read_trace *t)
{
	int r = 0;

	t->config.size = s->m->config.size;
	for (unsigned i = 0; i < n && !r; i++)
		r = read_trace_add(t, &s->steps[i]);
	return r ? r : 1;
}

static int search_size(struct search *s, uint64_t size, struct read_trace *t)
{
	struct model_config c = s->plan->config;
	int r;

	c.size = size;
	c.is_brief = true;
	r = model_new(&c, &s->m);
	if (r)
		return r;
	make_alphabet(s, size);
	for (unsigned n = 1; n <= s->plan->max_steps && !r; n++) {
		r = choose(s, 0, n);
		if (r > 0)
			r = keep_trace(s, n, t);
	}
	model_free(s->m);
	s->result->sizes++;
	s->result->largest = size;
	return r;
}

int explore(const struct explore_plan *plan, struct read_trace *ret_t, struct explore_result *ret_r)
{
	static const unsigned tails[] = {1, 1024, 1025, 2048, 4096};
	struct explore_result result = {0};
	struct search s = {.plan = plan, .result = &result};
	int r = 0;

	read_trace_init(ret_t);
	ret_t->config = plan->config;
	for (uint64_t page = 0; page < plan->max_pages && !r; page++)
		for (size_t i = 0; i < ARRAY_SIZE(tails) && !r; i++)
			r = search_size(&s, page * PAGE_SIZE + tails[i], ret_t);
	result.is_found = r > 0;
	*ret_r = result;
	return r < 0 ? r : 0;
}
