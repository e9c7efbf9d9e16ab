/* SPDX-License-Identifier: MIT */
#include "cache-rules.h"

#include <stddef.h>
#include <string.h>

#include "macros.h"

static const struct cache_rules rows[] = {
#define R(...) {__VA_ARGS__},
	CACHE_RULES(R)
#undef R
};

const struct cache_rules *cache_rules_find(const char *cache, const char *version)
{
	const struct cache_rules *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].cache, cache) && strverscmp(rows[i].since, version) <= 0)
			found = &rows[i];
	return found;
}
