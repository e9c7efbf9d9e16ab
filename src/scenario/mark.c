/* SPDX-License-Identifier: MIT */
#include "mark.h"

#include <stddef.h>

static const struct {
	const char *word, *meaning;
	bool is_forbidden;
} marks[N_MARKS] = {
#define M(id, word, bad, text) [MARK_##id] = {word, text, bad},
	MARKS(M)
#undef M
};

static const struct {
	const char *name, *text, *guards;
} problems[N_PROBLEMS] = {
#define P(id, name, text, guards) [PROBLEM_##id] = {name, text, guards},
	PROBLEMS(P)
#undef P
};

const char *mark_word(enum mark m)
{
	return marks[m].word;
}

const char *mark_meaning(enum mark m)
{
	return marks[m].meaning;
}

bool mark_is_forbidden(enum mark m)
{
	return marks[m].is_forbidden;
}

const char *problem_name(enum problem p)
{
	return problems[p].name;
}

const char *problem_text(enum problem p)
{
	return problems[p].text;
}

const char *problem_guards(enum problem p)
{
	return problems[p].guards;
}

void judgement_add(struct judgement *worst, const struct judgement *j)
{
	if (j->mark > worst->mark)
		*worst = *j;
}
