/* SPDX-License-Identifier: MIT */
/* What the tests of vhost-user have in common: an echo device, and a front end of ours on it. */
#ifndef TESTS_VHOST_KIT_H
#define TESTS_VHOST_KIT_H

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "echo-device.h"
#include "macros.h"
#include "msg.h"
#include "vhost-front.h"

#define NUM 128
#define BIT(n) (1ULL << (n))

struct both {
	struct echo *e;
	struct front *f;
};

static inline struct both start_num(uint16_t num, uint64_t without)
{
	struct both b = {.e = echo_new(-1)};

	b.f = front_connect(b.e->path);
	assert_non_null(b.f);
	front_start(b.f, num, without);
	return b;
}

static inline struct both start(void)
{
	return start_num(NUM, 0);
}

static inline void stop(struct both *b)
{
	front_free(b->f);
	echo_free(b->e);
}

/* A T-message of SIZE bytes at P: type and tag, then zeros. */
static inline void make_t(uint8_t *p, uint8_t type, uint32_t size)
{
	memset(p, 0, size);
	memcpy(p, &size, sizeof(size));
	p[4] = type;
	p[5] = 0x34;
	p[6] = 0x12;
}

static inline uint32_t get32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void check_echo(struct front *f)
{
	uint8_t t[40], r[64];

	make_t(t, Tversion, sizeof(t));
	memset(t + 7, 'x', sizeof(t) - 7);
	assert_int_equal(front_rpc(f, t, sizeof(t), r, sizeof(r)), sizeof(t));
	assert_int_equal(get32(r), sizeof(t));
	assert_int_equal(r[4], Rversion);
	assert_memory_equal(r + 5, t + 5, sizeof(t) - 5);
}

/* Offers a message of type TYPE without a kick, with its buffers in slot SLOT. */
static inline uint16_t offer(struct front *f, uint8_t type, unsigned slot)
{
	const struct front_buf bufs[] = {
		{FRONT_BUFFERS + slot * 128, 32, false},
		{FRONT_BUFFERS + slot * 128 + 64, 64, true},
	};
	uint16_t head = front_fill(f, bufs, 2, 0);

	make_t(front_at(f, bufs[0].addr), type, 32);
	front_offer(f, head);
	return head;
}

static inline uint16_t send_one(struct front *f, uint8_t type, unsigned slot)
{
	uint16_t head = offer(f, type, slot);

	front_kick(f);
	return head;
}

static inline void wait_used(struct front *f, uint32_t head, uint32_t len)
{
	struct vring_used_elem used;

	assert_true(front_wait(f, -1, &used));
	assert_int_equal(used.id, head);
	assert_int_equal(used.len, len);
}

/* Sends the N bytes at T in buffers of STEP bytes each from ADDR on, takes the reply likewise. */
static inline uint32_t rpc_in_steps(struct front *f, const uint8_t *t, uint32_t n, uint64_t addr,
				    uint32_t t_step, uint64_t r_addr, uint32_t room,
				    uint32_t r_step, uint64_t table)
{
	struct front_buf bufs[VQ_MAX_PARTS];
	struct vring_used_elem used;
	int k = 0;
	uint16_t head;

	for (uint32_t at = 0; at < n; at++)
		*(uint8_t *)front_at(f, addr + at) = t[at];
	for (uint32_t at = 0; at < n; at += t_step)
		bufs[k++] = (struct front_buf){addr + at, MIN(t_step, n - at), false};
	for (uint32_t at = 0; at < room; at += r_step)
		bufs[k++] = (struct front_buf){r_addr + at, MIN(r_step, room - at), true};
	head = front_fill(f, bufs, k, table);
	front_offer(f, head);
	front_kick(f);
	assert_true(front_wait(f, -1, &used));
	assert_int_equal(used.id, head);
	return used.len;
}

#endif
