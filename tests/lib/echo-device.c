/* SPDX-License-Identifier: MIT */
#undef NDEBUG
#include "echo-device.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "macros.h"
#include "msg.h"

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static size_t put_header(uint8_t *to, const struct frame *f, uint32_t size)
{
	const uint8_t *t = f->head;

	memcpy(to, &size, sizeof(size));
	to[4] = (uint8_t)(t[4] + 1);
	memcpy(to + 5, t + 5, 2);
	return 7;
}

static void reply_empty(struct frame *f)
{
	uint8_t r[7];

	put_header(r, f, sizeof(r));
	f->channel->ops->reply(f, r, sizeof(r), 0);
}

static void do_echo(struct frame *f)
{
	uint8_t *r = malloc(f->head_len);

	assert(r);
	memcpy(r, f->head, f->head_len);
	put_header(r, f, (uint32_t)f->head_len);
	f->channel->ops->reply(f, r, (uint32_t)f->head_len, 0);
	free(r);
}

static void do_read(struct frame *f)
{
	uint32_t offset = get32((const uint8_t *)f->head + 11);
	uint32_t count = get32((const uint8_t *)f->head + 19);
	struct iovec iov[2048];
	uint8_t r[11];
	uint32_t at = 0;
	int n = 0;

	if (f->channel->ops->payload(f, 11, count, iov, ARRAY_SIZE(iov), &n)) {
		count = 0;
		n = 0;
	}
	for (int i = 0; i < n; i++)
		for (size_t k = 0; k < iov[i].iov_len; k++)
			((uint8_t *)iov[i].iov_base)[k] = echo_byte(offset + at++);
	assert(at == count);
	put_header(r, f, 11 + count);
	memcpy(r + 7, &count, sizeof(count));
	f->channel->ops->reply(f, r, sizeof(r), count);
}

static void do_write(struct frame *f)
{
	uint8_t r[11];
	uint32_t sum = 0;

	assert(f->head_len == 23);
	for (int i = 0; i < f->n_data; i++)
		for (size_t k = 0; k < f->data[i].iov_len; k++)
			sum += ((const uint8_t *)f->data[i].iov_base)[k];
	put_header(r, f, sizeof(r));
	memcpy(r + 7, &sum, sizeof(sum));
	f->channel->ops->reply(f, r, sizeof(r), 0);
}

static void hold(struct echo *e, struct frame *f)
{
	pthread_mutex_lock(&e->lock);
	assert(e->n_held < ECHO_MAX_HELD);
	e->held[e->n_held++] = f;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

static int on_opened(void *handler, struct channel *ch, void **ret_session)
{
	struct echo *e = handler;

	if (e->refuse)
		return -ENOMEM;
	if (e->msize)
		atomic_store(&ch->msize, e->msize);
	pthread_mutex_lock(&e->lock);
	e->opened++;
	pthread_mutex_unlock(&e->lock);
	ch->peer[sizeof(ch->peer) - 1] = 0;
	/* A session is an echo and its channel. */
	void **session = malloc(2 * sizeof(void *));

	assert(session);
	session[0] = e;
	session[1] = ch;
	*ret_session = session;
	return 0;
}

static void on_receive(void *session, struct frame *f)
{
	struct echo *e = ((void **)session)[0];
	uint8_t type = ((const uint8_t *)f->head)[4];

	pthread_mutex_lock(&e->lock);
	e->received++;
	pthread_mutex_unlock(&e->lock);
	switch (type) {
	case Tread:
		do_read(f);
		break;
	case Twrite:
		do_write(f);
		break;
	case Tflush:
		hold(e, f);
		break;
	case Tclunk:
		f->channel->ops->shutdown(f->channel, "the test says so");
		f->channel->ops->drop(f);
		break;
	default:
		do_echo(f);
	}
}

static void on_closed(void *session)
{
	struct echo *e = ((void **)session)[0];
	struct channel *ch = ((void **)session)[1];
	bool now;

	free(session);
	pthread_mutex_lock(&e->lock);
	e->closed++;
	now = !e->n_held;
	if (!now)
		e->to_release = ch;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
	if (now)
		ch->ops->released(ch);
}

static const struct handler_ops echo_ops = {
	.opened = on_opened, .receive = on_receive, .closed = on_closed};

static struct frame *take_held(struct echo *e)
{
	struct frame *f;

	pthread_mutex_lock(&e->lock);
	assert(e->n_held);
	f = e->held[0];
	memmove(e->held, e->held + 1, --e->n_held * sizeof(e->held[0]));
	pthread_mutex_unlock(&e->lock);
	return f;
}

static void release_if_last(struct echo *e)
{
	struct channel *ch = NULL;

	pthread_mutex_lock(&e->lock);
	if (!e->n_held) {
		ch = e->to_release;
		e->to_release = NULL;
	}
	pthread_mutex_unlock(&e->lock);
	if (ch)
		ch->ops->released(ch);
}

void echo_reply_held(struct echo *e)
{
	reply_empty(take_held(e));
	release_if_last(e);
}

void echo_drop_held(struct echo *e)
{
	struct frame *f = take_held(e);

	f->channel->ops->drop(f);
	release_if_last(e);
}

static void wait_for(struct echo *e, const unsigned *what, unsigned n)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 120;
	pthread_mutex_lock(&e->lock);
	while (*what < n) {
		int r = pthread_cond_timedwait(&e->changed, &e->lock, &end);

		assert(r == 0);
	}
	pthread_mutex_unlock(&e->lock);
}

void echo_wait_held(struct echo *e, unsigned n)
{
	wait_for(e, &e->n_held, n);
}

void echo_wait_closed(struct echo *e, unsigned n)
{
	wait_for(e, &e->closed, n);
}

void echo_wait_ended(struct echo *e)
{
	wait_for(e, &e->ended, 1);
}

static void *run(void *arg)
{
	struct echo *e = arg;
	int r = loop_run(e->loop);

	assert(r == 0);
	return NULL;
}

static void on_end(void *arg)
{
	struct echo *e = arg;

	pthread_mutex_lock(&e->lock);
	e->ended++;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
	loop_stop(e->loop);
}

struct echo *echo_new(int fd)
{
	static unsigned number;
	struct echo *e = calloc(1, sizeof(*e));
	struct vhost_user_config cfg = {.fd = fd, .tag = "share"};
	char *why;
	int r;

	assert(e);
	snprintf(e->path, sizeof(e->path), "/tmp/warren-test-vhost-%d-%u", (int)getpid(), number++);
	if (fd < 0)
		cfg.socket_path = e->path;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->changed, NULL);
	e->handler = (struct handler){.ops = &echo_ops, .self = e};
	r = loop_new(&e->loop);
	assert(r == 0);
	r = vhost_user_new(e->loop, &cfg, &e->handler, &e->vu, &why);
	assert(r == 0);
	vhost_user_on_end(e->vu, on_end, e);
	r = pthread_create(&e->thread, NULL, run, e);
	assert(r == 0);
	return e;
}

void echo_free(struct echo *e)
{
	loop_stop(e->loop);
	pthread_join(e->thread, NULL);
	vhost_user_free(e->vu);
	loop_free(e->loop);
	assert(e->opened == e->closed);
	assert(!e->to_release);
	pthread_mutex_destroy(&e->lock);
	pthread_cond_destroy(&e->changed);
	free(e);
}
