/* SPDX-License-Identifier: MIT */
/* What clients can make a server hold: the table of its budgets, and what they share.
 *
 * Each client has a limit, and all have one together. A client's first few (its share) do not count
 * against the latter, so that one who takes all does not lock the others out: the most that can be
 * held is ALL, and SHARE for each peer. Internal to server, but for the table. */
#ifndef SERVER_BUDGET_H
#define SERVER_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Symbol, name, of one client, share, of all, what it is. 0 of all: not counted together. */
#define SERVER_BUDGETS(X)                                                        \
	X(BUDGET_FIDS, "fids", 1u << 20, 1024, 2u << 20, "fids")                 \
	X(BUDGET_FILES, "files", UINT32_MAX, 0, 0, "opened fids")                \
	X(BUDGET_XATTR_BYTES, "xattr-bytes", 64u << 20, 256u << 10, 256u << 20,  \
	  "bytes of extended attributes being read or written")                  \
	X(BUDGET_REQUESTS, "requests", 4096, 64, 16384,                          \
	  "requests that wait for a worker or a disk")                           \
	X(BUDGET_REQUEST_BYTES, "request-bytes", 256u << 20, 4u << 20, 1u << 30, \
	  "bytes of these and of their replies")

enum budget {
#define X(symbol, name, one, share, all, what) symbol,
	SERVER_BUDGETS(X)
#undef X
		N_BUDGETS,
};

/* Of a server; 0: the table's. */
struct budget_limits {
	uint64_t one, all;
};

struct budget_row {
	const char *name, *what;
	uint64_t one, share, all;
};

extern const struct budget_row budget_table[N_BUDGETS];

/* What all clients of a server share of one budget. */
struct pool {
	_Atomic uint64_t used;
	uint64_t max, share;
};

/* A client that had BEFORE takes N more. False when there is no more; P NULL: there always is. */
bool pool_take(struct pool *p, uint64_t before, uint64_t n);
/* Likewise, but it must be had. */
void pool_force(struct pool *p, uint64_t before, uint64_t n);
/* It has AFTER when it has given N back. */
void pool_give(struct pool *p, uint64_t after, uint64_t n);

#endif
