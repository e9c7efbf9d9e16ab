/* SPDX-License-Identifier: MIT */
#include "conn-rig.h"

#include "cmocka-all.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "conn.h"
#include "listen.h"
#include "loop.h"
#include "macros.h"
#include "transport.h"

#define N_WORKERS 2

struct conn_rig rig = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct listener *listener;
static pthread_t loop_thread, workers[N_WORKERS];
static struct frame *jobs[8192]; /* those of HOLD wait for the gate */
static unsigned n_jobs;
static bool gate, workers_end;

/* The one session that there is a channel. */
struct session {
	struct channel *channel;
	unsigned n_frames;
	bool closed;
};

static uint32_t get_u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void rig_put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint8_t byte_at(uint16_t tag, uint32_t at)
{
	return (uint8_t)(tag * 31 + at * 7 + (at >> 8));
}

static void release_if_done_locked(struct session *s)
{
	if (s->closed && !s->n_frames) {
		s->channel->ops->released(s->channel);
		free(s);
		rig.n_released++;
		pthread_cond_broadcast(&rig.changed);
	}
}

/* After reply or drop of a frame of S. */
static void one_less(struct session *s)
{
	pthread_mutex_lock(&rig.lock);
	s->n_frames--;
	release_if_done_locked(s);
	pthread_mutex_unlock(&rig.lock);
}

static void reply_data(struct frame *f, const uint8_t *m, bool as_payload, uint32_t used)
{
	uint32_t count = get_u32(m + f->head_len - 4);
	uint16_t tag = (uint16_t)(m[5] | m[6] << 8);
	autofree uint8_t *head = malloc(HEADER + (as_payload ? 0 : count));
	uint8_t *to = head + HEADER;
	struct iovec iov[4];
	int n;

	memcpy(head, m, HEADER);
	rig_put_u32(head, HEADER + used);
	if (as_payload) {
		assert_int_equal(f->channel->ops->payload(f, HEADER, count, iov, 4, &n), 0);
		assert_int_equal(n, count ? 1 : 0);
		to = n ? iov[0].iov_base : NULL;
	}
	for (uint32_t i = 0; i < count; i++)
		to[i] = byte_at(tag, i);
	f->channel->ops->reply(f, head, as_payload ? HEADER : HEADER + count,
			       as_payload ? used : 0);
}

void rig_answer(struct frame *f)
{
	const uint8_t *m = f->head;
	const struct channel_ops *ops = f->channel->ops;
	struct channel *ch = f->channel;
	struct session *s = f->request;
	enum order order = (enum order)m[4];

	if (order == PEEK)
		rig.n_peeked = recv(rig.client, &(char){0}, 1, MSG_PEEK | MSG_DONTWAIT);
	if (order == SMALL_MSIZE)
		atomic_store(&ch->msize, 64);
	if (order == DATA || order == DATA_LATER || order == READ)
		reply_data(f, m, true, get_u32(m + f->head_len - 4));
	else if (order == LESS_DATA)
		reply_data(f, m, true, 1);
	else if (order == LONG_HEAD)
		reply_data(f, m, false, get_u32(m + HEADER));
	else if (order == DROP)
		ops->drop(f);
	else
		ops->reply(f, m, (uint32_t)f->head_len, 0);
	if (order == SHUTDOWN)
		ops->shutdown(ch, "asked for");
	one_less(s);
}

static int opened(void *self, struct channel *ch, void **ret_session)
{
	struct session *s = calloc(1, sizeof(*s));

	assert_ptr_equal(self, &rig.n_opened);
	s->channel = ch;
	pthread_mutex_lock(&rig.lock);
	rig.n_opened++;
	pthread_mutex_unlock(&rig.lock);
	*ret_session = s;
	return 0;
}

static void receive(void *session, struct frame *f)
{
	const uint8_t *m = f->head;
	struct session *s = session;
	enum order order = (enum order)m[4];

	assert_false(s->closed);
	assert_int_equal(get_u32(m), f->head_len);
	assert_int_equal(f->n_data, 0);
	f->request = s;
	pthread_mutex_lock(&rig.lock);
	s->n_frames++;
	rig.n_received++;
	if (order == HOLD || order == ECHO_LATER || order == DATA_LATER || order == READ) {
		rig.n_held += order == HOLD;
		assert_true(n_jobs < ARRAY_SIZE(jobs));
		jobs[n_jobs++] = f;
		f = NULL;
	}
	pthread_cond_broadcast(&rig.changed);
	pthread_mutex_unlock(&rig.lock);
	if (f)
		rig_answer(f);
}

static void closed(void *session)
{
	struct session *s = session;

	pthread_mutex_lock(&rig.lock);
	s->closed = true;
	rig.n_closed++;
	release_if_done_locked(s);
	pthread_cond_broadcast(&rig.changed);
	pthread_mutex_unlock(&rig.lock);
}

static const struct handler_ops handler_ops = {opened, receive, closed};
static const struct handler handler = {&handler_ops, &rig.n_opened};

static struct frame *take_job_locked(void)
{
	for (unsigned i = 0; i < n_jobs; i++) {
		struct frame *f = jobs[i];

		uint8_t what = ((const uint8_t *)f->head)[4];

		if ((what == HOLD || what == READ) && !gate)
			continue;
		jobs[i] = jobs[--n_jobs];
		return f;
	}
	return NULL;
}

static void *work(void *arg)
{
	pthread_mutex_lock(&rig.lock);
	for (;;) {
		struct frame *f = take_job_locked();

		if (f) {
			pthread_mutex_unlock(&rig.lock);
			rig_answer(f);
			pthread_mutex_lock(&rig.lock);
		} else if (workers_end) {
			break;
		} else {
			pthread_cond_wait(&rig.changed, &rig.lock);
		}
	}
	pthread_mutex_unlock(&rig.lock);
	return arg;
}

static void set_flag(bool *flag, bool value)
{
	pthread_mutex_lock(&rig.lock);
	*flag = value;
	pthread_cond_broadcast(&rig.changed);
	pthread_mutex_unlock(&rig.lock);
}

void rig_set_gate(bool open)
{
	set_flag(&gate, open);
}

struct frame *rig_take_held(void)
{
	struct frame *f;

	pthread_mutex_lock(&rig.lock);
	f = jobs[--n_jobs];
	pthread_mutex_unlock(&rig.lock);
	return f;
}

static void *run_loop(void *arg)
{
	assert_int_equal(loop_run(rig.loop), 0);
	return arg;
}

int conn_rig_setup(void **state)
{
	char address[32];
	char *why_not = NULL;
	int pair[2];

	(void)state;
	rig.n_opened = rig.n_closed = rig.n_released = rig.n_received = rig.n_held = n_jobs = 0;
	gate = workers_end = false;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	rig.client = pair[0];
	snprintf(address, sizeof(address), "fd:%d", pair[1]);
	assert_int_equal(loop_new(&rig.loop), 0);
	assert_int_equal(listener_new(rig.loop, address, &handler, &listener, &why_not), 0);
	assert_int_equal(pthread_create(&loop_thread, NULL, run_loop, NULL), 0);
	for (int i = 0; i < N_WORKERS; i++)
		assert_int_equal(pthread_create(&workers[i], NULL, work, NULL), 0);
	return 0;
}

int conn_rig_teardown(void **state)
{
	(void)state;
	loop_stop(rig.loop);
	pthread_join(loop_thread, NULL);
	rig_set_gate(true);
	listener_free(listener);
	set_flag(&workers_end, true);
	for (int i = 0; i < N_WORKERS; i++)
		pthread_join(workers[i], NULL);
	loop_free(rig.loop);
	if (rig.client >= 0)
		close(rig.client);
	assert_int_equal(rig.n_released, rig.n_opened);
	return rig.n_closed != rig.n_opened;
}

void rig_send(const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t sent = send(rig.client, at, n, MSG_NOSIGNAL);

		assert_true(sent > 0);
		at += sent;
		n -= (size_t)sent;
	}
}

size_t rig_make(uint8_t *m, enum order order, uint16_t tag, uint32_t size)
{
	rig_put_u32(m, size);
	m[4] = (uint8_t)order;
	m[5] = (uint8_t)tag;
	m[6] = (uint8_t)(tag >> 8);
	for (uint32_t i = HEADER; i < size; i++)
		m[i] = byte_at(tag, i - HEADER);
	return size;
}

void rig_order(enum order what, uint16_t tag, uint32_t size)
{
	autofree uint8_t *m = malloc(size);

	rig_send(m, rig_make(m, what, tag, size));
}

void rig_order_data(enum order what, uint16_t tag, uint32_t count)
{
	uint8_t m[HEADER + 4];

	rig_make(m, what, tag, sizeof(m));
	rig_put_u32(m + HEADER, count);
	rig_send(m, sizeof(m));
}

static void recv_all(void *p, size_t n)
{
	if (n)
		assert_int_equal(recv(rig.client, p, n, MSG_WAITALL), n);
}

struct rig_reply rig_get(void)
{
	uint8_t head[HEADER];
	struct rig_reply g;

	recv_all(head, HEADER);
	g = (struct rig_reply){get_u32(head), (uint16_t)(head[5] | head[6] << 8),
			       (enum order)head[4]};
	assert_true(g.size >= HEADER && g.size <= CONN_MSIZE);
	autofree uint8_t *body = malloc(g.size);
	recv_all(body, g.size - HEADER);
	for (uint32_t i = 0; i < g.size - HEADER; i++)
		if (body[i] != byte_at(g.tag, i))
			fail_msg("tag %u: byte %u of %u is wrong", g.tag, i, g.size);
	return g;
}

void rig_expect(enum order what, uint16_t tag, uint32_t size)
{
	struct rig_reply g = rig_get();

	assert_int_equal(g.tag, tag);
	assert_int_equal(g.order, what);
	assert_int_equal(g.size, size);
}

void rig_expect_end(void)
{
	char c;

	assert_true(recv(rig.client, &c, 1, 0) <= 0);
}
