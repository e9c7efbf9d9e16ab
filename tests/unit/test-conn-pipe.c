/* SPDX-License-Identifier: MIT */
/* Connections whose replies have their data in pipes. The handler splices from one file, whose bytes
 * follow from their offsets, as each message says. */
#include "cmocka-all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "conn.h"
#include "listen.h"
#include "loop.h"
#include "macros.h"

enum order {
	DATA = 200, /* by a pipe, or by memory where there is none */
	LATER,	    /* the same, from another thread */
	HOLD,	    /* the same, when the test says so */
	ECHO,	    /* the message is its reply */
	DROP,	    /* no reply, but the data are in the pipe */
	ERROR,	    /* a reply without the data that are in the pipe */
	CHANGED,    /* data by memory, after others are in the pipe */
	LESS,	    /* the pipe has a byte less than the reply says */
	MORE,	    /* or more */
};

struct order_message {
	uint32_t size;
	uint8_t type, tag[2], pad;
	uint32_t offset, count;
};

#define HEADER 7
#define FILE_SIZE (4u << 20)
#define MAX_PIPES 12

static struct loop *loop;
static struct listener *listener;
static pthread_t loop_thread;
static int data_fd, client;
static char dir[] = "/tmp/warren-test-XXXXXX";
static char path[64];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct frame *held[64];
static unsigned n_held, n_opened, n_closed, n_released, n_piped, n_copied;

struct session {
	struct channel *channel;
	unsigned n_frames;
	bool closed;
};

static uint8_t byte_at(uint32_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 8) * 13 + (offset >> 16) * 29);
}

static void release_if_done_locked(struct session *s)
{
	if (!s->closed || s->n_frames)
		return;
	s->channel->ops->released(s->channel);
	free(s);
	n_released++;
	pthread_cond_broadcast(&changed);
}

static void count(unsigned *number)
{
	pthread_mutex_lock(&lock);
	(*number)++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void fill_pipe(int pipe, uint32_t offset, uint32_t n)
{
	loff_t at = offset;

	while (n) {
		ssize_t put = splice(data_fd, &at, pipe, NULL, n, SPLICE_F_NONBLOCK);

		assert_true(put > 0);
		n -= (uint32_t)put;
	}
}

static void copy_data(struct frame *f, uint32_t offset, uint32_t n)
{
	struct iovec iov;
	int parts;

	assert_int_equal(f->channel->ops->payload(f, HEADER, n, &iov, 1, &parts), 0);
	assert_int_equal(pread(data_fd, iov.iov_base, n, offset), n);
}

static void reply_data(struct frame *f, const struct order_message *m)
{
	const struct channel_ops *ops = f->channel->ops;
	uint8_t head[HEADER];
	size_t lead = m->offset % 4096;
	uint32_t size = HEADER + m->count;
	int pipe, again;
	bool piped = !ops->pipe(f, lead + m->count, &pipe);

	memcpy(head, m, HEADER);
	memcpy(head, &size, 4);
	count(piped ? &n_piped : &n_copied);
	if (piped) {
		assert_int_equal(ops->pipe(f, lead + m->count, &again), 0);
		assert_int_equal(again, pipe);
		fill_pipe(pipe, m->offset, m->count - (m->type == LESS) + (m->type == MORE));
	}
	if (!piped || m->type == CHANGED)
		copy_data(f, m->offset, m->count);
	if (m->type == DROP) {
		ops->drop(f);
	} else if (m->type == ERROR) {
		size = HEADER;
		memcpy(head, &size, 4);
		ops->reply(f, head, HEADER, 0);
	} else {
		ops->reply(f, head, HEADER, m->count);
	}
}

static void answer(struct frame *f)
{
	struct session *s = f->request;
	struct order_message m = {0};

	memcpy(&m, f->head, MIN(sizeof(m), f->head_len));
	if (m.type == ECHO)
		f->channel->ops->reply(f, f->head, (uint32_t)f->head_len, 0);
	else
		reply_data(f, &m);
	pthread_mutex_lock(&lock);
	s->n_frames--;
	release_if_done_locked(s);
	pthread_mutex_unlock(&lock);
}

static void *answer_later(void *frame)
{
	answer(frame);
	return NULL;
}

static int opened(void *self, struct channel *ch, void **ret_session)
{
	struct session *s = calloc(1, sizeof(*s));

	(void)self;
	s->channel = ch;
	*ret_session = s;
	count(&n_opened);
	return 0;
}

static void receive(void *session, struct frame *f)
{
	struct session *s = session;
	uint8_t type = ((const uint8_t *)f->head)[4];
	pthread_t thread;

	f->request = s;
	pthread_mutex_lock(&lock);
	s->n_frames++;
	pthread_mutex_unlock(&lock);
	if (type == HOLD) {
		pthread_mutex_lock(&lock);
		held[n_held++] = f;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
	} else if (type == LATER) {
		assert_int_equal(pthread_create(&thread, NULL, answer_later, f), 0);
		pthread_detach(thread);
	} else {
		answer(f);
	}
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
static const struct handler handler = {&handler_ops, NULL};

#define WAIT_UNTIL(condition)                               \
	do {                                                \
		pthread_mutex_lock(&lock);                  \
		while (!(condition))                        \
			pthread_cond_wait(&changed, &lock); \
		pthread_mutex_unlock(&lock);                \
	} while (0)

static void *run_loop(void *arg)
{
	assert_int_equal(loop_run(loop), 0);
	return arg;
}

static void start(const char *address)
{
	char *why_not = NULL;

	n_held = n_opened = n_closed = n_released = n_piped = n_copied = 0;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(listener_new(loop, address, &handler, &listener, &why_not), 0);
	listener_use_pipes(listener, MAX_PIPES);
	assert_int_equal(pthread_create(&loop_thread, NULL, run_loop, NULL), 0);
}

static int connect_unix(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static int setup(void **state)
{
	char address[80];

	(void)state;
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(address, sizeof(address), "unix:%s", path);
	start(address);
	client = connect_unix();
	return 0;
}

static int setup_tcp(void **state)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	(void)state;
	start("tcp:127.0.0.1:0");
	sa.sin_port = htons((uint16_t)atoi(strrchr(listener_address(listener), ':') + 1));
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(client, (const struct sockaddr *)&sa, sizeof(sa));
}

static int setup_inherited(void **state)
{
	char address[16];
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	client = pair[0];
	snprintf(address, sizeof(address), "fd:%d", pair[1]);
	start(address);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_stop(loop);
	pthread_join(loop_thread, NULL);
	listener_free(listener);
	loop_free(loop);
	if (client >= 0)
		close(client);
	return n_released != n_opened;
}

static void send_all(const void *p, size_t n)
{
	assert_int_equal(send(client, p, n, MSG_NOSIGNAL), n);
}

static void order(enum order what, uint16_t tag, uint32_t offset, uint32_t n)
{
	struct order_message m = {
		.size = sizeof(m), .type = (uint8_t)what, .offset = offset, .count = n};

	memcpy(m.tag, &tag, 2);
	send_all(&m, sizeof(m));
}

static void recv_all(void *p, size_t n)
{
	if (n)
		assert_int_equal(recv(client, p, n, MSG_WAITALL), n);
}

static uint16_t expect_head(uint32_t size)
{
	uint8_t head[HEADER];
	uint32_t got;
	uint16_t tag;

	recv_all(head, HEADER);
	memcpy(&got, head, 4);
	memcpy(&tag, head + 5, 2);
	assert_int_equal(got, size);
	return tag;
}

/* The next reply has the N bytes at OFFSET; returns its tag. */
static uint16_t expect_data(uint32_t offset, uint32_t n)
{
	uint16_t tag = expect_head(HEADER + n);
	autofree uint8_t *bytes = malloc(n + 1);

	recv_all(bytes, n);
	for (uint32_t i = 0; i < n; i++)
		if (bytes[i] != byte_at(offset + i))
			fail_msg("tag %u: byte %u of %u is wrong", tag, i, n);
	return tag;
}

static void expect_echo(uint16_t tag)
{
	assert_int_equal(expect_head(sizeof(struct order_message)), tag);
	recv_all(&(struct order_message){0}, sizeof(struct order_message) - HEADER);
}

static void any_range_arrives(void **state)
{
	static const uint32_t offsets[] = {0, 1, 4095, 4096, 4097, 65535, 1000001};
	static const uint32_t counts[] = {1,	  4095,	  4096,	  4097,	  65512,
					  131072, 507904, 700000, 1040000};

	(void)state;
	for (uint16_t i = 0; i < ARRAY_SIZE(offsets); i++)
		for (uint16_t k = 0; k < ARRAY_SIZE(counts); k++) {
			order(k % 2 ? LATER : DATA, k, offsets[i], counts[k]);
			assert_int_equal(expect_data(offsets[i], counts[k]), k);
		}
	assert_int_equal(n_copied, 0);
}

/* More than the socket takes waits for the peer, and other replies behind it. */
static void replies_stay_in_order_when_the_socket_is_full(void **state)
{
	enum { N = 12, COUNT = 150001 };

	(void)state;
	for (uint16_t i = 0; i < N; i++) {
		order(DATA, i, i * 200003u, COUNT);
		order(ECHO, 100 + i, 0, 0);
	}
	WAIT_UNTIL(n_piped >= 4);
	for (uint16_t i = 0; i < N; i++) {
		assert_int_equal(expect_data(i * 200003u, COUNT), i);
		expect_echo(100 + i);
	}
}

static void threads_do_not_mix_their_replies(void **state)
{
	enum { ROUNDS = 30, N = 8 };

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		bool seen[N] = {false};

		for (uint16_t i = 0; i < N; i++)
			order(i % 3 ? LATER : DATA, i, 5000, 40000);
		for (uint16_t i = 0; i < N; i++) {
			uint16_t tag = expect_data(5000, 40000);

			assert_true(tag < N && !seen[tag]);
			seen[tag] = true;
		}
	}
}

/* Fills pipes with bytes that nobody may see, then asks for others with each of them. */
static void next_reads_are_right(void)
{
	for (uint16_t i = 0; i < 2 * MAX_PIPES; i++) {
		order(DATA, i, 3000000 + i, 50000);
		assert_int_equal(expect_data(3000000 + i, 50000), i);
	}
}

static void what_a_dropped_request_read_is_seen_by_nobody(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 2 * MAX_PIPES; i++)
		order(DROP, i, 0, 50000);
	next_reads_are_right();
	assert_int_equal(n_copied, 0);
}

static void what_an_error_left_behind_is_seen_by_nobody(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 2 * MAX_PIPES; i++) {
		order(ERROR, i, 0, 50000);
		assert_int_equal(expect_head(HEADER), i);
	}
	next_reads_are_right();
	assert_int_equal(n_copied, 0);
}

static void memory_may_take_the_place_of_a_pipe(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 2 * MAX_PIPES; i++) {
		order(CHANGED, i, 1000, 50000);
		assert_int_equal(expect_data(1000, 50000), i);
	}
	next_reads_are_right();
}

static void what_a_peer_did_not_take_is_seen_by_nobody(void **state)
{
	(void)state;
	for (unsigned round = 1; round <= 5; round++) {
		for (uint16_t i = 0; i < 16; i++)
			order(DATA, i, 0, 200000);
		recv_all(&(char[1000]){0}, 1000);
		close(client);
		WAIT_UNTIL(n_released == round);
		client = connect_unix();
		next_reads_are_right();
	}
}

static void a_pipe_with_other_data_than_said_ends_the_connection(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		order(i ? MORE : LESS, 1, 0, 50000);
		assert_true(recv(client, &(char){0}, 1, 0) <= 0);
		close(client);
		WAIT_UNTIL(n_released == i + 1);
		client = connect_unix();
	}
	next_reads_are_right();
}

/* A peer that does not read has a few; those of another connection are not all taken by it. */
static void without_a_pipe_the_data_are_copied(void **state)
{
	enum { N = 20, COUNT = 150000 };
	int first = client;
	unsigned copied;

	(void)state;
	for (uint16_t i = 0; i < N; i++)
		order(DATA, i, 0, COUNT);
	WAIT_UNTIL(n_copied + n_piped == N);
	assert_true(n_piped >= CONN_MAX_PIPES);
	assert_true(n_copied > 0);
	copied = n_copied;
	client = connect_unix();
	order(LATER, 1, 77, COUNT);
	expect_data(77, COUNT);
	assert_int_equal(n_copied, copied);
	close(client);
	client = first;
	for (uint16_t i = 0; i < N; i++)
		assert_int_equal(expect_data(0, COUNT), i);
}

static void an_inherited_socket_has_no_pipes(void **state)
{
	(void)state;
	order(DATA, 1, 5, 100000);
	assert_int_equal(expect_data(5, 100000), 1);
	assert_int_equal(n_piped, 0);
	assert_int_equal(n_copied, 1);
}

static void a_peer_may_leave_before_its_reply(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 8; i++)
		order(HOLD, i, 0, 200000);
	WAIT_UNTIL(n_held == 8);
	close(client);
	WAIT_UNTIL(n_closed == 1);
	for (unsigned i = 0; i < 8; i++)
		answer(held[i]);
	WAIT_UNTIL(n_released == 1);
	client = connect_unix();
	next_reads_are_right();
}

static int make_file(void **state)
{
	uint8_t *bytes = malloc(FILE_SIZE);
	bool ok;

	(void)state;
	data_fd = memfd_create("data", MFD_CLOEXEC);
	for (uint32_t i = 0; i < FILE_SIZE; i++)
		bytes[i] = byte_at(i);
	ok = write(data_fd, bytes, FILE_SIZE) == FILE_SIZE && mkdtemp(dir);
	free(bytes);
	return ok ? 0 : -1;
}

static int remove_file(void **state)
{
	(void)state;
	close(data_fd);
	return rmdir(dir);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TCP(name)                                               \
	{                                                       \
#name " (tcp)", name, setup_tcp, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(any_range_arrives),
		TCP(any_range_arrives),
		T(replies_stay_in_order_when_the_socket_is_full),
		TCP(replies_stay_in_order_when_the_socket_is_full),
		T(threads_do_not_mix_their_replies),
		TCP(threads_do_not_mix_their_replies),
		T(what_a_dropped_request_read_is_seen_by_nobody),
		T(what_an_error_left_behind_is_seen_by_nobody),
		T(memory_may_take_the_place_of_a_pipe),
		T(what_a_peer_did_not_take_is_seen_by_nobody),
		T(a_pipe_with_other_data_than_said_ends_the_connection),
		T(without_a_pipe_the_data_are_copied),
		cmocka_unit_test_setup_teardown(an_inherited_socket_has_no_pipes, setup_inherited,
						teardown),
		T(a_peer_may_leave_before_its_reply),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
