/* SPDX-License-Identifier: MIT */
#include "serve-budget.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "cmd.h"
#include "macros.h"
#include "number.h"

#define ALL "all-"
#define MOST_PIPES 32
#define MOST (UINT64_C(1) << 40)

static bool is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && !memcmp(text, word, len);
}

static uint64_t *find_limit(struct serve_budget *b, const char *name, size_t len)
{
	bool all = len > strlen(ALL) && !memcmp(name, ALL, strlen(ALL));

	if (all) {
		name += strlen(ALL);
		len -= strlen(ALL);
	}
	for (unsigned i = 0; i < N_BUDGETS; i++) {
		if (!is_word(name, len, budget_table[i].name) || (all && !budget_table[i].all))
			continue;
		return all ? &b->limits[i].all : &b->limits[i].one;
	}
	return NULL;
}

/* "NAME=N" of LEN bytes. */
static bool parse_one(struct serve_budget *b, const char *text, size_t len)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : 0;
	const char *end = equals ? equals + 1 : NULL;
	uint64_t *limit, n;

	if (!end || !number_take(&end, 1, MOST, &n) || end != text + len)
		return false;
	if (is_word(text, name_len, "peers")) {
		b->max_peers = (uint32_t)MIN(n, UINT32_MAX);
		return true;
	}
	limit = find_limit(b, text, name_len);
	if (limit)
		*limit = n;
	return limit;
}

int serve_parse_budget(const char *text, struct serve_budget *b)
{
	for (;;) {
		size_t len = strcspn(text, ",");

		if (!parse_one(b, text, len))
			return cmd_usage_error(
				"serve", "--budget %.*s: give NAME=N, see --help for the names",
				(int)len, text);
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

void serve_default_budget(struct serve_budget *b)
{
	struct rlimit lim;

	if (!b->limits[BUDGET_FILES].one && !getrlimit(RLIMIT_NOFILE, &lim))
		b->limits[BUDGET_FILES].one = MAX(lim.rlim_cur / 4, 1);
}

unsigned serve_pipes(size_t n_listeners)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return 0;
	return (unsigned)MIN(lim.rlim_cur / 64 / n_listeners, MOST_PIPES);
}

void serve_print_budgets(void)
{
	printf("\nbudgets (of one client, of all):\n");
	for (unsigned i = 0; i < N_BUDGETS; i++) {
		const struct budget_row *r = &budget_table[i];

		printf("  %-14s", r->name);
		if (r->all)
			printf("%-11llu all-%s=%llu: ", (unsigned long long)r->one, r->name,
			       (unsigned long long)r->all);
		printf("%s\n", r->what);
	}
	printf("  %-14s%s\n", "peers", "connections to each address");
}
