/* SPDX-License-Identifier: MIT */
/* Threads that serve a queue of turns. Whoever has work for them queues itself once, and again
 * after its turn: everyone gets one turn a round, however much work it has. */
#ifndef SERVER_WORKERS_H
#define SERVER_WORKERS_H

#include <pthread.h>
#include <stdbool.h>

#include "list.h"

struct workers {
	pthread_mutex_t lock; /* all below; taken last */
	pthread_cond_t wake;
	struct list turns;
	void (*serve)(struct list *turn);
	bool stopping;
	unsigned n;
	pthread_t *threads;
};

/* SERVE is to be called for each turn. */
void workers_init(struct workers *w, void (*serve)(struct list *turn));

/* Starts N threads, each with all signals blocked; once. On failure some may run. */
int workers_start(struct workers *w, unsigned n);

/* Ends the threads, if any, once the queue is empty. */
void workers_done(struct workers *w);

/* TURN must not be queued. */
void workers_add(struct workers *w, struct list *turn);

#endif
