/* SPDX-License-Identifier: MIT */
#include "vhost-slots.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "macros.h"
#include "vhost-front.h"

#define PAGE 4096u
#define DATA_PAGES (SLOT_DATA / PAGE)
/* Of a slot: request, reply, table, then the data's pages. */
#define AT_REPLY PAGE
#define AT_TABLE ((uint64_t)2 * PAGE)
#define AT_DATA ((uint64_t)3 * PAGE)
#define SLOT_SIZE (AT_DATA + (uint64_t)DATA_PAGES * PAGE)
#define MEM_ADDR 0x100000ULL
/* What we know how to use. */
#define FEATURES                                                       \
	(1ULL << VIRTIO_F_INDIRECT_DESC | 1ULL << VIRTIO_F_EVENT_IDX | \
	 1ULL << VU_F_PROTOCOL_FEATURES | 1ULL << VIRTIO_F_VERSION_1)
#define STRIDE 37u /* no divisor in common with DATA_PAGES: page i of the data is page i * 37 */

static uint64_t slot_addr(const struct vhost_slots *s, unsigned slot)
{
	return s->base + (uint64_t)slot * SLOT_SIZE;
}

static uint64_t data_page(const struct vhost_slots *s, unsigned slot, uint32_t i)
{
	return slot_addr(s, slot) + AT_DATA + (uint64_t)(i * STRIDE % DATA_PAGES) * PAGE;
}

void *slot_request(const struct vhost_slots *s, unsigned slot)
{
	return front_at(s->front, slot_addr(s, slot));
}

void *slot_reply(const struct vhost_slots *s, unsigned slot)
{
	return front_at(s->front, slot_addr(s, slot) + AT_REPLY);
}

void slot_put_data(const struct vhost_slots *s, unsigned slot, const void *p, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += PAGE)
		memcpy(front_at(s->front, data_page(s, slot, at / PAGE)), (const char *)p + at,
		       MIN(n - at, PAGE));
}

void slot_get_data(const struct vhost_slots *s, unsigned slot, void *p, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += PAGE)
		memcpy((char *)p + at, front_at(s->front, data_page(s, slot, at / PAGE)),
		       MIN(n - at, PAGE));
}

/* Descriptors for COUNT bytes of data. */
static int data_bufs(const struct vhost_slots *s, unsigned slot, uint32_t count, bool writable,
		     struct front_buf *bufs)
{
	int n = 0;

	for (uint32_t at = 0; at < count; at += PAGE)
		bufs[n++] = (struct front_buf){data_page(s, slot, at / PAGE), MIN(count - at, PAGE),
					       writable};
	return n;
}

void slot_offer(const struct vhost_slots *s, unsigned slot, const struct slot_sizes *z)
{
	struct front_buf bufs[DATA_PAGES + 2];
	uint64_t addr = slot_addr(s, slot);
	int n = 0;

	assert(slot < s->n && z->data_out <= SLOT_DATA && z->data_in <= SLOT_DATA);
	bufs[n++] = (struct front_buf){addr, z->request, false};
	n += data_bufs(s, slot, z->data_out, false, &bufs[n]);
	if (z->reply)
		bufs[n++] = (struct front_buf){addr + AT_REPLY, z->reply, true};
	n += data_bufs(s, slot, z->data_in, true, &bufs[n]);
	s->front->next_desc = (uint16_t)slot; /* a slot's entry of the ring is its own */
	front_offer(s->front, front_fill(s->front, bufs, n, addr + AT_TABLE));
}

/* The smallest power of two that has an entry for each slot. */
static uint16_t ring_size(unsigned n_slots)
{
	uint16_t n = 2;

	while (n < n_slots)
		n = (uint16_t)(n * 2);
	return n;
}

int vhost_slots_start(struct vhost_slots *s, struct front *f, unsigned n)
{
	uint16_t num = ring_size(n);
	uint64_t ring = (num * 32ULL + 2ULL * PAGE) / PAGE * PAGE;
	int r = front_negotiate(f, ~FEATURES);

	static_assert(AT_TABLE + (DATA_PAGES + 2) * sizeof(struct vring_desc) <= AT_DATA,
		      "a table fits its page");
	if (!r && !(f->features >> VIRTIO_F_INDIRECT_DESC & 1))
		return -EPROTONOSUPPORT;
	if (!r)
		r = front_add_region(f, MEM_ADDR, ring + (uint64_t)n * SLOT_SIZE, 0);
	if (!r)
		r = front_send_table(f);
	if (r)
		return r > 0 ? -EPROTO : r;
	*s = (struct vhost_slots){.front = f, .n = n, .base = MEM_ADDR + ring};
	front_place_ring(f, MEM_ADDR, num);
	r = front_start_ring(f, 0);
	return r > 0 ? -EPROTO : r;
}
