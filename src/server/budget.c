/* SPDX-License-Identifier: MIT */
#include "budget.h"

const struct budget_row budget_table[N_BUDGETS] = {
#define X(symbol, name, one, share, all, what) [symbol] = {name, what, one, share, all},
	SERVER_BUDGETS(X)
#undef X
};

static uint64_t beyond_share(const struct pool *p, uint64_t n)
{
	return n > p->share ? n - p->share : 0;
}

/* Of N taken by one that had BEFORE: what counts here. */
static uint64_t counted(const struct pool *p, uint64_t before, uint64_t n)
{
	return beyond_share(p, before + n) - beyond_share(p, before);
}

bool pool_take(struct pool *p, uint64_t before, uint64_t n)
{
	uint64_t more = p ? counted(p, before, n) : 0;

	if (!more || atomic_fetch_add(&p->used, more) + more <= p->max)
		return true;
	atomic_fetch_sub(&p->used, more);
	return false;
}

void pool_force(struct pool *p, uint64_t before, uint64_t n)
{
	if (p)
		atomic_fetch_add(&p->used, counted(p, before, n));
}

void pool_give(struct pool *p, uint64_t after, uint64_t n)
{
	if (p)
		atomic_fetch_sub(&p->used, counted(p, after, n));
}
