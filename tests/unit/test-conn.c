/* SPDX-License-Identifier: MIT */
/* Connections, against a handler that answers as the message's type says. */
#include "cmocka-all.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "conn.h"
#include "listen.h"
#include "loop.h"
#include "macros.h"
#include "transport.h"

enum order {
	READ = 116,  /* as DATA when `gate` is opened; it looks like Tread */
	ECHO = 200,  /* the message is its reply */
	ECHO_LATER,  /* the same, from a worker */
	HOLD,	     /* the same, when `gate` is opened */
	DATA,	     /* body count[4]: header and as many bytes of payload */
	DATA_LATER,  /* the same, from a worker */
	LESS_DATA,   /* payload is asked for, all but one byte of it unused */
	LONG_HEAD,   /* body count[4]: the same as DATA, without payload */
	DROP,	     /* no reply */
	SHUTDOWN,    /* ECHO, and the end of the connection */
	PEEK,	     /* ECHO, and `n_peeked` is what the client could have received before */
	SMALL_MSIZE, /* ECHO, and msize is 64 from then on */
};

#define HEADER 7
#define N_WORKERS 2

static struct loop *loop;
static struct listener *listener;
static pthread_t loop_thread, workers[N_WORKERS];
static int client;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct frame *jobs[8192]; /* those of HOLD wait for the gate */
static unsigned n_jobs;
static bool gate, workers_end;
static unsigned n_opened, n_closed, n_released, n_received, n_held;
static ssize_t n_peeked;

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

static void put_u32(uint8_t *p, uint32_t v)
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
		n_released++;
		pthread_cond_broadcast(&changed);
	}
}

/* After reply or drop of a frame of S. */
static void one_less(struct session *s)
{
	pthread_mutex_lock(&lock);
	s->n_frames--;
	release_if_done_locked(s);
	pthread_mutex_unlock(&lock);
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
	put_u32(head, HEADER + used);
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

static void answer(struct frame *f)
{
	const uint8_t *m = f->head;
	const struct channel_ops *ops = f->channel->ops;
	struct channel *ch = f->channel;
	struct session *s = f->request;
	enum order order = (enum order)m[4];

	if (order == PEEK)
		n_peeked = recv(client, &(char){0}, 1, MSG_PEEK | MSG_DONTWAIT);
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

	assert_ptr_equal(self, &n_opened);
	s->channel = ch;
	pthread_mutex_lock(&lock);
	n_opened++;
	pthread_mutex_unlock(&lock);
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
	pthread_mutex_lock(&lock);
	s->n_frames++;
	n_received++;
	if (order == HOLD || order == ECHO_LATER || order == DATA_LATER || order == READ) {
		n_held += order == HOLD;
		assert_true(n_jobs < ARRAY_SIZE(jobs));
		jobs[n_jobs++] = f;
		f = NULL;
	}
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	if (f)
		answer(f);
}

static void closed(void *session)
{
	struct session *s = session;

	pthread_mutex_lock(&lock);
	s->closed = true;
	n_closed++;
	release_if_done_locked(s);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static const struct handler_ops handler_ops = {opened, receive, closed};
static const struct handler handler = {&handler_ops, &n_opened};

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
	pthread_mutex_lock(&lock);
	for (;;) {
		struct frame *f = take_job_locked();

		if (f) {
			pthread_mutex_unlock(&lock);
			answer(f);
			pthread_mutex_lock(&lock);
		} else if (workers_end) {
			break;
		} else {
			pthread_cond_wait(&changed, &lock);
		}
	}
	pthread_mutex_unlock(&lock);
	return arg;
}

#define WAIT_UNTIL(condition)                               \
	do {                                                \
		pthread_mutex_lock(&lock);                  \
		while (!(condition))                        \
			pthread_cond_wait(&changed, &lock); \
		pthread_mutex_unlock(&lock);                \
	} while (0)

static void set_flag(bool *flag, bool value)
{
	pthread_mutex_lock(&lock);
	*flag = value;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void *run_loop(void *arg)
{
	assert_int_equal(loop_run(loop), 0);
	return arg;
}

static int setup(void **state)
{
	char address[32];
	char *why_not = NULL;
	int pair[2];

	(void)state;
	n_opened = n_closed = n_released = n_received = n_held = n_jobs = 0;
	gate = workers_end = false;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	client = pair[0];
	snprintf(address, sizeof(address), "fd:%d", pair[1]);
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(listener_new(loop, address, &handler, &listener, &why_not), 0);
	assert_int_equal(pthread_create(&loop_thread, NULL, run_loop, NULL), 0);
	for (int i = 0; i < N_WORKERS; i++)
		assert_int_equal(pthread_create(&workers[i], NULL, work, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_stop(loop);
	pthread_join(loop_thread, NULL);
	set_flag(&gate, true);
	listener_free(listener);
	set_flag(&workers_end, true);
	for (int i = 0; i < N_WORKERS; i++)
		pthread_join(workers[i], NULL);
	loop_free(loop);
	if (client >= 0)
		close(client);
	assert_int_equal(n_released, n_opened);
	return n_closed != n_opened;
}

static void send_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

		assert_true(sent > 0);
		at += sent;
		n -= (size_t)sent;
	}
}

/* SIZE bytes of a message; its body is of the pattern unless COUNT is to be there. */
static size_t make(uint8_t *m, enum order order, uint16_t tag, uint32_t size)
{
	put_u32(m, size);
	m[4] = (uint8_t)order;
	m[5] = (uint8_t)tag;
	m[6] = (uint8_t)(tag >> 8);
	for (uint32_t i = HEADER; i < size; i++)
		m[i] = byte_at(tag, i - HEADER);
	return size;
}

static void order(enum order what, uint16_t tag, uint32_t size)
{
	autofree uint8_t *m = malloc(size);

	send_all(client, m, make(m, what, tag, size));
}

static void order_data(enum order what, uint16_t tag, uint32_t count)
{
	uint8_t m[HEADER + 4];

	make(m, what, tag, sizeof(m));
	put_u32(m + HEADER, count);
	send_all(client, m, sizeof(m));
}

static void recv_all(void *p, size_t n)
{
	if (n)
		assert_int_equal(recv(client, p, n, MSG_WAITALL), n);
}

/* The next reply: its tag, size and order; the body is checked. */
struct got {
	uint32_t size;
	uint16_t tag;
	enum order order;
};

static struct got get(void)
{
	uint8_t head[HEADER];
	struct got g;

	recv_all(head, HEADER);
	g = (struct got){get_u32(head), (uint16_t)(head[5] | head[6] << 8), (enum order)head[4]};
	assert_true(g.size >= HEADER && g.size <= CONN_MSIZE);
	autofree uint8_t *body = malloc(g.size);
	recv_all(body, g.size - HEADER);
	for (uint32_t i = 0; i < g.size - HEADER; i++)
		if (body[i] != byte_at(g.tag, i))
			fail_msg("tag %u: byte %u of %u is wrong", g.tag, i, g.size);
	return g;
}

static void expect(enum order what, uint16_t tag, uint32_t size)
{
	struct got g = get();

	assert_int_equal(g.tag, tag);
	assert_int_equal(g.order, what);
	assert_int_equal(g.size, size);
}

static void expect_end(void)
{
	char c;

	assert_true(recv(client, &c, 1, 0) <= 0);
}

static void a_message_gets_its_reply(void **state)
{
	static const uint32_t sizes[] = {HEADER,	 8,	    255,   256,	  257,	 4096,
					 16370,		 16384,	    16400, 65536, 70000, 131096,
					 CONN_MSIZE - 1, CONN_MSIZE};

	(void)state;
	for (uint16_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		order(i % 2 ? ECHO : ECHO_LATER, i, sizes[i]);
		expect(i % 2 ? ECHO : ECHO_LATER, i, sizes[i]);
	}
}

static void payload_follows_its_head(void **state)
{
	static const uint32_t counts[] = {0, 1, 249, 250, 4096, 100000, CONN_MSIZE - HEADER};
	static const enum order orders[] = {DATA, DATA_LATER, LONG_HEAD};

	(void)state;
	for (uint16_t i = 0; i < ARRAY_SIZE(counts); i++)
		for (size_t k = 0; k < ARRAY_SIZE(orders); k++) {
			order_data(orders[k], i, counts[i]);
			expect(orders[k], i, counts[i] + HEADER);
		}
	order_data(LESS_DATA, 7, 100000);
	expect(LESS_DATA, 7, HEADER + 1);
}

static void pipelined_messages_are_answered_in_order(void **state)
{
	enum { N = 5000 };
	autofree uint8_t *m = malloc(N * 64);
	size_t n = 0;

	(void)state;
	for (uint16_t i = 0; i < N; i++)
		n += make(m + n, ECHO, i, HEADER + i % 57);
	send_all(client, m, n);
	for (uint16_t i = 0; i < N; i++)
		expect(ECHO, i, HEADER + i % 57);
}

/* One byte at a time, then in every two halves. */
static void a_message_may_arrive_in_any_pieces(void **state)
{
	uint8_t m[3 * 40];
	size_t n = 0;

	(void)state;
	for (uint16_t i = 0; i < 3; i++)
		n += make(m + n, ECHO, i, 30 + i);
	for (size_t i = 0; i < n; i++)
		send_all(client, m + i, 1);
	for (uint16_t i = 0; i < 3; i++)
		expect(ECHO, i, 30 + i);
	for (size_t split = 0; split <= n; split++) {
		send_all(client, m, split);
		/* All of the first part is read when its whole messages are answered. */
		for (uint16_t i = 0; i < 3; i++)
			if (split >= (size_t)(31 * i + 30 + (i == 2)))
				expect(ECHO, i, 30 + i);
		send_all(client, m + split, n - split);
		for (uint16_t i = 0; i < 3; i++)
			if (split < (size_t)(31 * i + 30 + (i == 2)))
				expect(ECHO, i, 30 + i);
	}
}

static void large_and_small_messages_mix(void **state)
{
	static const uint32_t sizes[] = {131096, 7, 100, 20000, 16000, 300, 500000, 16383, 9};
	enum { N = ARRAY_SIZE(sizes) };
	autofree uint8_t *m = malloc(1 << 20);

	(void)state;
	for (uint16_t tag = 0; tag < 20 * N; tag += N) {
		bool held = tag / N % 2;
		size_t n = 0;

		set_flag(&gate, false);
		for (uint16_t i = 0; i < N; i++)
			n += make(m + n, held ? HOLD : ECHO, (uint16_t)(tag + i), sizes[i]);
		send_all(client, m, n);
		for (uint16_t i = 0; !held && i < N; i++)
			expect(ECHO, (uint16_t)(tag + i), sizes[i]);
		if (!held)
			continue;
		/* the memory of what is held is not used for what comes meanwhile */
		order(ECHO, 1, 200000);
		expect(ECHO, 1, 200000);
		set_flag(&gate, true);
		for (uint16_t i = 0; i < N; i++) {
			struct got g = get();
			assert_int_equal(g.size, sizes[g.tag - tag]);
		}
	}
}

static void a_size_smaller_than_the_header_ends_the_connection(void **state)
{
	uint8_t m[HEADER];

	(void)state;
	order(ECHO, 1, 20);
	make(m, ECHO, 2, HEADER);
	put_u32(m, HEADER - 1);
	send_all(client, m, sizeof(m));
	expect(ECHO, 1, 20);
	expect_end();
	WAIT_UNTIL(n_closed == 1);
	assert_int_equal(n_received, 1);
}

static void a_size_larger_than_msize_ends_the_connection(void **state)
{
	(void)state;
	order(SMALL_MSIZE, 1, 100);
	expect(SMALL_MSIZE, 1, 100);
	order(ECHO, 2, 64);
	expect(ECHO, 2, 64);
	order(ECHO, 3, 65);
	expect_end();
	WAIT_UNTIL(n_closed == 1);
	assert_int_equal(n_received, 2);
}

static void a_half_closed_peer_gets_its_answers(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 100; i++)
		order(i % 2 ? ECHO : HOLD, i, 30);
	shutdown(client, SHUT_WR);
	for (uint16_t i = 0; i < 50; i++)
		expect(ECHO, (uint16_t)(2 * i + 1), 30);
	assert_int_equal(n_closed, 0);
	set_flag(&gate, true);
	for (uint16_t i = 0; i < 50; i++)
		assert_int_equal(get().order, HOLD);
	expect_end();
	WAIT_UNTIL(n_released == 1);
}

static void a_peer_may_leave_with_requests_running(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 50; i++)
		order(HOLD, i, 3000);
	WAIT_UNTIL(n_held == 50);
	close(client);
	client = -1;
	WAIT_UNTIL(n_closed == 1);
	assert_int_equal(n_released, 0);
	set_flag(&gate, true);
	WAIT_UNTIL(n_released == 1);
}

/* No room for what it sent last, and nobody who would make some. */
static void a_peer_may_leave_while_it_is_not_read_from(void **state)
{
	enum { N = CONN_MAX_FRAMES + 500, SIZE = 20 };
	autofree uint8_t *m = malloc(N * SIZE);
	size_t n = 0;

	(void)state;
	for (uint32_t i = 0; i < N; i++)
		n += make(m + n, HOLD, (uint16_t)i, SIZE);
	send_all(client, m, n);
	WAIT_UNTIL(n_held == CONN_MAX_FRAMES);
	close(client);
	client = -1;
	WAIT_UNTIL(n_closed == 1);
	assert_int_equal(n_held, CONN_MAX_FRAMES);
}

static void the_server_may_end_with_requests_running(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 50; i++)
		order(HOLD, i, 3000);
	WAIT_UNTIL(n_held == 50);
	/* teardown opens the gate */
}

/* More than is done in one turn. */
static void what_was_sent_before_leaving_is_still_done(void **state)
{
	enum { N = 5000, SIZE = 20 };
	autofree uint8_t *m = malloc(N * SIZE);
	size_t n = 0;

	(void)state;
	for (uint16_t i = 0; i < N; i++)
		n += make(m + n, DROP, i, SIZE);
	send_all(client, m, n);
	close(client);
	client = -1;
	WAIT_UNTIL(n_released == 1);
	assert_int_equal(n_received, N);
}

static void shutdown_sends_what_is_queued_and_ends(void **state)
{
	(void)state;
	order(SHUTDOWN, 1, 50);
	expect(SHUTDOWN, 1, 50);
	expect_end();
	WAIT_UNTIL(n_released == 1);
}

static void nothing_is_received_after_shutdown(void **state)
{
	uint8_t m[200];
	size_t n = 0;

	(void)state;
	n += make(m + n, SHUTDOWN, 1, 50);
	n += make(m + n, ECHO, 2, 50);
	send_all(client, m, n);
	expect(SHUTDOWN, 1, 50);
	expect_end();
	WAIT_UNTIL(n_released == 1);
	assert_int_equal(n_received, 1);
}

static void a_dropped_request_has_no_reply(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 10000; i++)
		order(DROP, i, 300);
	order(ECHO, 1, 10);
	expect(ECHO, 1, 10);
}

/* The peer asks without end and does not read: the server stops taking requests, and goes on when
 * the replies are read. */
/* Nothing tells that no more will be taken: it counts as never after this time. */
#define NEVER_MS 200

static bool can_send(void)
{
	struct pollfd p = {.fd = client, .events = POLLOUT};

	return poll(&p, 1, NEVER_MS) > 0;
}

/* Sends requests for COUNT bytes until no more are taken; then reads some of the replies. */
static void ask_without_reading(enum order what, uint32_t size, uint32_t count, unsigned most)
{
	enum { BATCH = 100 };
	uint8_t m[32 * BATCH];
	unsigned n_sent = 0, n_taken;
	size_t n = 0, at = 0;

	for (int i = 0; i < BATCH; i++) {
		n += make(m + n, what, 1, size);
		put_u32(m + n - 4, count);
	}
	for (; can_send(); at %= n) {
		ssize_t sent = send(client, m + at, n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0)
			continue;
		at += (size_t)sent;
		n_sent += at == n ? BATCH : 0;
	}
	pthread_mutex_lock(&lock);
	n_taken = n_received;
	pthread_mutex_unlock(&lock);
	assert_true(n_taken <= most);
	assert_true(n_taken < n_sent);
	set_flag(&gate, true);
	for (unsigned i = 0; i < MIN(n_sent, 500); i++)
		assert_int_equal(get().size, HEADER + count);
}

static void a_peer_that_does_not_read_is_not_read_from(void **state)
{
	(void)state;
	/* what fits into the socket and in the queue */
	ask_without_reading(DATA, HEADER + 4, 100000, 60);
}

static void requests_for_much_data_wait_before_they_are_handed_over(void **state)
{
	(void)state;
	ask_without_reading(READ, 23, 100000, CONN_HELD_MSIZES * CONN_MSIZE / 100000 + 1);
}

static void many_small_replies_wait_in_the_socket_not_in_memory(void **state)
{
	(void)state;
	/* a socket takes less than 30 times the queue */
	ask_without_reading(DATA, HEADER + 4, 1000, 30 * CONN_MAX_QUEUED);
}

static void a_peer_that_takes_no_replies_may_go_on(void **state)
{
	(void)state;
	shutdown(client, SHUT_RD);
	for (uint16_t i = 0; i < 1000; i++)
		order(i % 2 ? ECHO : DROP, i, 200);
	WAIT_UNTIL(n_received == 1000);
	shutdown(client, SHUT_WR);
	WAIT_UNTIL(n_released == 1);
}

static void replies_to_a_batch_leave_together(void **state)
{
	uint8_t m[3 * 20];
	size_t n = 0;

	(void)state;
	n += make(m + n, ECHO, 1, 20);
	n += make(m + n, ECHO, 2, 20);
	n += make(m + n, PEEK, 3, 20);
	send_all(client, m, n);
	expect(ECHO, 1, 20);
	expect(ECHO, 2, 20);
	expect(PEEK, 3, 20);
	assert_int_equal(n_peeked, -1);
}

static void many_bytes_leave_before_the_batch_ends(void **state)
{
	uint8_t m[HEADER + 4 + 20];
	size_t n = make(m, DATA, 1, HEADER + 4);
	int here = 0;

	(void)state;
	put_u32(m + HEADER, CONN_SEND_AT);
	n += make(m + n, PEEK, 2, 20);
	send_all(client, m, n);
	/* nothing is taken out of the socket before both replies are there */
	while (here < HEADER + CONN_SEND_AT + 20) {
		assert_int_equal(ioctl(client, FIONREAD, &here), 0);
		sched_yield();
	}
	expect(DATA, 1, HEADER + CONN_SEND_AT);
	expect(PEEK, 2, 20);
	assert_int_equal(n_peeked, 1);
}

/* More messages in one system call than a turn has. */
static void a_turn_that_ends_is_followed_by_another(void **state)
{
	enum { N = 1900 };
	uint8_t m[N * HEADER];
	size_t n = 0;

	(void)state;
	for (uint16_t i = 0; i < N; i++)
		n += make(m + n, ECHO, i, HEADER);
	send_all(client, m, n);
	for (uint16_t i = 0; i < N; i++)
		expect(ECHO, i, HEADER);
}

static struct frame *held_frame;

static void answer_held(struct task *t)
{
	(void)t;
	answer(held_frame);
}

static void a_reply_from_elsewhere_in_the_loop_leaves_too(void **state)
{
	struct task t = {.run = answer_held};

	(void)state;
	order(HOLD, 1, 30);
	WAIT_UNTIL(n_held == 1);
	pthread_mutex_lock(&lock);
	held_frame = jobs[--n_jobs];
	pthread_mutex_unlock(&lock);
	loop_post(loop, &t);
	expect(HOLD, 1, 30);
}

static void two_threads_do_not_mix_their_replies(void **state)
{
	bool seen[3000] = {false};

	(void)state;
	for (uint16_t base = 0; base < 3000; base += 100) {
		for (uint16_t i = 0; i < 100; i++)
			order_data(i % 3 ? DATA_LATER : DATA, base + i, (uint32_t)i * 150);
		for (uint16_t i = 0; i < 100; i++) {
			uint16_t tag = get().tag;
			assert_true(tag < 3000 && !seen[tag]);
			seen[tag] = true;
		}
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_message_gets_its_reply),
		T(payload_follows_its_head),
		T(pipelined_messages_are_answered_in_order),
		T(a_message_may_arrive_in_any_pieces),
		T(large_and_small_messages_mix),
		T(a_size_smaller_than_the_header_ends_the_connection),
		T(a_size_larger_than_msize_ends_the_connection),
		T(a_half_closed_peer_gets_its_answers),
		T(a_peer_may_leave_with_requests_running),
		T(a_peer_may_leave_while_it_is_not_read_from),
		T(the_server_may_end_with_requests_running),
		T(what_was_sent_before_leaving_is_still_done),
		T(shutdown_sends_what_is_queued_and_ends),
		T(nothing_is_received_after_shutdown),
		T(a_dropped_request_has_no_reply),
		T(a_peer_that_does_not_read_is_not_read_from),
		T(requests_for_much_data_wait_before_they_are_handed_over),
		T(many_small_replies_wait_in_the_socket_not_in_memory),
		T(a_peer_that_takes_no_replies_may_go_on),
		T(replies_to_a_batch_leave_together),
		T(many_bytes_leave_before_the_batch_ends),
		T(a_turn_that_ends_is_followed_by_another),
		T(a_reply_from_elsewhere_in_the_loop_leaves_too),
		T(two_threads_do_not_mix_their_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
