/* SPDX-License-Identifier: MIT */
#include "meter.h"

#include <stdlib.h>

#define CACHE_LINE 64

_Thread_local struct meter_last meter_last;

static atomic_uint_least64_t last_number;

void meters_init(struct meters *m)
{
	m->number = atomic_fetch_add(&last_number, 1) + 1;
	m->first = NULL;
	pthread_mutex_init(&m->lock, NULL);
}

void meters_done(struct meters *m)
{
	while (m->first) {
		struct meter *first = m->first;

		m->first = first->next;
		free(first);
	}
	pthread_mutex_destroy(&m->lock);
}

/* A thread that had counted for another server meanwhile finds its meter again. One of a thread
 * that has ended may serve its successor: threads are told apart only while they live. */
static struct meter *find_locked(const struct meters *m, pthread_t thread)
{
	struct meter *found = m->first;

	while (found && !pthread_equal(found->thread, thread))
		found = found->next;
	return found;
}

static struct meter *add_locked(struct meters *m, pthread_t thread)
{
	size_t size = (sizeof(struct meter) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	struct meter *added = aligned_alloc(CACHE_LINE, size);

	if (!added)
		return NULL;
	*added = (struct meter){.next = m->first, .thread = thread};
	m->first = added;
	return added;
}

struct meter *meter_find(struct meters *m)
{
	struct meter *found;

	pthread_mutex_lock(&m->lock);
	found = find_locked(m, pthread_self());
	if (!found)
		found = add_locked(m, pthread_self());
	pthread_mutex_unlock(&m->lock);
	if (!found)
		return &m->spare;
	meter_last = (struct meter_last){.number = m->number, .meter = found};
	return found;
}

static uint64_t load(const atomic_uint_least64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void read_op(const struct meter_op *op, struct metric_op *ret)
{
	/* Errors first: there are never more of them than requests. */
	ret->errors += load(&op->errors);
	ret->requests += load(&op->requests);
	ret->latency.sum += load(&op->ns);
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		ret->latency.buckets[i] += load(&op->buckets[i]);
}

static void read_one(const struct meter *m, struct metrics *ret)
{
	ret->value[METRIC_BYTES_READ] += load(&m->counters[METER_BYTES_READ]);
	ret->value[METRIC_BYTES_WRITTEN] += load(&m->counters[METER_BYTES_WRITTEN]);
	ret->value[METRIC_BYTES_SPLICED] += load(&m->counters[METER_BYTES_SPLICED]);
	ret->value[METRIC_DEFERRED] += load(&m->counters[METER_DEFERRED]);
	for (unsigned op = 0; op < METRIC_OPS; op++)
		if (metric_op_name(op))
			read_op(&m->op[op], &ret->op[op]);
}

void meters_read(struct meters *m, struct metrics *ret)
{
	pthread_mutex_lock(&m->lock);
	for (const struct meter *one = m->first; one; one = one->next)
		read_one(one, ret);
	pthread_mutex_unlock(&m->lock);
	read_one(&m->spare, ret);
}
