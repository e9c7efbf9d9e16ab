/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "core.h"
#include "dispatch.h"
#include "observer.h"
#include "request.h"

static int init_session(struct session *s, struct server *server, struct channel *ch)
{
	const struct budget_limits *limits = server->cfg.budgets;
	int err = fid_table_init(&s->fids, (uint32_t)MIN(limits[BUDGET_FIDS].one, UINT32_MAX / 2));

	if (err)
		return err;
	s->server = server;
	s->channel = ch;
	s->id = atomic_fetch_add(&server->last_session, 1) + 1;
	s->fids.pool = &server->pools[BUDGET_FIDS];
	xattr_budget_init(&s->xattr_bytes, limits[BUDGET_XATTR_BYTES].one,
			  &server->pools[BUDGET_XATTR_BYTES]);
	atomic_init(&s->refs, 1);
	pthread_mutex_init(&s->lock, NULL);
	list_init(&s->of_server);
	list_init(&s->turn);
	list_init(&s->queue);
	list_init(&s->unused);
	for (unsigned i = 0; i < SESSION_TAG_CHAINS; i++)
		list_init(&s->tags[i]);
	return 0;
}

static int opened(void *handler, struct channel *ch, void **ret_session)
{
	struct server *server = handler;
	autofree struct session *s = calloc(1, sizeof(*s));
	int err = s ? init_session(s, server, ch) : -ENOMEM;

	if (err)
		return err;
	if (server->cfg.observer) {
		s->observer = server->cfg.observer;
		s->observed = s->observer->opened(server->cfg.observer_self, ch, s->id);
	}
	atomic_fetch_add(&server->n_sessions, 1);
	pthread_mutex_lock(&server->sessions_lock);
	list_add_tail(&server->sessions, &s->of_server);
	pthread_mutex_unlock(&server->sessions_lock);
	*ret_session = steal_ptr(&s);
	return 0;
}

void session_unref(struct session *s)
{
	struct channel *ch = s->channel;

	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	pthread_mutex_lock(&s->server->sessions_lock);
	list_del(&s->of_server);
	pthread_mutex_unlock(&s->server->sessions_lock);
	if (s->observer)
		s->observer->closed(s->observed);
	fid_table_done(&s->fids);
	xattr_budget_done(&s->xattr_bytes);
	while (!list_is_empty(&s->unused)) {
		struct request *r = list_first(&s->unused, struct request, link);

		list_del(&r->link);
		request_free(r);
	}
	request_free(s->spare);
	pthread_mutex_destroy(&s->lock);
	atomic_fetch_sub(&s->server->n_sessions, 1);
	free(s);
	ch->ops->released(ch);
}

/* Whatever came before, a Tversion starts anew. */
static int check_order(struct session *s, const struct msg *m)
{
	if (m->type == Tversion)
		return 0;
	if (!atomic_load(&s->negotiated))
		return -EPROTO;
	return request_is_tag_used(s, m->tag) ? -EINVAL : 0;
}

/* Decodes and runs R. */
static int run(struct session *s, struct request *r)
{
	struct frame *f = r->frame;
	int err = msg_decode(f->head, f->head_len, f->data_len, MSG_FROM_CLIENT, &r->msg);

	if (!err)
		err = check_order(s, &r->msg);
	if (!err)
		err = dispatch(r);
	return err == CALL_WOULD_BLOCK ? request_defer(r) : err;
}

/* When the message of F came: when the one before it was answered, if nothing else was done since.
 * That spares every second look at the clock while many requests come together. */
static uint64_t begin_of(const struct session *s, const struct frame *f)
{
	return f->follows && s->answered ? s->answered : clock_now_ns();
}

static void receive(void *session, struct frame *f)
{
	struct session *s = session;
	const struct channel_ops *ops = s->channel->ops;
	struct request *r = f->head_len < P9_HEADER_SIZE ? NULL : request_start(s, f);
	int err;

	if (!r) {
		meter_answered(meter_mine(&s->server->meters), 0, -EPROTO, UINT64_MAX);
		ops->shutdown(s->channel, f->head_len < P9_HEADER_SIZE
						  ? "a message is shorter than its header"
						  : "memory is out");
		ops->drop(f);
		return;
	}
	if (r->is_timed)
		r->received = r->started = begin_of(s, f);
	if (s->observer)
		s->observer->request(s->observed, f, r->received);
	s->answered = 0;
	err = run(s, r);
	if (err == REQUEST_PARKED)
		return;
	r->error = err;
	request_answer(r, false);
	s->answered = r->answered;
	request_recycle(r);
}

static void closed(void *session)
{
	struct session *s = session;

	pthread_mutex_lock(&s->lock);
	s->closed = true;
	pthread_mutex_unlock(&s->lock);
	request_drop_all(s);
	session_unref(s);
}

const struct handler_ops session_ops = {
	.opened = opened,
	.receive = receive,
	.closed = closed,
};
