/* SPDX-License-Identifier: MIT */
/* The life of a vhost-user device: stop, pause, reset, other memory, front ends that come and go. */
#include "vhost-kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static unsigned count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void send_get_base(struct front *f)
{
	const uint32_t state[] = {0, 0};

	assert_int_equal(
		front_send(f, VU_GET_VRING_BASE, VU_VERSION, state, sizeof(state), NULL, 0), 0);
}

static uint32_t recv_base(struct front *f)
{
	struct vu_message m;

	assert_int_equal(front_recv(f, &m), 0);
	assert_int_equal(m.header.request, VU_GET_VRING_BASE);
	assert_int_equal(m.header.size, 8);
	return m.payload.vring.num;
}

static bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 50) > 0;
}

static void a_stop_waits_for_requests_in_flight(void **state)
{
	struct both b = start();
	uint16_t slow = send_one(b.f, Tflush, 0);

	(void)state;
	echo_wait_held(b.e, 1);
	send_get_base(b.f);
	assert_false(is_readable(b.f->fd));
	assert_int_equal(b.f->used->idx, 0);
	echo_reply_held(b.e);
	assert_int_equal(recv_base(b.f), 1);
	wait_used(b.f, slow, 7);
	stop(&b);
}

static void a_front_end_may_leave_while_it_waits_for_a_stop(void **state)
{
	struct both b = start();

	(void)state;
	send_one(b.f, Tflush, 0);
	echo_wait_held(b.e, 1);
	send_get_base(b.f);
	front_free(b.f);
	echo_wait_closed(b.e, 1);
	echo_reply_held(b.e);
	b.f = front_connect(b.e->path);
	front_start(b.f, NUM, 0);
	check_echo(b.f);
	stop(&b);
}

static void a_pause_keeps_the_session(void **state)
{
	struct both b = start();

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		check_echo(b.f);
	for (int pause = 0; pause < 3; pause++) {
		uint32_t base;
		uint16_t before;

		assert_int_equal(front_ack_vring(b.f, VU_SET_VRING_ENABLE, 0, 0), 0);
		send_get_base(b.f);
		base = recv_base(b.f);
		assert_int_equal(base, b.f->avail->idx);
		assert_int_equal(front_ack_u64(b.f, VU_SET_STATUS, 0), 0);
		before = offer(b.f, Tversion, 0);
		front_kick_always(b.f);
		assert_int_equal(front_start_ring(b.f, (uint16_t)base), 0);
		wait_used(b.f, before, 32);
		check_echo(b.f);
	}
	assert_int_equal(b.e->opened, 1);
	stop(&b);
}

static void a_reset_ends_the_session(void **state)
{
	struct both b = start();

	(void)state;
	send_one(b.f, Tflush, 0);
	echo_wait_held(b.e, 1);
	assert_int_equal(
		front_send(b.f, VU_RESET_DEVICE, VU_VERSION | VU_FLAG_NEED_REPLY, NULL, 0, NULL, 0),
		0);
	assert_false(is_readable(b.f->fd));
	echo_reply_held(b.e);
	for (int i = 0; i < 2; i++) {
		struct vu_message m;

		if (i == 0) {
			assert_int_equal(front_recv(b.f, &m), 0);
			assert_int_equal(m.payload.u64, 0);
		} else {
			assert_int_equal(front_ack(b.f, VU_RESET_DEVICE, NULL, 0, NULL, 0), 0);
		}
		echo_wait_closed(b.e, (unsigned)i + 1);
		assert_int_equal(front_ack_u64(b.f, VU_SET_FEATURES, b.f->features), 0);
		front_place_ring(b.f, FRONT_MEM, NUM);
		assert_int_equal(front_start_ring(b.f, 0), 0);
		check_echo(b.f);
		assert_int_equal(b.e->opened, (unsigned)i + 2);
	}
	stop(&b);
}

static void memory_may_be_replaced_under_a_request(void **state)
{
	struct both b = start();
	uint16_t slow = send_one(b.f, Tflush, 0);

	(void)state;
	echo_wait_held(b.e, 1);
	/* The same guest memory mapped anew, then the ring's region alone. */
	assert_int_equal(front_send_table(b.f), 0);
	b.f->n_regions = 1;
	assert_int_equal(front_send_table(b.f), 0);
	b.f->n_regions = 2;
	echo_reply_held(b.e);
	wait_used(b.f, slow, 7);
	check_echo(b.f);
	stop(&b);
}

static int send_slot(struct front *f, uint32_t request, unsigned i, unsigned n_fds)
{
	union vu_payload p = {.slot = {.region = f->regions[i].r}};

	return front_ack(f, request, &p, sizeof(p.slot), &f->regions[i].fd, n_fds);
}

static void memory_comes_and_goes_by_slots(void **state)
{
	struct both b = start();
	const uint64_t addr = FRONT_MEM2 + FRONT_MEM_SIZE;
	uint8_t t[32];

	(void)state;
	front_add_region(b.f, addr, 0x10000, 0x2345000);
	assert_int_equal(send_slot(b.f, VU_ADD_MEM_REG, 2, 1), 0);
	assert_int_equal(send_slot(b.f, VU_ADD_MEM_REG, 2, 1), 1);
	assert_int_equal(send_slot(b.f, VU_REM_MEM_REG, 1, 1), 0);
	assert_int_equal(send_slot(b.f, VU_REM_MEM_REG, 1, 0), 1);
	make_t(t, Tversion, sizeof(t));
	assert_int_equal(rpc_in_steps(b.f, t, sizeof(t), addr, 3, addr + 0xf000, 100, 7, 0), 32);
	assert_int_equal(send_slot(b.f, VU_ADD_MEM_REG, 1, 1), 0);
	assert_int_equal(
		rpc_in_steps(b.f, t, sizeof(t), FRONT_MEM2, 3, FRONT_MEM2 + 0x100, 100, 7, 0), 32);
	stop(&b);
}

static void a_second_front_end_waits_for_the_first(void **state)
{
	struct both b = start();
	struct front *second = front_connect(b.e->path);

	(void)state;
	assert_non_null(second);
	assert_int_equal(front_send(second, VU_GET_FEATURES, VU_VERSION, NULL, 0, NULL, 0), 0);
	assert_false(is_readable(second->fd));
	check_echo(b.f);
	front_free(b.f);
	b.f = second;
	assert_true(front_get_u64(b.f, VU_GET_FEATURES)); /* the first answer */
	{
		struct vu_message m;

		assert_int_equal(front_recv(b.f, &m), 0);
	}
	front_start(b.f, NUM, 0);
	check_echo(b.f);
	assert_int_equal(b.e->opened, 2);
	stop(&b);
}

static void a_front_end_may_leave_at_any_time(void **state)
{
	unsigned before = count_fds();
	struct echo *e = echo_new(-1);

	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		struct front *f = front_connect(e->path);

		front_start(f, NUM, 0);
		check_echo(f);
		if (i % 2) {
			send_one(f, Tflush, 0);
			echo_wait_held(e, 1);
		}
		front_free(f);
		if (i % 2) {
			echo_wait_closed(e, i + 1);
			echo_reply_held(e);
		}
	}
	echo_free(e);
	assert_int_equal(count_fds(), before);
}

static void an_inherited_connection_is_served_to_its_end(void **state)
{
	struct both b;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	b.e = echo_new(fds[0]);
	b.f = front_new(fds[1]);
	front_start(b.f, NUM, 0);
	check_echo(b.f);
	front_free(b.f);
	echo_wait_ended(b.e); /* on_end stopped the loop */
	echo_free(b.e);
}

/* As virtio_uml does it: a table of 72 bytes, a socket to call, an eventfd to kick, no stop. */
static void uml_is_served(void **state)
{
	struct echo *e = echo_new(-1);
	struct front *f = front_connect(e->path);
	union vu_payload p = {.table = {.n = 1}};
	int call[2], req[2];

	(void)state;
	front_negotiate(f, BIT(VIRTIO_F_EVENT_IDX));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, req), 0);
	assert_int_equal(front_ack(f, VU_SET_BACKEND_REQ_FD, NULL, 0, &req[1], 1), 0);
	front_add_region(f, FRONT_MEM, FRONT_MEM_SIZE, 0x5000);
	p.table.at[0] = f->regions[0].r;
	assert_int_equal(front_ack(f, VU_SET_MEM_TABLE, &p, 72, &f->regions[0].fd, 1), 0);
	front_place_ring(f, FRONT_MEM, 256);
	assert_int_equal(front_start_ring(f, 0), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, call), 0);
	assert_int_equal(front_ack_fd(f, VU_SET_VRING_CALL, 0, call[1]), 0);
	close(f->call_fd);
	f->call_fd = call[0];
	close(call[1]);
	fcntl(f->call_fd, F_SETFL, O_NONBLOCK);
	check_echo(f);
	assert_int_equal(front_ack_vring(f, VU_SET_VRING_ENABLE, 0, 0), 0);
	front_get_u64(f, VU_GET_FEATURES);
	/* The driver is bound again. */
	front_place_ring(f, FRONT_MEM, 256);
	assert_int_equal(front_start_ring(f, 0), 0);
	check_echo(f);
	/* Its end of the call socket is gone, and requests go on. */
	close(f->call_fd);
	f->call_fd = -1;
	for (unsigned i = 0; i < 3; i++) {
		uint16_t before = f->next_used;

		offer(f, Tversion, i);
		front_kick_always(f);
		while (__atomic_load_n(&f->used->idx, __ATOMIC_SEQ_CST) !=
		       (uint16_t)(before + i + 1))
			;
	}
	front_free(f);
	close(req[0]);
	close(req[1]);
	echo_free(e);
}

static void a_kick_may_be_a_pipe(void **state)
{
	struct both b = start();
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(front_ack_fd(b.f, VU_SET_VRING_KICK, 0, ends[0]), 0);
	close(ends[0]);
	close(b.f->kick_fd);
	b.f->kick_fd = ends[1];
	for (int i = 0; i < 20000; i++)
		front_kick_always(b.f); /* would block if nobody read it */
	check_echo(b.f);
	stop(&b);
}

static void a_message_may_come_in_pieces(void **state)
{
	struct both b = start();
	struct vu_header h = {.request = VU_GET_STATUS, .flags = VU_VERSION};
	struct vu_header s = {.request = VU_SET_STATUS, .flags = VU_VERSION, .size = 8};
	uint64_t status = 7;
	struct vu_message m;
	uint8_t bytes[12 + 8 + 12];

	(void)state;
	memcpy(bytes, &s, 12);
	memcpy(bytes + 12, &status, 8);
	memcpy(bytes + 20, &h, 12);
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(write(b.f->fd, bytes + i, 1), 1);
	assert_int_equal(front_recv(b.f, &m), 0);
	assert_int_equal(m.payload.u64, 7);
	assert_int_equal(write(b.f->fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(front_recv(b.f, &m), 0);
	stop(&b);
}

static void a_device_that_cannot_be_is_refused(void **state)
{
	const char *const tags[] = {"", "a tag of more than thirty-two bytes, this one"};
	struct handler h = {0};
	struct loop *l;
	struct vhost_user *vu;

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		struct vhost_user_config cfg = {.socket_path = "/tmp/no", .tag = tags[i]};
		char *why = NULL;

		assert_int_equal(vhost_user_new(l, &cfg, &h, &vu, &why), -EINVAL);
		assert_non_null(why);
		free(why);
	}
	{
		struct vhost_user_config cfg = {.socket_path = "/nowhere/at/all", .tag = "x"};
		char *why = NULL;

		assert_int_equal(vhost_user_new(l, &cfg, &h, &vu, &why), -ENOENT);
		free(why);
	}
	{
		struct vhost_user_config cfg = {.fd = 4711, .tag = "x"};
		char *why = NULL;

		assert_int_equal(vhost_user_new(l, &cfg, &h, &vu, &why), -EBADF);
		free(why);
	}
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stop_waits_for_requests_in_flight),
		cmocka_unit_test(a_front_end_may_leave_while_it_waits_for_a_stop),
		cmocka_unit_test(a_pause_keeps_the_session),
		cmocka_unit_test(a_reset_ends_the_session),
		cmocka_unit_test(memory_may_be_replaced_under_a_request),
		cmocka_unit_test(memory_comes_and_goes_by_slots),
		cmocka_unit_test(a_second_front_end_waits_for_the_first),
		cmocka_unit_test(a_front_end_may_leave_at_any_time),
		cmocka_unit_test(an_inherited_connection_is_served_to_its_end),
		cmocka_unit_test(uml_is_served),
		cmocka_unit_test(a_kick_may_be_a_pipe),
		cmocka_unit_test(a_message_may_come_in_pieces),
		cmocka_unit_test(a_device_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
