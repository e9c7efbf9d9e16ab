/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "client.h"

struct pair {
	struct client *c;
	int server;
};

static int open_pair(void **state)
{
	static struct pair p;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return -1;
	p = (struct pair){client_new(fds[0]), fds[1]};
	*state = &p;
	return p.c ? 0 : -1;
}

static int close_pair(void **state)
{
	struct pair *p = *state;

	client_free(p->c);
	close(p->server);
	return 0;
}

static void answer(const struct pair *p, const char *text)
{
	char scratch[256];
	uint8_t buf[256];
	struct msg m;
	size_t n;

	assert_int_equal(msg_parse(text, scratch, sizeof(scratch), &m, NULL), 0);
	assert_int_equal(msg_encode(&m, buf, sizeof(buf), &n), 0);
	assert_int_equal(write(p->server, buf, n), n);
}

static void a_call_returns_the_reply(void **state)
{
	struct pair *p = *state;
	struct msg r, asked;
	uint8_t buf[64];
	ssize_t n;

	answer(p, "Rversion tag=65535 msize=4096 version=9P2000.L");
	assert_int_equal(
		client_callf(p->c, &r, "Tversion tag=65535 msize=%u version=%s", 8192u, "9P2000.L"),
		0);
	assert_int_equal(r.Rversion.msize, 4096);
	n = read(p->server, buf, sizeof(buf));
	assert_int_equal(msg_decode(buf, (size_t)n, 0, MSG_FROM_CLIENT, &asked), 0);
	assert_int_equal(asked.Tversion.msize, 8192);
}

static void an_rlerror_is_its_errno(void **state)
{
	struct msg r;

	answer(*state, "Rlerror tag=3 ecode=2");
	assert_int_equal(client_callf(((struct pair *)*state)->c, &r, "Tclunk tag=3 fid=1"),
			 -ENOENT);
	assert_int_equal(r.type, Rlerror);
}

static void a_reply_to_another_request_is_refused(void **state)
{
	struct pair *p = *state;
	struct msg r;

	answer(p, "Rclunk tag=4");
	assert_int_equal(client_callf(p->c, &r, "Tclunk tag=3 fid=1"), -EPROTO);
	answer(p, "Rremove tag=3");
	assert_int_equal(client_callf(p->c, &r, "Tclunk tag=3 fid=1"), -EPROTO);
}

static void the_end_of_the_stream_is_told_from_silence(void **state)
{
	struct pair *p = *state;
	struct msg m;

	client_set_timeout(p->c, 1);
	assert_int_equal(client_recv(p->c, &m), -ETIMEDOUT);
	shutdown(p->server, SHUT_WR);
	assert_int_equal(client_recv(p->c, &m), -ECONNRESET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_returns_the_reply),
		TEST(an_rlerror_is_its_errno),
		TEST(a_reply_to_another_request_is_refused),
		TEST(the_end_of_the_stream_is_told_from_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
