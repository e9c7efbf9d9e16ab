/* SPDX-License-Identifier: MIT */
/* What clients of `warren serve` may make it hold: --budget. */
#ifndef CMD_SERVE_BUDGET_H
#define CMD_SERVE_BUDGET_H

#include <stddef.h>
#include <stdint.h>

#include "budget.h"

struct serve_budget {
	struct budget_limits limits[N_BUDGETS];
	uint32_t max_peers; /* of each address; 0: not given */
};

/* "fids=N,all-fids=N,peers=N". 0, or an exit code after it said what is wrong. */
int serve_parse_budget(const char *text, struct serve_budget *b);

/* A client may open half of the files that the backend can. */
void serve_default_budget(struct serve_budget *b);

/* How many pipes each of N_LISTENERS may have: a thirty-second of the descriptors is for all. */
unsigned serve_pipes(size_t n_listeners);

/* For --help. */
void serve_print_budgets(void);

#endif
