/* SPDX-License-Identifier: MIT */
/* The server's own struct. Internal to server. */
#ifndef SERVER_CORE_H
#define SERVER_CORE_H

#include <stdatomic.h>
#include <stdint.h>

#include "server.h"
#include "transport.h"
#include "workers.h"

struct server {
	struct handler handler;
	struct server_config cfg; /* with the defaults filled in */
	struct workers workers;
	atomic_uint_least64_t last_session; /* the number of the newest one: call.client */
	atomic_uint n_sessions;		    /* now */
	struct {
		atomic_uint_least64_t requests, errors, bytes_read, bytes_written, sessions,
			deferred;
	} stats;
	atomic_uint_least64_t guard_counts[N_GUARDS];
};

static inline void count(atomic_uint_least64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

#endif
