/* SPDX-License-Identifier: MIT */
/* The vhost-user transport against a front end of ours: what a well-behaved one sees. */
#include "vhost-kit.h"

#include <stdlib.h>
#include <sys/eventfd.h>

#define TABLE (FRONT_MEM + 0x80000)
#define R_BUF (FRONT_BUFFERS + 0x100000)

static void a_device_says_what_it_can(void **state)
{
	struct echo *e = echo_new(-1);
	struct front *f = front_connect(e->path);
	uint64_t features = front_get_u64(f, VU_GET_FEATURES);

	(void)state;
	assert_int_equal(features, BIT(0) | BIT(28) | BIT(29) | BIT(30) | BIT(32));
	front_negotiate(f, 0);
	assert_int_equal(f->protocol_features,
			 BIT(0) | BIT(3) | BIT(5) | BIT(9) | BIT(13) | BIT(15) | BIT(16));
	assert_int_equal(front_get_u64(f, VU_GET_QUEUE_NUM), 1);
	assert_in_range(front_get_u64(f, VU_GET_MAX_MEM_SLOTS), 32, 509);
	assert_int_equal(front_get_u64(f, VU_GET_STATUS), 0);
	assert_int_equal(front_ack_u64(f, VU_SET_STATUS, 0xf), 0);
	assert_int_equal(front_get_u64(f, VU_GET_STATUS), 0xf);
	assert_int_equal(front_ack(f, VU_RESET_OWNER, NULL, 0, NULL, 0), 0);
	front_free(f);
	echo_free(e);
	assert_string_equal(vhost_user_capabilities(), "{\"type\": \"9p\", \"features\": []}\n");
}

static void get_config(struct front *f, uint32_t offset, uint32_t size, struct vu_message *ret_m)
{
	union vu_payload p = {.config = {.offset = offset, .size = size}};

	assert_int_equal(front_call(f, VU_GET_CONFIG, &p, 12 + MIN(size, 256u), ret_m), 0);
}

/* UML asks for 2, 3, 4 ... bytes, QEMU for the whole area. */
static void the_configuration_space_is_the_tag(void **state)
{
	const uint8_t want[] = {5, 0, 's', 'h', 'a', 'r', 'e', 0};
	struct both b = start();
	struct vu_message m;

	(void)state;
	for (uint32_t size = 0; size <= 256; size++) {
		get_config(b.f, 0, size, &m);
		assert_int_equal(m.header.size, 12 + size);
		assert_int_equal(m.payload.config.size, size);
		assert_memory_equal(m.payload.config.bytes, want, MIN(size, sizeof(want)));
	}
	assert_int_equal(m.payload.config.bytes[255], 0);
	get_config(b.f, 3, 4, &m);
	assert_memory_equal(m.payload.config.bytes, "hare", 4);
	get_config(b.f, 1, 256, &m);
	assert_int_equal(m.header.size, 0);
	get_config(b.f, UINT32_MAX, 2, &m);
	assert_int_equal(m.header.size, 0);
	get_config(b.f, 0, 257, &m);
	assert_int_equal(m.header.size, 0);
	stop(&b);
}

static void the_configuration_space_is_read_only(void **state)
{
	union vu_payload p = {.config = {.size = 2, .bytes = {9, 9}}};
	struct both b = start();
	struct vu_message m;

	(void)state;
	assert_int_equal(front_ack(b.f, VU_SET_CONFIG, &p, 14, NULL, 0), 1);
	/* Without an answer it must not end the connection: the guest can make it happen. */
	assert_int_equal(front_send(b.f, VU_SET_CONFIG, VU_VERSION, &p, 14, NULL, 0), 0);
	get_config(b.f, 0, 2, &m);
	assert_int_equal(m.payload.config.bytes[0], 5);
	stop(&b);
}

static void a_request_is_answered(void **state)
{
	const uint64_t without[] = {0, BIT(VIRTIO_F_EVENT_IDX), BIT(VIRTIO_F_INDIRECT_DESC)};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(without); i++) {
		struct both b = start_num(NUM, without[i]);

		for (int k = 0; k < 1000; k++)
			check_echo(b.f);
		assert_int_equal(b.e->opened, 1);
		stop(&b);
	}
}

static void any_split_of_a_message_is_the_same_message(void **state)
{
	struct both b = start();
	uint8_t t[100];

	(void)state;
	make_t(t, Tversion, sizeof(t));
	for (unsigned i = 7; i < sizeof(t); i++)
		t[i] = (uint8_t)i;
	for (uint32_t step = 1; step < 50; step++) {
		const uint64_t r_addr = FRONT_MEM2 - 57;
		uint32_t len = rpc_in_steps(b.f, t, sizeof(t), FRONT_MEM2 + 0x1000, step, r_addr,
					    120, step, TABLE);

		assert_int_equal(len, sizeof(t));
		for (unsigned i = 7; i < sizeof(t); i++)
			assert_int_equal(*(uint8_t *)front_at(b.f, r_addr + i), i);
	}
	stop(&b);
}

static void make_read(uint8_t *t, uint32_t offset, uint32_t count)
{
	make_t(t, Tread, 23);
	memcpy(t + 11, &offset, sizeof(offset));
	memcpy(t + 19, &count, sizeof(count));
}

/* As the Linux driver does: an 11-byte header, and then pages. */
static void file_data_goes_into_the_guests_pages(void **state)
{
	struct both b = start();
	const uint32_t count = 124 * 4096;
	struct front_buf bufs[126] = {{FRONT_BUFFERS, 23, false}, {FRONT_BUFFERS + 64, 11, true}};
	struct vring_used_elem used;

	(void)state;
	/* Every second page from below the border of the regions on. */
	for (unsigned i = 0; i < 124; i++)
		bufs[2 + i] = (struct front_buf){FRONT_MEM2 - 300000 + i * 8192, 4096, true};
	make_read(front_at(b.f, FRONT_BUFFERS), 12345, count);
	front_offer(b.f, front_fill(b.f, bufs, ARRAY_SIZE(bufs), 0));
	front_kick(b.f);
	assert_true(front_wait(b.f, -1, &used));
	assert_int_equal(used.len, 11 + count);
	assert_int_equal(get32(front_at(b.f, FRONT_BUFFERS + 64)), 11 + count);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *p = front_at(b.f, bufs[2 + i / 4096].addr + i % 4096);

		assert_int_equal(*p, echo_byte(12345 + i));
	}
	stop(&b);
}

static void a_read_of_any_shape_is_right(void **state)
{
	struct both b = start();

	(void)state;
	for (uint32_t step = 1; step < 40; step++) {
		const uint64_t r_addr = FRONT_MEM2 - 100;
		uint8_t t[23];
		uint32_t len;

		make_read(t, step, 300);
		len = rpc_in_steps(b.f, t, sizeof(t), FRONT_BUFFERS, 5, r_addr, 311, step, TABLE);
		assert_int_equal(len, 311);
		for (unsigned i = 0; i < 300; i++)
			assert_int_equal(*(uint8_t *)front_at(b.f, r_addr + 11 + i),
					 echo_byte(step + i));
	}
	stop(&b);
}

static void a_read_of_more_than_the_room_is_refused(void **state)
{
	struct both b = start();
	uint8_t t[23], r[100];

	(void)state;
	make_read(t, 0, 90);
	/* The server was told -EMSGSIZE, and answered with nothing. */
	assert_int_equal(front_rpc(b.f, t, sizeof(t), r, sizeof(r)), 11);
	make_read(t, 0, 89);
	assert_int_equal(front_rpc(b.f, t, sizeof(t), r, sizeof(r)), 100);
	stop(&b);
}

static void the_data_of_a_write_stays_in_place(void **state)
{
	struct both b = start();

	(void)state;
	for (uint32_t step = 1; step < 200; step += 11) {
		uint8_t t[1023];
		uint32_t sum = 0;

		make_t(t, Twrite, sizeof(t));
		for (unsigned i = 23; i < sizeof(t); i++)
			sum += t[i] = (uint8_t)(i * step);
		assert_int_equal(rpc_in_steps(b.f, t, sizeof(t), FRONT_MEM2 - 500, step,
					      FRONT_BUFFERS, 11, 11, TABLE),
				 11);
		assert_int_equal(get32(front_at(b.f, FRONT_BUFFERS + 7)), sum);
	}
	stop(&b);
}

static void a_long_message_is_copied_whole(void **state)
{
	struct both b = start();
	uint8_t *t = malloc(65536), *r = malloc(65536);

	(void)state;
	for (uint32_t size = 500; size <= 65536; size = size < 530 ? size + 1 : size * 2 - 4) {
		make_t(t, Tversion, size);
		t[size - 1] = 0x77;
		assert_int_equal(front_rpc(b.f, t, size, r, 65536), size);
		assert_int_equal(r[size - 1], 0x77);
	}
	free(t);
	free(r);
	stop(&b);
}

static void a_reply_that_does_not_fit_is_an_error(void **state)
{
	struct both b = start();
	uint8_t t[40], r[11];

	(void)state;
	make_t(t, Tversion, sizeof(t));
	assert_int_equal(front_rpc(b.f, t, sizeof(t), r, sizeof(r)), 11);
	assert_int_equal(r[4], Rlerror);
	assert_int_equal(r[5], 0x34);
	assert_int_equal(get32(r + 7), EMSGSIZE);
	stop(&b);
}

static void what_waits_before_the_start_is_found(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		struct both b = start();

		assert_int_equal(front_ack_vring(b.f, VU_SET_VRING_ENABLE, 0, 0), 0);
		offer(b.f, Tversion, 0);
		if (order)
			front_kick_always(b.f);
		assert_int_equal(front_count_calls(b.f), 0);
		assert_int_equal(b.f->used->idx, 0);
		assert_int_equal(front_ack_vring(b.f, VU_SET_VRING_ENABLE, 0, 1), 0);
		wait_used(b.f, 0, 32);
		check_echo(b.f);
		stop(&b);
	}
}

static void a_ring_that_is_enabled_starts_with_its_kick_descriptor(void **state)
{
	struct echo *e = echo_new(-1);
	struct front *f = front_connect(e->path);
	union vu_payload p = {0};
	int kick = eventfd(0, EFD_NONBLOCK);

	(void)state;
	front_negotiate(f, 0);
	front_add_region(f, FRONT_MEM, FRONT_MEM_SIZE, 0x3000);
	front_place_ring(f, FRONT_MEM, NUM);
	offer(f, Tversion, 0);
	p.addr.desc = f->desc_addr + FRONT_USER_OFFSET;
	p.addr.avail = f->avail_addr + FRONT_USER_OFFSET;
	p.addr.used = f->used_addr + FRONT_USER_OFFSET;
	assert_int_equal(front_ack_vring(f, VU_SET_VRING_ENABLE, 0, 1), 0);
	assert_int_equal(front_send_table(f), 0);
	assert_int_equal(front_ack_vring(f, VU_SET_VRING_NUM, 0, NUM), 0);
	assert_int_equal(front_ack(f, VU_SET_VRING_ADDR, &p, 40, NULL, 0), 0);
	assert_int_equal(f->used->idx, 0);
	assert_int_equal(front_ack_fd(f, VU_SET_VRING_KICK, 0, kick), 0);
	assert_int_equal(__atomic_load_n(&f->used->idx, __ATOMIC_SEQ_CST), 1);
	/* A call descriptor that comes late hears of what went out before. */
	f->call_fd = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(front_ack_fd(f, VU_SET_VRING_CALL, 0, f->call_fd), 0);
	assert_int_equal(front_count_calls(f), 1);
	close(kick);
	front_free(f);
	echo_free(e);
}

static void without_protocol_features_a_ring_is_enabled(void **state)
{
	struct both b = start_num(NUM, BIT(VU_F_PROTOCOL_FEATURES));

	(void)state;
	check_echo(b.f);
	stop(&b);
}

static void a_batch_has_one_notification(void **state)
{
	const uint64_t without[] = {0, BIT(VIRTIO_F_EVENT_IDX)};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(without); i++) {
		struct both b = start_num(NUM, without[i]);
		uint16_t heads[50];

		check_echo(b.f);
		front_count_calls(b.f);
		for (unsigned k = 0; k < ARRAY_SIZE(heads); k++)
			heads[k] = offer(b.f, Tversion, k);
		front_kick_always(b.f);
		for (unsigned k = 0; k < ARRAY_SIZE(heads); k++)
			wait_used(b.f, heads[k], 32);
		/* At most one: it may have been heard while waiting. */
		assert_in_range(front_count_calls(b.f), 0, 1);
		/* A handshake behind it: no more can come. */
		front_get_u64(b.f, VU_GET_FEATURES);
		assert_int_equal(front_count_calls(b.f), 0);
		stop(&b);
	}
}

static void the_driver_can_ask_for_a_later_notification(void **state)
{
	struct both b = start();
	uint16_t *used_event = &b.f->avail->ring[NUM];

	(void)state;
	check_echo(b.f);
	front_count_calls(b.f);
	*used_event = 10; /* of used entries 1 to 10 tell only the last */
	for (unsigned k = 1; k <= 10; k++) {
		offer(b.f, Tversion, k);
		front_kick_always(b.f);
		while (__atomic_load_n(&b.f->used->idx, __ATOMIC_SEQ_CST) != k + 1)
			;
		front_get_u64(b.f, VU_GET_FEATURES);
		assert_int_equal(front_count_calls(b.f), k == 10);
	}
	stop(&b);
}

/* More than one batch, more than the frames: the ring is larger than both. */
static void a_full_ring_is_worked_off(void **state)
{
	struct both b = start_num(2048, 0);

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (unsigned k = 0; k < 1024; k++)
			offer(b.f, Tversion, k);
		front_kick(b.f);
		for (unsigned k = 0; k < 1024; k++) {
			struct vring_used_elem used;

			assert_true(front_wait(b.f, -1, &used));
			assert_int_equal(used.len, 32);
		}
	}
	stop(&b);
}

static void more_requests_than_frames_wait_for_frames(void **state)
{
	const unsigned n = 1030, frames = 1024;
	struct both b = start_num(4096, 0);

	(void)state;
	for (unsigned k = 0; k < n; k++)
		offer(b.f, Tflush, k);
	front_kick(b.f);
	echo_wait_held(b.e, frames);
	/* Until the device has seen that it has no frame left. */
	for (int i = 0; i < 5; i++)
		front_get_u64(b.f, VU_GET_FEATURES);
	for (unsigned k = 0; k < n - frames; k++)
		echo_reply_held(b.e);
	echo_wait_held(b.e, frames);
	for (unsigned k = 0; k < frames; k++)
		echo_reply_held(b.e);
	for (unsigned k = 0; k < n; k++)
		wait_used(b.f, 2 * k, 7);
	stop(&b);
}

static void replies_of_other_threads_come_in_any_order(void **state)
{
	struct both b = start();
	uint16_t slow1 = send_one(b.f, Tflush, 0), slow2 = send_one(b.f, Tflush, 1);
	uint16_t fast = send_one(b.f, Tversion, 2);

	(void)state;
	wait_used(b.f, fast, 32);
	echo_wait_held(b.e, 2);
	echo_reply_held(b.e);
	wait_used(b.f, slow1, 7);
	echo_reply_held(b.e);
	wait_used(b.f, slow2, 7);
	stop(&b);
}

static void a_dropped_request_gives_its_chain_back_empty(void **state)
{
	struct both b = start();
	uint16_t head = send_one(b.f, Tflush, 0);

	(void)state;
	echo_wait_held(b.e, 1);
	echo_drop_held(b.e);
	wait_used(b.f, head, 0);
	check_echo(b.f);
	stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_says_what_it_can),
		cmocka_unit_test(the_configuration_space_is_the_tag),
		cmocka_unit_test(the_configuration_space_is_read_only),
		cmocka_unit_test(a_request_is_answered),
		cmocka_unit_test(any_split_of_a_message_is_the_same_message),
		cmocka_unit_test(file_data_goes_into_the_guests_pages),
		cmocka_unit_test(a_read_of_any_shape_is_right),
		cmocka_unit_test(a_read_of_more_than_the_room_is_refused),
		cmocka_unit_test(the_data_of_a_write_stays_in_place),
		cmocka_unit_test(a_long_message_is_copied_whole),
		cmocka_unit_test(a_reply_that_does_not_fit_is_an_error),
		cmocka_unit_test(what_waits_before_the_start_is_found),
		cmocka_unit_test(a_ring_that_is_enabled_starts_with_its_kick_descriptor),
		cmocka_unit_test(without_protocol_features_a_ring_is_enabled),
		cmocka_unit_test(a_batch_has_one_notification),
		cmocka_unit_test(the_driver_can_ask_for_a_later_notification),
		cmocka_unit_test(a_full_ring_is_worked_off),
		cmocka_unit_test(more_requests_than_frames_wait_for_frames),
		cmocka_unit_test(replies_of_other_threads_come_in_any_order),
		cmocka_unit_test(a_dropped_request_gives_its_chain_back_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
