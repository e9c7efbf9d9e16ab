/* SPDX-License-Identifier: MIT */
#include "metrics.h"

#include <stddef.h>

#include "msg.h"

const char *metric_budget_name(enum metric_budget b)
{
	static const char *const names[] = {
#define B(id, name, help) name,
		METRIC_BUDGETS(B)
#undef B
	};

	return names[b];
}

const char *metric_op_name(unsigned op)
{
	const char *name;

	if (op == 0)
		return "other";
	name = op < METRIC_OPS ? msg_name((uint8_t)(op * 2)) : NULL;
	return name && *name == 'T' ? name + 1 : NULL;
}

uint64_t metrics_requests(const struct metrics *m)
{
	uint64_t n = 0;

	for (unsigned op = 0; op < METRIC_OPS; op++)
		n += m->op[op].requests;
	return n;
}

uint64_t metrics_errors(const struct metrics *m)
{
	uint64_t n = 0;

	for (unsigned op = 0; op < METRIC_OPS; op++)
		n += m->op[op].errors;
	return n;
}
