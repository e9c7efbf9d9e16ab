/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "core.h"
#include "macros.h"
#include "observer.h"
#include "session.h"

static struct request *take_unused(struct session *s)
{
	struct request *r = NULL;

	pthread_mutex_lock(&s->lock);
	if (!list_is_empty(&s->unused)) {
		r = list_first(&s->unused, struct request, link);
		list_del(&r->link);
		s->n_unused--;
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

static struct request *new_request(struct session *s)
{
	struct request *r = malloc(sizeof(*r));

	if (!r)
		return NULL;
	r->session = s;
	r->state = REQUEST_UNUSED;
	r->fids[0] = r->fids[1] = NULL;
	list_init(&r->link);
	list_init(&r->by_tag);
	list_init(&r->waiters);
	arena_init(&r->arena, r->scratch, sizeof(r->scratch));
	return r;
}

void request_free(struct request *r)
{
	if (!r)
		return;
	arena_done(&r->arena);
	free(r);
}

struct request *request_start(struct session *s, struct frame *f)
{
	struct request *r = s->spare;

	if (!r && !(r = take_unused(s)) && !(r = new_request(s)))
		return NULL;
	s->spare = NULL;
	r->frame = f;
	r->state = REQUEST_RECEIVED;
	r->dropped = false;
	r->error = 0;
	r->n_iov = 0;
	r->has_pipe = false;
	r->payload_len = 0;
	r->bytes = f->head_len + f->data_len;
	r->is_timed = s->observer || s->server->cfg.latencies;
	r->answered = 0;
	return r;
}

static void release_fids(struct request *r)
{
	for (unsigned i = 0; i < ARRAY_SIZE(r->fids); i++) {
		fid_unref(r->fids[i]);
		r->fids[i] = NULL;
	}
}

/* Encodes the reply that the handler prepared. -EMSGSIZE if the peer cannot take it. */
static int encode_reply(struct request *r, void *head, size_t cap, size_t *ret_len)
{
	size_t limit = MIN(r->frame->room, atomic_load(&r->session->channel->msize));
	size_t len;
	int err;

	r->reply.tag = r->msg.tag;
	r->reply.type = (uint8_t)(r->msg.type + 1);
	err = msg_encode(&r->reply, head, cap, &len);
	if (err)
		return err;
	if (len + r->payload_len > limit)
		return -EMSGSIZE;
	*ret_len = len;
	return 0;
}

static int encode_error(struct request *r, int err, void *head, size_t cap, size_t *ret_len)
{
	struct msg m = {.type = Rlerror, .tag = r->msg.tag};
	size_t len;

	/* a backend that invents numbers is not passed on */
	m.Rlerror.ecode = err < 0 && err > -4096 ? (uint32_t)-err : EIO;
	r->payload_len = 0;
	err = msg_encode(&m, head, cap, &len);
	if (err || len > r->frame->room)
		return -EMSGSIZE;
	*ret_len = len;
	return 0;
}

static void observe_reply(const struct request *r, const void *head, uint32_t head_len)
{
	const struct observed_reply reply = {
		.frame = r->frame,
		.head = head,
		.head_len = head_len,
		.iov = r->iov,
		.n_iov = r->n_iov,
		.payload_len = head_len ? r->payload_len : 0,
		.received = r->received,
		.started = r->started,
	};

	r->session->observer->reply(r->session->observed, &reply);
}

/* Before the peer can see the reply. One that is dropped has taken no time that says anything. */
static void count_answer(struct request *r, bool drop, int err)
{
	uint64_t ns = UINT64_MAX;

	if (r->is_timed && !drop) {
		r->answered = clock_now_ns();
		ns = r->answered - r->received;
	}
	meter_answered(meter_mine(&r->session->server->meters), r->msg.type, err, ns);
}

void request_answer(struct request *r, bool drop)
{
	const struct channel_ops *ops = r->session->channel->ops;
	uint8_t head[8192];
	size_t len = 0;
	int err = r->error;

	if (!drop && !err)
		err = encode_reply(r, head, sizeof(head), &len);
	if (!drop && err)
		drop = encode_error(r, err, head, sizeof(head), &len) != 0;
	if (r->session->observer)
		observe_reply(r, head, drop ? 0 : (uint32_t)len);
	/* before the reply: after Rclunk, nothing is open any more */
	release_fids(r);
	count_answer(r, drop, drop ? 0 : err);
	if (drop)
		ops->drop(r->frame);
	else
		ops->reply(r->frame, head, (uint32_t)len, r->payload_len);
	r->frame = NULL;
}

void request_recycle(struct request *r)
{
	struct session *s = r->session;

	arena_reset(&r->arena);
	r->state = REQUEST_UNUSED;
	s->spare = r;
}
