/* SPDX-License-Identifier: MIT */
/* Requests in flight: those that did not end on the channel's thread at once. */
#include <errno.h>

#include "clock.h"
#include "core.h"
#include "dispatch.h"
#include "handlers.h"
#include "macros.h"
#include "request.h"
#include "session.h"

/* Of the requests that ended, so many are kept for the next ones of the session. */
#define KEPT_UNUSED 16u

/* True if R is kept. */
static bool keep_locked(struct session *s, struct request *r)
{
	if (s->closed || s->n_unused >= KEPT_UNUSED)
		return false;
	list_add_tail(&s->unused, &r->link);
	s->n_unused++;
	return true;
}

/* The chain of requests in flight with the hash of TAG. */
static struct list *tag_chain(struct session *s, uint16_t tag)
{
	return &s->tags[tag % SESSION_TAG_CHAINS];
}

/* The newest with TAG; one that is being answered only if there is no other. */
static struct request *find_locked(struct session *s, uint16_t tag)
{
	struct request *found = NULL;

	list_for_each (l, tag_chain(s, tag)) {
		struct request *r = list_entry(l, struct request, by_tag);

		if (r->msg.tag == tag && (!found || r->state != REQUEST_ANSWERING))
			found = r;
	}
	return found;
}

bool request_is_tag_used(struct session *s, uint16_t tag)
{
	struct request *r;
	bool is_used;

	/* only this thread adds: what ends meanwhile cannot make a free tag a used one */
	if (atomic_load(&s->n_in_flight) == 0)
		return false;
	pthread_mutex_lock(&s->lock);
	r = find_locked(s, tag);
	is_used = r && r->state != REQUEST_ANSWERING;
	pthread_mutex_unlock(&s->lock);
	return is_used;
}

static bool take_flight_locked(struct session *s, const struct request *r)
{
	const struct budget_limits *limits = s->server->cfg.budgets;
	struct pool *pools = s->server->pools;

	if (s->n_in_flight >= limits[BUDGET_REQUESTS].one ||
	    s->bytes_in_flight + r->bytes > limits[BUDGET_REQUEST_BYTES].one ||
	    !pool_take(&pools[BUDGET_REQUESTS], s->n_in_flight, 1))
		return false;
	if (pool_take(&pools[BUDGET_REQUEST_BYTES], s->bytes_in_flight, r->bytes))
		return true;
	pool_give(&pools[BUDGET_REQUESTS], s->n_in_flight, 1);
	return false;
}

/* Counts R among those in flight; -EAGAIN beyond the budget. */
static int enter_flight_locked(struct session *s, struct request *r)
{
	if (!take_flight_locked(s, r))
		return -EAGAIN;
	list_add_tail(tag_chain(s, r->msg.tag), &r->by_tag);
	s->n_in_flight++;
	s->bytes_in_flight += r->bytes;
	session_ref(s);
	return 0;
}

static unsigned running_limit(const struct session *s)
{
	unsigned n = s->server->workers.n;

	return n > 1 && atomic_load(&s->server->n_sessions) > 1 ? n - 1 : n;
}

/* Asks for a turn at the workers, if there is something to do in it. */
static void ask_turn_locked(struct session *s)
{
	if (s->has_turn || list_is_empty(&s->queue) || s->n_running >= running_limit(s))
		return;
	s->has_turn = true;
	session_ref(s);
	workers_add(&s->server->workers, &s->turn);
}

int request_defer(struct request *r)
{
	struct session *s = r->session;
	int err;

	pthread_mutex_lock(&s->lock);
	err = enter_flight_locked(s, r);
	if (!err) {
		r->state = REQUEST_QUEUED;
		list_add_tail(&s->queue, &r->link);
		s->n_queued++;
		ask_turn_locked(s);
	}
	pthread_mutex_unlock(&s->lock);
	if (err)
		return err;
	server_count(s->server, METER_DEFERRED, 1);
	return REQUEST_PARKED;
}

static struct request *take_queued(struct session *s)
{
	struct request *r = NULL;

	pthread_mutex_lock(&s->lock);
	s->has_turn = false;
	if (!list_is_empty(&s->queue)) {
		r = list_first(&s->queue, struct request, link);
		list_del(&r->link);
		r->state = REQUEST_RUNNING;
		s->n_queued--;
		s->n_running++;
		ask_turn_locked(s);
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

void session_serve(struct list *turn)
{
	struct session *s = container_of(turn, struct session, turn);
	struct request *r = take_queued(s);

	if (r) {
		if (r->is_timed)
			r->started = clock_now_ns();
		r->error = dispatch(r);
		pthread_mutex_lock(&s->lock);
		s->n_running--;
		ask_turn_locked(s);
		pthread_mutex_unlock(&s->lock);
		request_end(r);
	}
	session_unref(s);
}

/* Sets R's state to ANSWERING. Is its reply unwanted? */
static bool begin_answer(struct request *r)
{
	struct session *s = r->session;
	bool drop;

	pthread_mutex_lock(&s->lock);
	r->state = REQUEST_ANSWERING;
	drop = r->dropped || s->closed;
	pthread_mutex_unlock(&s->lock);
	return drop;
}

/* R is answered: moves those that waited for it to TODO. */
static void leave_flight(struct request *r, struct list *todo)
{
	struct session *s = r->session;
	bool kept;

	arena_reset(&r->arena);
	pthread_mutex_lock(&s->lock);
	list_del(&r->by_tag);
	list_splice_tail(todo, &r->waiters);
	s->n_in_flight--;
	s->bytes_in_flight -= r->bytes;
	pool_give(&s->server->pools[BUDGET_REQUESTS], s->n_in_flight, 1);
	pool_give(&s->server->pools[BUDGET_REQUEST_BYTES], s->bytes_in_flight, r->bytes);
	r->state = REQUEST_UNUSED;
	kept = keep_locked(s, r);
	/* a Tversion that is alone now */
	if (s->version && s->n_in_flight == 1) {
		list_add_tail(todo, &s->version->link);
		s->version = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	if (!kept)
		request_free(r);
	session_unref(s);
}

void request_end(struct request *first)
{
	struct session *s = session_ref(first->session);
	struct list todo = LIST_INIT(todo);

	list_add_tail(&todo, &first->link);
	while (!list_is_empty(&todo)) {
		struct request *r = list_first(&todo, struct request, link);
		bool drop = begin_answer(r);

		list_del(&r->link);
		if (r->msg.type == Tversion && !drop)
			version_finish(r);
		request_answer(r, drop);
		leave_flight(r, &todo);
	}
	session_unref(s);
}

void request_drop_all(struct session *s)
{
	struct list queued = LIST_INIT(queued);

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < SESSION_TAG_CHAINS; i++) {
		list_for_each (l, &s->tags[i]) {
			list_entry(l, struct request, by_tag)->dropped = true;
		}
	}
	list_splice_tail(&queued, &s->queue);
	s->n_queued = 0;
	list_for_each (l, &queued) {
		list_entry(l, struct request, link)->state = REQUEST_ANSWERING;
	}
	pthread_mutex_unlock(&s->lock);
	while (!list_is_empty(&queued)) {
		struct request *r = list_first(&queued, struct request, link);

		list_del(&r->link);
		request_end(r);
	}
}

int request_flush(struct request *r, uint16_t oldtag)
{
	struct session *s = r->session;
	struct request *old, *queued = NULL;
	int err = 0;

	pthread_mutex_lock(&s->lock);
	old = find_locked(s, oldtag);
	if (old && old->state == REQUEST_QUEUED) {
		queued = old;
		list_del(&old->link);
		s->n_queued--;
		old->state = REQUEST_ANSWERING;
		old->dropped = true;
	} else if (old) {
		err = enter_flight_locked(s, r);
		if (!err) {
			r->state = REQUEST_WAITING;
			list_add_tail(&old->waiters, &r->link);
			err = REQUEST_PARKED;
		}
	}
	pthread_mutex_unlock(&s->lock);
	if (queued)
		request_end(queued);
	return err;
}

int request_wait_alone(struct request *r)
{
	struct session *s = r->session;
	struct request *older;
	bool others;

	if (atomic_load(&s->n_in_flight) == 0)
		return 0;
	request_drop_all(s);
	pthread_mutex_lock(&s->lock);
	older = s->version;
	s->version = NULL;
	if (older)
		older->dropped = true;
	pthread_mutex_unlock(&s->lock);
	if (older)
		request_end(older);

	pthread_mutex_lock(&s->lock);
	others = s->n_in_flight > 0;
	if (others) {
		r->state = REQUEST_WAITING;
		s->version = r;
		pool_force(&s->server->pools[BUDGET_REQUESTS], s->n_in_flight, 1);
		pool_force(&s->server->pools[BUDGET_REQUEST_BYTES], s->bytes_in_flight, r->bytes);
		s->n_in_flight++;
		s->bytes_in_flight += r->bytes;
		session_ref(s);
	}
	pthread_mutex_unlock(&s->lock);
	return others ? REQUEST_PARKED : 0;
}
