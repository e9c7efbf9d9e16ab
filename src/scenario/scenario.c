/* SPDX-License-Identifier: MIT */
#include "scenario.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "macros.h"
#include "scenario-table.h"

static const struct {
	const char *name, *dir, *text;
} rows[] = {
#define S(...) {__VA_ARGS__},
	SCENARIOS(S)
#undef S
};

size_t scenario_count(void)
{
	return ARRAY_SIZE(rows);
}

int scenario_parse(const char *text, struct scenario *ret_s, const char **ret_bad)
{
	const char *at = text;
	int r;

	ret_s->n_steps = 0;
	do {
		struct step extra;
		bool is_full = ret_s->n_steps == SCENARIO_STEPS;

		r = step_parse(&at, is_full ? &extra : &ret_s->steps[ret_s->n_steps]);
		if (!r && is_full)
			r = -E2BIG;
		ret_s->n_steps += !r;
	} while (!r);
	*ret_bad = at;
	return r == -ENODATA ? 0 : r;
}

int scenario_get(size_t i, struct scenario *ret_s)
{
	const char *bad;

	if (i >= ARRAY_SIZE(rows))
		return -ENOENT;
	*ret_s = (struct scenario){.name = rows[i].name, .text = rows[i].text, .dir = rows[i].dir};
	return scenario_parse(rows[i].text, ret_s, &bad);
}

int scenario_find(const char *name, size_t len, size_t *ret_i)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strlen(rows[i].name) == len && !memcmp(rows[i].name, name, len)) {
			*ret_i = i;
			return 0;
		}
	return -ENOENT;
}
