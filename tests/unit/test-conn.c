/* SPDX-License-Identifier: MIT */
/* Connections: messages come whole in any pieces, ends are clean, nobody is read from without bound. */
#include "cmocka-all.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "conn-rig.h"
#include "conn.h"
#include "macros.h"

static void a_message_gets_its_reply(void **state)
{
	static const uint32_t sizes[] = {HEADER,	 8,	    255,   256,	  257,	 4096,
					 16370,		 16384,	    16400, 65536, 70000, 131096,
					 CONN_MSIZE - 1, CONN_MSIZE};

	(void)state;
	for (uint16_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		rig_order(i % 2 ? ECHO : ECHO_LATER, i, sizes[i]);
		rig_expect(i % 2 ? ECHO : ECHO_LATER, i, sizes[i]);
	}
}

static void payload_follows_its_head(void **state)
{
	static const uint32_t counts[] = {0, 1, 249, 250, 4096, 100000, CONN_MSIZE - HEADER};
	static const enum order orders[] = {DATA, DATA_LATER, LONG_HEAD};

	(void)state;
	for (uint16_t i = 0; i < ARRAY_SIZE(counts); i++)
		for (size_t k = 0; k < ARRAY_SIZE(orders); k++) {
			rig_order_data(orders[k], i, counts[i]);
			rig_expect(orders[k], i, counts[i] + HEADER);
		}
	rig_order_data(LESS_DATA, 7, 100000);
	rig_expect(LESS_DATA, 7, HEADER + 1);
}

static void pipelined_messages_are_answered_in_order(void **state)
{
	enum { N = 5000 };
	autofree uint8_t *m = malloc(N * 64);
	size_t n = 0;

	(void)state;
	for (uint16_t i = 0; i < N; i++)
		n += rig_make(m + n, ECHO, i, HEADER + i % 57);
	rig_send(m, n);
	for (uint16_t i = 0; i < N; i++)
		rig_expect(ECHO, i, HEADER + i % 57);
}

/* One byte at a time, then in every two halves. */
static void a_message_may_arrive_in_any_pieces(void **state)
{
	uint8_t m[3 * 40];
	size_t n = 0;

	(void)state;
	for (uint16_t i = 0; i < 3; i++)
		n += rig_make(m + n, ECHO, i, 30 + i);
	for (size_t i = 0; i < n; i++)
		rig_send(m + i, 1);
	for (uint16_t i = 0; i < 3; i++)
		rig_expect(ECHO, i, 30 + i);
	for (size_t split = 0; split <= n; split++) {
		rig_send(m, split);
		/* All of the first part is read when its whole messages are answered. */
		for (uint16_t i = 0; i < 3; i++)
			if (split >= (size_t)(31 * i + 30 + (i == 2)))
				rig_expect(ECHO, i, 30 + i);
		rig_send(m + split, n - split);
		for (uint16_t i = 0; i < 3; i++)
			if (split < (size_t)(31 * i + 30 + (i == 2)))
				rig_expect(ECHO, i, 30 + i);
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

		rig_set_gate(false);
		for (uint16_t i = 0; i < N; i++)
			n += rig_make(m + n, held ? HOLD : ECHO, (uint16_t)(tag + i), sizes[i]);
		rig_send(m, n);
		for (uint16_t i = 0; !held && i < N; i++)
			rig_expect(ECHO, (uint16_t)(tag + i), sizes[i]);
		if (!held)
			continue;
		/* the memory of what is held is not used for what comes meanwhile */
		rig_order(ECHO, 1, 200000);
		rig_expect(ECHO, 1, 200000);
		rig_set_gate(true);
		for (uint16_t i = 0; i < N; i++) {
			struct rig_reply g = rig_get();
			assert_int_equal(g.size, sizes[g.tag - tag]);
		}
	}
}

static void a_size_smaller_than_the_header_ends_the_connection(void **state)
{
	uint8_t m[HEADER];

	(void)state;
	rig_order(ECHO, 1, 20);
	rig_make(m, ECHO, 2, HEADER);
	rig_put_u32(m, HEADER - 1);
	rig_send(m, sizeof(m));
	rig_expect(ECHO, 1, 20);
	rig_expect_end();
	RIG_WAIT_UNTIL(rig.n_closed == 1);
	assert_int_equal(rig.n_received, 1);
}

static void a_size_larger_than_msize_ends_the_connection(void **state)
{
	(void)state;
	rig_order(SMALL_MSIZE, 1, 100);
	rig_expect(SMALL_MSIZE, 1, 100);
	rig_order(ECHO, 2, 64);
	rig_expect(ECHO, 2, 64);
	rig_order(ECHO, 3, 65);
	rig_expect_end();
	RIG_WAIT_UNTIL(rig.n_closed == 1);
	assert_int_equal(rig.n_received, 2);
}

static void a_half_closed_peer_gets_its_answers(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 100; i++)
		rig_order(i % 2 ? ECHO : HOLD, i, 30);
	shutdown(rig.client, SHUT_WR);
	for (uint16_t i = 0; i < 50; i++)
		rig_expect(ECHO, (uint16_t)(2 * i + 1), 30);
	assert_int_equal(rig.n_closed, 0);
	rig_set_gate(true);
	for (uint16_t i = 0; i < 50; i++)
		assert_int_equal(rig_get().order, HOLD);
	rig_expect_end();
	RIG_WAIT_UNTIL(rig.n_released == 1);
}

static void a_peer_may_leave_with_requests_running(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 50; i++)
		rig_order(HOLD, i, 3000);
	RIG_WAIT_UNTIL(rig.n_held == 50);
	close(rig.client);
	rig.client = -1;
	RIG_WAIT_UNTIL(rig.n_closed == 1);
	assert_int_equal(rig.n_released, 0);
	rig_set_gate(true);
	RIG_WAIT_UNTIL(rig.n_released == 1);
}

/* No room for what it sent last, and nobody who would make some. */
static void a_peer_may_leave_while_it_is_not_read_from(void **state)
{
	enum { N = CONN_MAX_FRAMES + 500, SIZE = 20 };
	autofree uint8_t *m = malloc(N * SIZE);
	size_t n = 0;

	(void)state;
	for (uint32_t i = 0; i < N; i++)
		n += rig_make(m + n, HOLD, (uint16_t)i, SIZE);
	rig_send(m, n);
	RIG_WAIT_UNTIL(rig.n_held == CONN_MAX_FRAMES);
	close(rig.client);
	rig.client = -1;
	RIG_WAIT_UNTIL(rig.n_closed == 1);
	assert_int_equal(rig.n_held, CONN_MAX_FRAMES);
}

static void the_server_may_end_with_requests_running(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 50; i++)
		rig_order(HOLD, i, 3000);
	RIG_WAIT_UNTIL(rig.n_held == 50);
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
		n += rig_make(m + n, DROP, i, SIZE);
	rig_send(m, n);
	close(rig.client);
	rig.client = -1;
	RIG_WAIT_UNTIL(rig.n_released == 1);
	assert_int_equal(rig.n_received, N);
}

static void shutdown_sends_what_is_queued_and_ends(void **state)
{
	(void)state;
	rig_order(SHUTDOWN, 1, 50);
	rig_expect(SHUTDOWN, 1, 50);
	rig_expect_end();
	RIG_WAIT_UNTIL(rig.n_released == 1);
}

static void nothing_is_received_after_shutdown(void **state)
{
	uint8_t m[200];
	size_t n = 0;

	(void)state;
	n += rig_make(m + n, SHUTDOWN, 1, 50);
	n += rig_make(m + n, ECHO, 2, 50);
	rig_send(m, n);
	rig_expect(SHUTDOWN, 1, 50);
	rig_expect_end();
	RIG_WAIT_UNTIL(rig.n_released == 1);
	assert_int_equal(rig.n_received, 1);
}

static void a_dropped_request_has_no_reply(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 10000; i++)
		rig_order(DROP, i, 300);
	rig_order(ECHO, 1, 10);
	rig_expect(ECHO, 1, 10);
}

/* Nothing tells that no more will be taken: it counts as never after this time. */
#define NEVER_MS 200

static bool can_send(void)
{
	struct pollfd p = {.fd = rig.client, .events = POLLOUT};

	return poll(&p, 1, NEVER_MS) > 0;
}

/* Asks for COUNT bytes until no more requests are taken; the server goes on when replies are read. */
static void ask_without_reading(enum order what, uint32_t size, uint32_t count, unsigned most)
{
	enum { BATCH = 100 };
	uint8_t m[32 * BATCH];
	unsigned n_sent = 0, n_taken;
	size_t n = 0, at = 0;

	for (int i = 0; i < BATCH; i++) {
		n += rig_make(m + n, what, 1, size);
		rig_put_u32(m + n - 4, count);
	}
	for (; can_send(); at %= n) {
		ssize_t sent = send(rig.client, m + at, n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0)
			continue;
		at += (size_t)sent;
		n_sent += at == n ? BATCH : 0;
	}
	pthread_mutex_lock(&rig.lock);
	n_taken = rig.n_received;
	pthread_mutex_unlock(&rig.lock);
	assert_true(n_taken <= most);
	assert_true(n_taken < n_sent);
	rig_set_gate(true);
	for (unsigned i = 0; i < MIN(n_sent, 500); i++)
		assert_int_equal(rig_get().size, HEADER + count);
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
	shutdown(rig.client, SHUT_RD);
	for (uint16_t i = 0; i < 1000; i++)
		rig_order(i % 2 ? ECHO : DROP, i, 200);
	RIG_WAIT_UNTIL(rig.n_received == 1000);
	shutdown(rig.client, SHUT_WR);
	RIG_WAIT_UNTIL(rig.n_released == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_message_gets_its_reply),
		RIG_TEST(payload_follows_its_head),
		RIG_TEST(pipelined_messages_are_answered_in_order),
		RIG_TEST(a_message_may_arrive_in_any_pieces),
		RIG_TEST(large_and_small_messages_mix),
		RIG_TEST(a_size_smaller_than_the_header_ends_the_connection),
		RIG_TEST(a_size_larger_than_msize_ends_the_connection),
		RIG_TEST(a_half_closed_peer_gets_its_answers),
		RIG_TEST(a_peer_may_leave_with_requests_running),
		RIG_TEST(a_peer_may_leave_while_it_is_not_read_from),
		RIG_TEST(the_server_may_end_with_requests_running),
		RIG_TEST(what_was_sent_before_leaving_is_still_done),
		RIG_TEST(shutdown_sends_what_is_queued_and_ends),
		RIG_TEST(nothing_is_received_after_shutdown),
		RIG_TEST(a_dropped_request_has_no_reply),
		RIG_TEST(a_peer_that_does_not_read_is_not_read_from),
		RIG_TEST(requests_for_much_data_wait_before_they_are_handed_over),
		RIG_TEST(many_small_replies_wait_in_the_socket_not_in_memory),
		RIG_TEST(a_peer_that_takes_no_replies_may_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
