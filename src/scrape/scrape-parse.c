/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "macros.h"
#include "metrics.h"
#include "scrape-client.h"

/* What KEY of O has, of units that are UNIT each. */
static uint64_t number(const json_t *o, const char *key, double unit)
{
	double value = json_number_value(json_object_get(o, key)) / unit;

	return value > 0 && value < 1.8e19 ? (uint64_t)(value + 0.5) : 0;
}

static void parse_buckets(const json_t *list, struct latency *l)
{
	const json_t *pair;
	size_t i;

	json_array_foreach(list, i, pair)
	{
		json_int_t bucket = json_integer_value(json_array_get(pair, 0));
		json_int_t n = json_integer_value(json_array_get(pair, 1));

		if (bucket >= 0 && bucket < (json_int_t)LATENCY_BUCKETS && n > 0)
			l->buckets[bucket] = (uint64_t)n;
	}
}

static void parse_operations(const json_t *operations, struct metrics *m)
{
	for (unsigned op = 0; op < METRIC_OPS; op++) {
		const json_t *o = metric_op_name(op)
					  ? json_object_get(operations, metric_op_name(op))
					  : NULL;

		if (!o)
			continue;
		m->op[op].requests = number(o, "requests", 1);
		m->op[op].errors = number(o, "errors", 1);
		m->op[op].latency.sum = number(o, "latency_sum_ns", 1);
		parse_buckets(json_object_get(o, "buckets"), &m->op[op].latency);
	}
}

/* The server's guards may be others than those that we know. */
static void parse_guards(json_t *o, struct metrics *m)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	void *it = json_object_iter(o);

	for (; it && m->n_guards < METRIC_MAX_GUARDS; it = json_object_iter_next(o, it)) {
		const char *key = json_object_iter_key(it);
		size_t n = strlen(key);

		if (n <= 6 || n >= 6 + METRIC_GUARD_NAME || memcmp(key, "guard_", 6) != 0 ||
		    key[6 + strspn(key + 6, letters)])
			continue;
		memcpy(m->guard[m->n_guards].name, key + 6, n - 5);
		m->guard[m->n_guards++].acted = number(o, key, 1);
	}
}

static void parse_budget(const json_t *budgets, const char *name, struct metrics *m,
			 enum metric_budget b)
{
	const json_t *o = json_object_get(budgets, name);

	m->budget[b].used = number(o, "used", 1);
	m->budget[b].limit = number(o, "limit", 1);
}

int scrape_parse(const char *json, struct metrics *ret)
{
	json_t *o = json_loads(json, 0, NULL);
	const json_t *budgets = json_object_get(o, "budgets");

	if (!json_object_get(o, "requests") || !budgets) {
		json_decref(o);
		return -EPROTO;
	}
	*ret = (struct metrics){.n_guards = 0};
#define M(id, kind, key, unit, ...) ret->value[METRIC_##id] = number(o, key, unit);
	METRICS(M)
#undef M
#define B(id, name, help) parse_budget(budgets, name, ret, METRIC_BUDGET_##id);
	METRIC_BUDGETS(B)
#undef B
	parse_operations(json_object_get(o, "operations"), ret);
	parse_guards(o, ret);
	json_decref(o);
	return 0;
}
