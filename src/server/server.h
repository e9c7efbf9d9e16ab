/* SPDX-License-Identifier: MIT */
/* The server: sessions of 9P2000.L on a backend. It names no transport and no backend. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "budget.h"
#include "guards.h"

struct backend;
struct handler;
struct metrics;
struct observer_ops;
struct server;

struct server_config {
	struct backend *backend; /* stays the caller's */
	unsigned workers;	 /* threads for requests that block; 0: 4 */
	bool start_later;	 /* these start with server_start */
	uint32_t max_msize;	 /* 0: what the transport can carry */
	uint32_t iounit;	 /* answered to Tlopen and Tlcreate; 0: msize decides */
	struct budget_limits budgets[N_BUDGETS];

	/* Told of each message; NULL: nobody. */
	const struct observer_ops *observer;
	void *observer_self;

	bool latencies; /* measure how long each request takes: two looks at the clock */

	uint32_t guards; /* 1 << enum guard */
	/* A guard acts for the first time in a session; from any thread. WHAT is a sentence. */
	void (*guard_acted)(void *ctx, enum guard g, const char *what);
	void *guard_ctx;
};

int server_new(const struct server_config *cfg, struct server **ret_s);

/* Starts the workers of a server with start_later, once and before the first message: what confines
 * a thread must come before that. -EAGAIN: the system gives no more threads. */
int server_start(struct server *s);

/* For transports: struct transport's handler. Valid until server_free. */
const struct handler *server_handler(struct server *s);

/* What the server knows of struct metrics; the rest of *RET is zero. From any thread. A request is
 * counted before the peer can see its reply. */
void server_get_metrics(struct server *s, struct metrics *ret);

/* All channels must have been released. Joins the workers. */
void server_free(struct server *s);

#endif
