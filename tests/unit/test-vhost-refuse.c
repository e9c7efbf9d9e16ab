/* SPDX-License-Identifier: MIT */
/* The vhost-user transport against a front end and a driver that break the rules: each of them
 * loses its own connection or device, and nobody else anything. */
#include "cmocka-all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo-device.h"
#include "logging.h"
#include "macros.h"
#include "msg.h"
#include "vhost-front.h"

#define NUM 128
#define NEEDS_RESET 0x40u

struct both {
	struct echo *e;
	struct front *f;
};

static struct both start(void)
{
	struct both b = {.e = echo_new(-1)};

	b.f = front_connect(b.e->path);
	front_start(b.f, NUM, 0);
	return b;
}

static void stop(struct both *b)
{
	front_free(b->f);
	echo_free(b->e);
}

static void make_t(uint8_t *p, uint8_t type, uint32_t size)
{
	memset(p, 0, MAX(size, 7u));
	memcpy(p, &size, sizeof(size));
	p[4] = type;
}

static void check_echo(struct front *f)
{
	uint8_t t[32], r[64];

	make_t(t, Tversion, sizeof(t));
	assert_int_equal(front_rpc(f, t, sizeof(t), r, sizeof(r)), sizeof(t));
}

/* A new front end is served as if nothing had been. */
static void check_next(struct both *b)
{
	front_free(b->f);
	b->f = front_connect(b->e->path);
	assert_non_null(b->f);
	front_start(b->f, NUM, 0);
	check_echo(b->f);
}

/* A message without an answer, and the connection's end. */
static bool is_ended(struct front *f)
{
	struct vu_message m;
	int r = front_recv(f, &m);

	return r == -ECONNRESET;
}

struct bad_message {
	const char *name;
	uint32_t request, flags, size;
	uint64_t u64[6]; /* the payload's start */
	unsigned n_fds;
};

#define V VU_VERSION

static const struct bad_message fatal[] = {
	{"version 0", VU_SET_STATUS, 0, 8, {0}, 0},
	{"version 2", VU_SET_STATUS, 2, 8, {0}, 0},
	{"a reply", VU_GET_STATUS, V | VU_FLAG_REPLY, 8, {0}, 0},
	{"too long", VU_SET_STATUS, V, 4096, {0}, 0},
	{"far too long", VU_SET_STATUS, V, UINT32_MAX, {0}, 0},
	{"request 0", 0, V, 0, {0}, 0},
	{"request of no meaning", 12345, V, 0, {0}, 0},
	{"the largest request", UINT32_MAX, V, 0, {0}, 0},
	{"SET_LOG_BASE, not offered", 6, V, 16, {0}, 1},
	{"GET_INFLIGHT_FD, not offered", 31, V, 20, {0}, 0},
	{"VRING_KICK, not offered", 35, V, 8, {0}, 0},
	{"no payload", VU_SET_FEATURES, V, 0, {0}, 0},
	{"long payload", VU_SET_FEATURES, V, 16, {0}, 0},
	{"unoffered feature", VU_SET_FEATURES, V, 8, {1ULL << 34}, 0},
	{"unoffered protocol feature", VU_SET_PROTOCOL_FEATURES, V, 8, {1ULL << 1}, 0},
	{"descriptor too many", VU_SET_STATUS, V, 8, {0}, 1},
	{"9 descriptors", VU_SET_MEM_TABLE, V, 8 + 32, {1}, 9},
	{"40 descriptors", VU_SET_MEM_TABLE, V, 8 + 32, {1}, 40},
	{"table of 9", VU_SET_MEM_TABLE, V, 264, {9}, 8},
	{"table of 2^32-1", VU_SET_MEM_TABLE, V, 264, {UINT32_MAX}, 0},
	{"table cut off", VU_SET_MEM_TABLE, V, 8 + 32, {2}, 2},
	{"table without descriptors", VU_SET_MEM_TABLE, V, 8 + 32, {1, 0, 4096, 0, 0}, 0},
	{"table with a spare one", VU_SET_MEM_TABLE, V, 8 + 32, {1, 0, 4096, 0, 0}, 2},
	{"table of an eventfd", VU_SET_MEM_TABLE, V, 8 + 32, {1, 0, 4096, 0, 0}, 1},
	{"slot without a descriptor", VU_ADD_MEM_REG, V, 40, {0, 0, 4096, 0, 0}, 0},
	{"slot of an eventfd", VU_ADD_MEM_REG, V, 40, {0, 0, 4096, 0, 0}, 1},
	{"removal of nothing", VU_REM_MEM_REG, V, 40, {0, 0, 4096, 0, 0}, 0},
	{"ring 1", VU_SET_VRING_NUM, V, 8, {1 | 128ULL << 32}, 0},
	{"ring 1's base", VU_GET_VRING_BASE, V, 8, {1}, 0},
	{"ring 1's kick", VU_SET_VRING_KICK, V, 8, {1}, 1},
	{"ring 255's call", VU_SET_VRING_CALL, V, 8, {255}, 1},
	{"ring 1's enable", VU_SET_VRING_ENABLE, V, 8, {1 | 1ULL << 32}, 0},
	{"NUM while it runs", VU_SET_VRING_NUM, V, 8, {128ULL << 32}, 0},
	{"BASE while it runs", VU_SET_VRING_BASE, V, 8, {0}, 0},
	{"ADDR while it runs", VU_SET_VRING_ADDR, V, 40, {0}, 0},
	{"enable 2", VU_SET_VRING_ENABLE, V, 8, {2ULL << 32}, 0},
	{"poll for kicks", VU_SET_VRING_KICK, V, 8, {0x100}, 0},
	{"kick without descriptor", VU_SET_VRING_KICK, V, 8, {0}, 0},
	{"kick with NO_FD and one", VU_SET_VRING_KICK, V, 8, {0x100}, 1},
	{"kick with bits", VU_SET_VRING_KICK, V, 8, {0x200}, 1},
	{"call without descriptor", VU_SET_VRING_CALL, V, 8, {0}, 0},
	{"err with 2", VU_SET_VRING_ERR, V, 8, {0}, 2},
	{"status of 9 bits", VU_SET_STATUS, V, 8, {0x100}, 0},
	{"channel without descriptor", VU_SET_BACKEND_REQ_FD, V, 0, {0}, 0},
	{"GET_CONFIG cut off", VU_GET_CONFIG, V, 8, {0}, 0},
	{"GET_CONFIG too long", VU_GET_CONFIG, V, 12 + 257, {0}, 0},
	{"RESET_DEVICE with payload", VU_RESET_DEVICE, V, 8, {0}, 0},
};

#undef V

static unsigned count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void send_bad(struct front *f, const struct bad_message *m)
{
	uint8_t payload[512] = {0};
	int fds[64];

	memcpy(payload, m->u64, sizeof(m->u64));
	for (unsigned i = 0; i < m->n_fds; i++)
		fds[i] = f->err_fd;
	assert_int_equal(front_send(f, m->request, m->flags, payload,
				    MIN(m->size, (uint32_t)sizeof(payload)), fds, m->n_fds),
			 0);
}

/* front_send writes the size that it sends: a lie needs a hand-made header. */
static void send_lie(struct front *f, const struct bad_message *m)
{
	const uint32_t h[3] = {m->request, m->flags, m->size};

	assert_int_equal(write(f->fd, h, sizeof(h)), sizeof(h));
}

static void a_bad_message_ends_the_connection(void **state)
{
	struct both b = start();
	unsigned before = count_fds();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++) {
		if (fatal[i].size > 512)
			send_lie(b.f, &fatal[i]);
		else
			send_bad(b.f, &fatal[i]);
		if (!is_ended(b.f))
			fail_msg("%s", fatal[i].name);
		check_next(&b);
		assert_int_equal(count_fds(), before);
	}
	stop(&b);
}

static void send_with_fds(struct front *f, const void *p, size_t n, unsigned n_fds)
{
	struct iovec part = {(void *)(uintptr_t)p, n};
	union {
		char bytes[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = CMSG_SPACE(n_fds * sizeof(int))};

	control.align = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS,
					 .cmsg_len = CMSG_LEN(n_fds * sizeof(int))};
	for (unsigned i = 0; i < n_fds; i++)
		memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &f->err_fd, sizeof(int));
	assert_int_equal(sendmsg(f->fd, &m, MSG_NOSIGNAL), n);
}

static void descriptors_of_one_message_cannot_add_up(void **state)
{
	const uint32_t h[3] = {VU_SET_MEM_TABLE, VU_VERSION, 8};
	struct both b = start();
	unsigned before = count_fds();

	(void)state;
	send_with_fds(b.f, h, 6, 6);
	send_with_fds(b.f, (const char *)h + 6, 6, 6);
	assert_true(is_ended(b.f));
	check_next(&b);
	assert_int_equal(count_fds(), before);
	stop(&b);
}

/* Those whose header is sound, with an answer asked for: it says no, and all goes on. */
static void a_refusal_can_be_answered(void **state)
{
	struct both b = start();
	unsigned answered = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++) {
		struct bad_message m = fatal[i];
		struct vu_message reply;

		if (m.flags != VU_VERSION || m.size > 512 || m.n_fds > 8)
			continue;
		if (m.request == VU_GET_VRING_BASE || m.request == VU_GET_CONFIG)
			continue; /* they have a reply of their own */
		m.flags |= VU_FLAG_NEED_REPLY;
		send_bad(b.f, &m);
		if (front_recv(b.f, &reply) || reply.header.request != m.request ||
		    reply.header.size != 8 || !reply.payload.u64)
			fail_msg("%s", m.name);
		answered++;
		if (m.request == VU_SET_VRING_KICK)
			front_ack_fd(b.f, VU_SET_VRING_KICK, 0, b.f->kick_fd);
		check_echo(b.f);
	}
	assert_in_range(answered, 30, 100);
	stop(&b);
}

static void features_must_be_negotiated_to_be_used(void **state)
{
	const uint32_t requests[] = {VU_GET_QUEUE_NUM, VU_GET_CONFIG,	VU_GET_MAX_MEM_SLOTS,
				     VU_GET_STATUS,    VU_RESET_DEVICE, VU_SET_BACKEND_REQ_FD};
	struct echo *e = echo_new(-1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct front *f = front_connect(e->path);
		uint8_t payload[16] = {0};
		uint32_t size = requests[i] == VU_GET_CONFIG ? 12 : 0;

		front_get_u64(f, VU_GET_FEATURES);
		front_send(f, requests[i], VU_VERSION | VU_FLAG_NEED_REPLY, payload, size, NULL, 0);
		assert_true(is_ended(f));
		front_free(f);
	}
	echo_free(e);
}

static bool is_signalled(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 120000) > 0;
}

/* The device is broken: it says so, its session is over, the connection lives; a reset mends it. */
static void check_broken(struct both *b)
{
	unsigned opened = b->e->opened;
	uint64_t status;

	assert_true(is_signalled(b->f->err_fd));
	echo_wait_closed(b->e, opened);
	status = front_get_u64(b->f, VU_GET_STATUS);
	assert_int_equal(status & NEEDS_RESET, NEEDS_RESET);
	assert_int_equal(front_ack_u64(b->f, VU_SET_STATUS, 0xf), 0);
	assert_int_equal(front_get_u64(b->f, VU_GET_STATUS), 0xf | NEEDS_RESET);
	assert_int_equal(front_ack(b->f, VU_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	assert_int_equal(front_get_u64(b->f, VU_GET_STATUS), 0);
	assert_int_equal(front_ack_u64(b->f, VU_SET_FEATURES, b->f->features), 0);
	front_place_ring(b->f, FRONT_MEM, NUM);
	assert_int_equal(front_start_ring(b->f, 0), 0);
	check_echo(b->f);
	assert_int_equal(b->e->opened, opened + 1);
}

static void a_driver_that_breaks_a_rule_loses_its_device(void **state)
{
	const struct vring_desc bad[] = {
		{FRONT_BUFFERS, 0, 0, 0},
		{0, 100, 0, 0},
		{FRONT_BUFFERS, 32, VRING_DESC_NEXT, NUM},
		{FRONT_BUFFERS, 32, VRING_DESC_NEXT, 50},
		{FRONT_BUFFERS, 17, VRING_DESC_INDIRECT, 0},
		{UINT64_MAX - 15, 16, VRING_DESC_INDIRECT, 0},
	};
	struct both b = start();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		check_echo(b.f);
		b.f->desc[50] = bad[i];
		front_offer(b.f, 50);
		front_kick_always(b.f);
		check_broken(&b);
	}
	b.f->avail->idx = (uint16_t)(b.f->avail->idx - 1);
	front_kick_always(b.f);
	check_broken(&b);
	check_next(&b);
	stop(&b);
}

struct bad_request {
	const char *name;
	uint32_t sent, size, room; /* bytes of the chain, the message's word, the reply's room */
	uint8_t type;
};

static void a_request_that_is_no_message_loses_the_device(void **state)
{
	const struct bad_request bad[] = {
		{"no room at all", 32, 32, 0, Tversion},
		{"no room for an error", 32, 32, 10, Tversion},
		{"no header", 6, 7, 64, Tversion},
		{"size 0", 32, 0, 64, Tversion},
		{"size 6", 32, 6, 64, Tversion},
		{"more than was sent", 32, 33, 64, Tversion},
		{"a huge size", 32, UINT32_MAX, 64, Tversion},
		{"a write of more than was sent", 32, 33, 64, Twrite},
		{"longer than msize", 8193, 8193, 64, Twrite},
	};
	struct echo *e = echo_new(-1);
	struct both b = {.e = e, .f = front_connect(e->path)};

	(void)state;
	e->msize = 8192;
	front_start(b.f, NUM, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct front_buf bufs[] = {{FRONT_BUFFERS, bad[i].sent, false},
						 {FRONT_BUFFERS + 0x10000, bad[i].room, true}};
		uint8_t *t = front_at(b.f, FRONT_BUFFERS);

		make_t(t, bad[i].type, 32);
		memcpy(t, &bad[i].size, sizeof(uint32_t));
		front_offer(b.f, front_fill(b.f, bufs, bad[i].room ? 2 : 1, 0));
		front_kick_always(b.f);
		check_broken(&b);
	}
	stop(&b);
}

static void a_message_of_64_kib_that_is_no_write_loses_the_device(void **state)
{
	const struct front_buf bufs[] = {{FRONT_BUFFERS, 65537, false},
					 {FRONT_BUFFERS + 0x20000, 64, true}};
	struct both b = start();

	(void)state;
	make_t(front_at(b.f, FRONT_BUFFERS), Tversion, 65537);
	front_offer(b.f, front_fill(b.f, bufs, 2, 0));
	front_kick(b.f);
	check_broken(&b);
	stop(&b);
}

static void the_server_may_give_a_session_up(void **state)
{
	const struct front_buf bufs[] = {{FRONT_BUFFERS, 32, false},
					 {FRONT_BUFFERS + 64, 64, true}};
	struct both b = start();

	(void)state;
	make_t(front_at(b.f, FRONT_BUFFERS), Tclunk, 32);
	/* The second one is not taken any more. */
	front_offer(b.f, front_fill(b.f, bufs, 2, 0));
	front_offer(b.f, front_fill(b.f, bufs, 2, 0));
	front_kick(b.f);
	check_broken(&b);
	stop(&b);
}

static void a_session_that_is_refused_breaks_the_device(void **state)
{
	struct echo *e = echo_new(-1);
	struct front *f = front_connect(e->path);

	(void)state;
	e->refuse = true;
	front_start(f, NUM, 0);
	assert_true(is_signalled(f->err_fd));
	assert_int_equal(front_get_u64(f, VU_GET_STATUS), NEEDS_RESET);
	front_free(f);
	e->refuse = false;
	f = front_connect(e->path);
	front_start(f, NUM, 0);
	check_echo(f);
	front_free(f);
	echo_free(e);
}

static void a_ring_outside_of_the_memory_breaks_the_device(void **state)
{
	struct both b = start();

	(void)state;
	check_echo(b.f);
	assert_int_equal(front_ack(b.f, VU_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	b.f->used_addr += 2 * FRONT_MEM_SIZE;
	assert_int_equal(front_start_ring(b.f, 0), 0);
	assert_true(is_signalled(b.f->err_fd));
	b.f->used_addr -= 2 * FRONT_MEM_SIZE;
	check_next(&b);
	stop(&b);
}

static void a_table_without_the_ring_breaks_the_device(void **state)
{
	struct both b = start();
	struct front_region first = b.f->regions[0];

	(void)state;
	check_echo(b.f);
	b.f->regions[0] = b.f->regions[1];
	b.f->n_regions = 1;
	assert_int_equal(front_send_table(b.f), 0);
	b.f->regions[0] = first;
	b.f->n_regions = 2;
	assert_true(is_signalled(b.f->err_fd));
	check_next(&b);
	stop(&b);
}

static void a_request_outlives_its_broken_device(void **state)
{
	const struct front_buf bufs[] = {{FRONT_BUFFERS, 32, false},
					 {FRONT_BUFFERS + 64, 64, true}};
	struct both b = start();
	struct vu_message m;

	(void)state;
	make_t(front_at(b.f, FRONT_BUFFERS), Tflush, 32);
	front_offer(b.f, front_fill(b.f, bufs, 2, 0));
	front_kick(b.f);
	echo_wait_held(b.e, 1);
	front_offer(b.f, 0xffff);
	front_kick_always(b.f);
	assert_true(is_signalled(b.f->err_fd));
	echo_wait_closed(b.e, 1);
	/* The reset waits for it: it may still write into the guest's memory. */
	assert_int_equal(
		front_send(b.f, VU_RESET_DEVICE, VU_VERSION | VU_FLAG_NEED_REPLY, NULL, 0, NULL, 0),
		0);
	echo_reply_held(b.e);
	assert_int_equal(front_recv(b.f, &m), 0);
	assert_int_equal(b.f->used->idx, 0);
	check_next(&b);
	stop(&b);
}

/* SIGBUS in the ring itself, or where the reply goes: on the ring's thread, or on another. */
static void memory_may_be_taken_away(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct both b = start();
		const struct front_buf bufs[] = {{FRONT_BUFFERS, 32, false},
						 {FRONT_MEM2 + 0x2000, 64, true}};
		uint8_t type = i == 2 ? Tflush : Tversion;

		check_echo(b.f);
		make_t(front_at(b.f, bufs[0].addr), type, 32);
		front_offer(b.f, front_fill(b.f, bufs, 2, 0));
		if (i == 2) {
			front_kick(b.f);
			echo_wait_held(b.e, 1);
		}
		assert_int_equal(ftruncate(b.f->regions[i != 0].fd, 0), 0);
		if (i == 2)
			echo_reply_held(b.e);
		else
			front_signal(b.f); /* our own mapping is gone too */
		assert_true(is_signalled(b.f->err_fd));
		assert_int_equal(front_get_u64(b.f, VU_GET_STATUS), NEEDS_RESET);
		check_next(&b);
		stop(&b);
	}
}

static void replies_that_nobody_reads_end_the_connection(void **state)
{
	struct both b = start();
	int r = 0;

	(void)state;
	for (int i = 0; i < 200000 && !r; i++) {
		struct pollfd p = {.fd = b.f->fd, .events = POLLOUT};

		poll(&p, 1, 120000);
		r = front_send(b.f, VU_GET_FEATURES, VU_VERSION, NULL, 0, NULL, 0);
	}
	assert_true(r == -EPIPE || r == -ECONNRESET);
	check_next(&b);
	stop(&b);
}

static int quiet(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_message_ends_the_connection),
		cmocka_unit_test(descriptors_of_one_message_cannot_add_up),
		cmocka_unit_test(a_refusal_can_be_answered),
		cmocka_unit_test(features_must_be_negotiated_to_be_used),
		cmocka_unit_test(a_driver_that_breaks_a_rule_loses_its_device),
		cmocka_unit_test(a_request_that_is_no_message_loses_the_device),
		cmocka_unit_test(a_message_of_64_kib_that_is_no_write_loses_the_device),
		cmocka_unit_test(the_server_may_give_a_session_up),
		cmocka_unit_test(a_session_that_is_refused_breaks_the_device),
		cmocka_unit_test(a_ring_outside_of_the_memory_breaks_the_device),
		cmocka_unit_test(a_table_without_the_ring_breaks_the_device),
		cmocka_unit_test(a_request_outlives_its_broken_device),
		cmocka_unit_test(memory_may_be_taken_away),
		cmocka_unit_test(replies_that_nobody_reads_end_the_connection),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
