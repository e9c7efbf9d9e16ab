/* SPDX-License-Identifier: MIT */
/* Replies leave together when the requests of a turn are done, and each leaves in the end. */
#include "cmocka-all.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "conn-rig.h"
#include "conn.h"
#include "loop.h"

static void replies_to_a_batch_leave_together(void **state)
{
	uint8_t m[3 * 20];
	size_t n = 0;

	(void)state;
	n += rig_make(m + n, ECHO, 1, 20);
	n += rig_make(m + n, ECHO, 2, 20);
	n += rig_make(m + n, PEEK, 3, 20);
	rig_send(m, n);
	rig_expect(ECHO, 1, 20);
	rig_expect(ECHO, 2, 20);
	rig_expect(PEEK, 3, 20);
	assert_int_equal(rig.n_peeked, -1);
}

static void many_bytes_leave_before_the_batch_ends(void **state)
{
	uint8_t m[HEADER + 4 + 20];
	size_t n = rig_make(m, DATA, 1, HEADER + 4);
	int here = 0;

	(void)state;
	rig_put_u32(m + HEADER, CONN_SEND_AT);
	n += rig_make(m + n, PEEK, 2, 20);
	rig_send(m, n);
	/* nothing is taken out of the socket before both replies are there */
	while (here < HEADER + CONN_SEND_AT + 20) {
		assert_int_equal(ioctl(rig.client, FIONREAD, &here), 0);
		sched_yield();
	}
	rig_expect(DATA, 1, HEADER + CONN_SEND_AT);
	rig_expect(PEEK, 2, 20);
	assert_int_equal(rig.n_peeked, 1);
}

/* More messages in one system call than a turn has. */
static void a_turn_that_ends_is_followed_by_another(void **state)
{
	enum { N = 1900 };
	uint8_t m[N * HEADER];
	size_t n = 0;

	(void)state;
	for (uint16_t i = 0; i < N; i++)
		n += rig_make(m + n, ECHO, i, HEADER);
	rig_send(m, n);
	for (uint16_t i = 0; i < N; i++)
		rig_expect(ECHO, i, HEADER);
}

/* Small ones are queued as one: in their order with those that are not, or have data, or fill it up. */
static void small_replies_mix_with_large_ones(void **state)
{
	enum { N = 300 };
	autofree uint8_t *m = malloc(N * 400);
	size_t n = 0;

	(void)state;
	for (uint16_t i = 0; i < N; i++) {
		if (i % 37 == 5) {
			n += rig_make(m + n, DATA, i, HEADER + 4);
			rig_put_u32(m + n - 4, i * 10u);
		} else {
			n += rig_make(m + n, ECHO, i, HEADER + i);
		}
	}
	rig_send(m, n);
	for (uint16_t i = 0; i < N; i++)
		if (i % 37 == 5)
			rig_expect(DATA, i, HEADER + i * 10u);
		else
			rig_expect(ECHO, i, HEADER + i);
}

static struct frame *held_frame;

static void answer_held(struct task *t)
{
	(void)t;
	rig_answer(held_frame);
}

static void a_reply_from_elsewhere_in_the_loop_leaves_too(void **state)
{
	struct task t = {.run = answer_held};

	(void)state;
	rig_order(HOLD, 1, 30);
	RIG_WAIT_UNTIL(rig.n_held == 1);
	held_frame = rig_take_held();
	loop_post(rig.loop, &t);
	rig_expect(HOLD, 1, 30);
}

static void two_threads_do_not_mix_their_replies(void **state)
{
	bool seen[3000] = {false};

	(void)state;
	for (uint16_t base = 0; base < 3000; base += 100) {
		for (uint16_t i = 0; i < 100; i++)
			rig_order_data(i % 3 ? DATA_LATER : DATA, base + i, (uint32_t)i * 150);
		for (uint16_t i = 0; i < 100; i++) {
			uint16_t tag = rig_get().tag;
			assert_true(tag < 3000 && !seen[tag]);
			seen[tag] = true;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(replies_to_a_batch_leave_together),
		RIG_TEST(many_bytes_leave_before_the_batch_ends),
		RIG_TEST(small_replies_mix_with_large_ones),
		RIG_TEST(a_turn_that_ends_is_followed_by_another),
		RIG_TEST(a_reply_from_elsewhere_in_the_loop_leaves_too),
		RIG_TEST(two_threads_do_not_mix_their_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
