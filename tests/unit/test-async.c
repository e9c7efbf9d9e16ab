/* SPDX-License-Identifier: MIT */
/* The asynchronous client over a socket whose other end we hold. */
#include "cmocka-all.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "async.h"
#include "link.h"
#include "macros.h"
#include "msg.h"

struct rig {
	struct async *a;
	int peer;
};

struct seen {
	struct async_call call;
	int n, err;
	uint8_t type;
};

static void note(struct async_call *c, const struct msg *reply, int err)
{
	struct seen *s = container_of(c, struct seen, call);

	s->n++;
	s->err = err;
	s->type = reply ? reply->type : 0;
}

static struct rig start(unsigned depth)
{
	struct rig r;
	struct link *l;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(link_socket(fds[0], &l), 0);
	assert_int_equal(async_new(l, depth, &r.a), 0);
	r.peer = fds[1];
	return r;
}

static void stop(struct rig *r)
{
	async_free(r->a);
	close(r->peer);
}

static int send_clunk(struct rig *r, struct seen *s)
{
	struct msg m = {.type = Tclunk, .Tclunk.fid = 1};

	*s = (struct seen){.call.done = note};
	return async_send(r->a, &m, &s->call);
}

static void answer(struct rig *r, const struct msg *m)
{
	uint8_t buf[256];
	size_t n;

	assert_int_equal(msg_encode(m, buf, sizeof(buf), &n), 0);
	assert_int_equal(write(r->peer, buf, n), n);
}

static void replies_find_their_requests_in_any_order(void **state)
{
	struct rig r = start(4);
	struct seen a, b;

	(void)state;
	assert_int_equal(send_clunk(&r, &a), 0);
	assert_int_equal(send_clunk(&r, &b), 0);
	assert_int_equal(async_flush(r.a), 0);
	assert_int_equal(async_in_flight(r.a), 2);
	answer(&r, &(struct msg){.type = Rclunk, .tag = b.call.tag});
	assert_int_equal(async_wait(r.a, -1), 0);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.err, 0);
	assert_int_equal(a.n, 0);
	answer(&r, &(struct msg){.type = Rlerror, .tag = a.call.tag, .Rlerror.ecode = ENOENT});
	assert_int_equal(async_wait(r.a, -1), 0);
	assert_int_equal(a.err, -ENOENT);
	assert_int_equal(async_in_flight(r.a), 0);
	stop(&r);
}

static void the_depth_is_a_bound(void **state)
{
	struct rig r = start(1);
	struct seen a, b;

	(void)state;
	assert_int_equal(send_clunk(&r, &a), 0);
	assert_int_equal(send_clunk(&r, &b), -EAGAIN);
	assert_int_equal(async_flush(r.a), 0);
	answer(&r, &(struct msg){.type = Rclunk, .tag = a.call.tag});
	assert_int_equal(async_wait(r.a, -1), 0);
	assert_int_equal(send_clunk(&r, &b), 0);
	stop(&r);
}

static void a_reply_of_another_type_is_an_error(void **state)
{
	struct rig r = start(1);
	struct seen a;

	(void)state;
	send_clunk(&r, &a);
	async_flush(r.a);
	answer(&r, &(struct msg){.type = Rremove, .tag = a.call.tag});
	assert_int_equal(async_wait(r.a, -1), 0);
	assert_int_equal(a.err, -EPROTO);
	stop(&r);
}

static void a_reply_to_nothing_ends_all(void **state)
{
	struct rig r = start(2);
	struct seen a;

	(void)state;
	send_clunk(&r, &a);
	async_flush(r.a);
	answer(&r, &(struct msg){.type = Rclunk, .tag = 999});
	assert_int_equal(async_wait(r.a, -1), -EPROTO);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.type, 0);
	assert_int_equal(a.err, -EPROTO);
	stop(&r);
}

static void bytes_that_are_no_message_end_all(void **state)
{
	static const uint8_t bad[] = {3, 0, 0, 0, 0};
	struct rig r = start(2);
	struct seen a;

	(void)state;
	send_clunk(&r, &a);
	async_flush(r.a);
	assert_int_equal(write(r.peer, bad, sizeof(bad)), sizeof(bad));
	assert_int_equal(async_wait(r.a, -1), -EBADMSG);
	assert_int_equal(a.err, -EBADMSG);
	stop(&r);
}

static void a_server_that_goes_is_told(void **state)
{
	struct rig r = start(2);
	struct seen a;

	(void)state;
	send_clunk(&r, &a);
	async_flush(r.a);
	shutdown(r.peer, SHUT_RDWR);
	assert_int_equal(async_wait(r.a, -1), -ECONNRESET);
	assert_int_equal(a.err, -ECONNRESET);
	stop(&r);
}

static void a_message_may_come_byte_by_byte(void **state)
{
	struct rig r = start(1);
	struct seen a;
	uint8_t buf[64];
	size_t n;

	(void)state;
	send_clunk(&r, &a);
	async_flush(r.a);
	assert_int_equal(
		msg_encode(&(struct msg){.type = Rclunk, .tag = a.call.tag}, buf, sizeof(buf), &n),
		0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(a.n, 0);
		assert_int_equal(write(r.peer, buf + i, 1), 1);
		assert_int_equal(async_wait(r.a, -1), 0);
	}
	assert_int_equal(a.n, 1);
	stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_find_their_requests_in_any_order),
		cmocka_unit_test(the_depth_is_a_bound),
		cmocka_unit_test(a_reply_of_another_type_is_an_error),
		cmocka_unit_test(a_reply_to_nothing_ends_all),
		cmocka_unit_test(bytes_that_are_no_message_end_all),
		cmocka_unit_test(a_server_that_goes_is_told),
		cmocka_unit_test(a_message_may_come_byte_by_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
