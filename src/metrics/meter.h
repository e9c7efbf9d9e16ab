/* SPDX-License-Identifier: MIT */
/* Counting where it costs nothing: each thread counts for itself, and whoever wants to know adds up.
 *
 * A thread's counters are written by that thread alone, with plain loads and stores and not one
 * locked instruction; they lie on cache lines that no other thread writes to. A reader may see a
 * request counted a moment before or after its bytes, and never a number that was not there. */
#ifndef METRICS_METER_H
#define METRICS_METER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "metrics.h"

/* Of the table, what requests count. */
enum meter_counter {
	METER_BYTES_READ,
	METER_BYTES_WRITTEN,
	METER_BYTES_SPLICED,
	METER_DEFERRED,
	N_METER_COUNTERS
};

struct meter {
	struct meter *next;
	pthread_t thread;
	atomic_uint_least64_t counters[N_METER_COUNTERS];
	struct meter_op {
		atomic_uint_least64_t requests, errors, ns;
		atomic_uint_least64_t buckets[LATENCY_BUCKETS];
	} op[METRIC_OPS];
};

/* Those of all threads that ever counted. */
struct meters {
	uint64_t number; /* no other had it, or will have it, in this process */
	pthread_mutex_t lock;
	struct meter *first;
	struct meter spare; /* for threads that got no memory: some of their counts may be lost */
};

void meters_init(struct meters *m);

/* Nobody counts any more. */
void meters_done(struct meters *m);

/* What this thread was given last, and by whom: meter_mine's. Numbers are not used twice, so that a
 * meter that was freed is never found here. */
struct meter_last {
	uint64_t number;
	struct meter *meter;
};
extern _Thread_local struct meter_last meter_last;

struct meter *meter_find(struct meters *m);

/* The calling thread's own. */
static inline struct meter *meter_mine(struct meters *m)
{
	return meter_last.number == m->number ? meter_last.meter : meter_find(m);
}

/* Adds up: the operations of *RET, and the values that are counted here. */
void meters_read(struct meters *m, struct metrics *ret);

static inline void meter_add(atomic_uint_least64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* A request of TYPE is answered: with an error if ERROR; NS after it came, UINT64_MAX: unknown. */
static inline void meter_answered(struct meter *m, uint8_t type, int error, uint64_t ns)
{
	struct meter_op *op = &m->op[metric_op(type)];

	meter_add(&op->requests, 1);
	if (error)
		meter_add(&op->errors, 1);
	if (ns == UINT64_MAX)
		return;
	meter_add(&op->ns, ns);
	meter_add(&op->buckets[latency_bucket(ns)], 1);
}

#endif
