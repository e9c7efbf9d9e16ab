/* SPDX-License-Identifier: MIT */
/* The server's own struct. Internal to server. */
#ifndef SERVER_CORE_H
#define SERVER_CORE_H

#include <stdatomic.h>
#include <stdint.h>

#include "list.h"
#include "meter.h"
#include "server.h"
#include "transport.h"
#include "workers.h"

struct server {
	struct handler handler;
	struct server_config cfg; /* with the defaults filled in */
	struct workers workers;
	atomic_uint_least64_t last_session; /* the number of the newest one: call.client */
	atomic_uint n_sessions;		    /* now */
	pthread_mutex_t sessions_lock;	    /* of the list; before a session's locks */
	struct list sessions;		    /* struct session.of_server */
	struct pool pools[N_BUDGETS];
	struct meters meters;
	atomic_uint_least64_t guard_counts[N_GUARDS];
};

/* Of the calling thread. */
static inline void server_count(struct server *s, enum meter_counter counter, uint64_t n)
{
	meter_add(&meter_mine(&s->meters)->counters[counter], n);
}

#endif
