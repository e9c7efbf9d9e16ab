/* SPDX-License-Identifier: MIT */
#include "virtqueue.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest-memory.h"
#include "macros.h"

_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "rings are little-endian, and so are we");
_Static_assert(sizeof(struct vring_desc) == 16, "as in the specification");

/* 16 bits that the driver writes or reads at the same time. Sequentially consistent: each side
 * stores its own word and then loads the other's, and at least one of them must see the other. */
static uint16_t load(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void store(uint16_t *p, uint16_t value)
{
	__atomic_store_n(p, value, __ATOMIC_SEQ_CST);
}

static int fail(struct virtqueue *vq, int err, const char *why)
{
	vq->why = why;
	return err;
}

/* Where each side says from which entry on it wants to hear of the other: behind the rings. */
static uint16_t *used_event(const struct virtqueue *vq)
{
	return &vq->avail->ring[vq->config.num];
}

static uint16_t *avail_event(const struct virtqueue *vq)
{
	return (uint16_t *)&vq->used->ring[vq->config.num];
}

static void *map_part(const struct guest_memory *m, uint64_t addr, size_t len, size_t align)
{
	void *p = guest_memory_at_user(m, addr, len);

	return (uintptr_t)p % align || addr % align ? NULL : p;
}

static int map_ring(struct virtqueue *vq, const struct vq_config *c, const struct guest_memory *m)
{
	size_t num = c->num, event = c->event_idx ? sizeof(uint16_t) : 0;
	void *desc = map_part(m, c->desc, num * sizeof(struct vring_desc), 16);
	void *avail = map_part(m, c->avail, 4 + num * sizeof(uint16_t) + event, 2);
	void *used = map_part(m, c->used, 4 + num * sizeof(struct vring_used_elem) + event, 4);

	if (!desc || !avail || !used)
		return fail(vq, -EINVAL, "the ring is not aligned or not within a memory region");
	vq->memory = m;
	vq->desc = desc;
	vq->avail = avail;
	vq->used = used;
	return 0;
}

int vq_start(struct virtqueue *vq, const struct vq_config *c, const struct guest_memory *m)
{
	int r;

	if (!c->num || c->num > VQ_MAX_SIZE || c->num & (c->num - 1))
		return fail(vq, -EINVAL, "the ring's size is no power of two up to 32768");
	r = map_ring(vq, c, m);
	if (r)
		return r;
	vq->config = *c;
	vq->next_avail = c->next;
	vq->next_used = vq->published = vq->signalled = load(&vq->used->idx);
	vq->signalled_valid = false;
	return 0;
}

int vq_remap(struct virtqueue *vq, const struct guest_memory *m)
{
	int r = map_ring(vq, &vq->config, m);

	if (r)
		vq_stop(vq);
	return r;
}

void vq_stop(struct virtqueue *vq)
{
	vq->memory = NULL;
	vq->desc = NULL;
	vq->avail = NULL;
	vq->used = NULL;
}

bool vq_has_avail(const struct virtqueue *vq)
{
	return load(&vq->avail->idx) != vq->next_avail;
}

/* The head of the next chain: 1, 0 when there is none. */
static int take_head(struct virtqueue *vq, uint16_t *ret_head)
{
	/* What the driver wrote before it moved idx is seen behind this. */
	uint16_t idx = load(&vq->avail->idx);
	uint16_t head;

	if (idx == vq->next_avail)
		return 0;
	if ((uint16_t)(idx - vq->next_avail) > vq->config.num)
		return fail(vq, -EPROTO, "the avail index jumped over more than the ring has");
	head = load(&vq->avail->ring[vq->next_avail & (vq->config.num - 1)]);
	if (head >= vq->config.num)
		return fail(vq, -EPROTO, "an avail entry names no descriptor");
	vq->next_avail++;
	*ret_head = head;
	return 1;
}

static int grow(struct vq_chain *c)
{
	int cap = c->cap ? MIN(2 * c->cap, VQ_MAX_PARTS) : 160;
	struct iovec *parts = reallocarray(c->parts, (size_t)cap, sizeof(*parts));

	if (!parts)
		return -ENOMEM;
	c->parts = parts;
	c->cap = cap;
	return 0;
}

/* Memory that follows the part before in both address spaces makes that longer. */
static bool extends(const struct vq_chain *c, const void *p, bool writable)
{
	int n = writable ? c->n_writable : c->n_readable;
	const struct iovec *last;

	if (!n)
		return false;
	last = &c->parts[c->n_readable + c->n_writable - 1];
	return (const char *)last->iov_base + last->iov_len == p;
}

static int add_part(struct virtqueue *vq, struct vq_chain *c, void *p, size_t len, bool writable)
{
	int n = c->n_readable + c->n_writable;

	if (extends(c, p, writable)) {
		c->parts[n - 1].iov_len += len;
		return 0;
	}
	if (n == VQ_MAX_PARTS)
		return fail(vq, -EPROTO, "a chain has too many parts");
	if (n == c->cap && grow(c))
		return fail(vq, -ENOMEM, "out of memory");
	c->parts[n] = (struct iovec){.iov_base = p, .iov_len = len};
	if (writable)
		c->n_writable++;
	else
		c->n_readable++;
	return 0;
}

/* Regions that touch in the guest may be apart here: a buffer can come to several parts. */
static int add_buffer(struct virtqueue *vq, struct vq_chain *c, const struct vring_desc *d)
{
	bool writable = d->flags & VRING_DESC_WRITE;
	uint64_t addr = d->addr, left = d->len;

	if (!left)
		return fail(vq, -EPROTO, "a descriptor has no length");
	if (!writable && c->n_writable)
		return fail(vq, -EPROTO, "a readable descriptor follows a writable one");
	if (c->readable + c->writable + left > UINT32_MAX)
		return fail(vq, -EPROTO, "a chain is longer than 4 GiB");
	*(writable ? &c->writable : &c->readable) += left;
	route_add(writable ? &c->route.in : &c->route.out, d->len);
	while (left) {
		size_t n;
		void *p = guest_memory_at(vq->memory, addr, left, &n);
		int r;

		if (!p)
			return fail(vq, -EPROTO, "a descriptor lies outside of the memory");
		r = add_part(vq, c, p, n, writable);
		if (r)
			return r;
		addr += n;
		left -= n;
	}
	return 0;
}

/* TABLE (N entries) is private memory. Each step counts, so that a loop ends. */
static int walk_table(struct virtqueue *vq, struct vq_chain *c, size_t n)
{
	const struct vring_desc *d = &vq->table[0];

	for (size_t steps = 1;; steps++) {
		int r;

		if (d->flags & VRING_DESC_INDIRECT)
			return fail(vq, -EPROTO, "an indirect table names another");
		r = add_buffer(vq, c, d);
		if (r || !(d->flags & VRING_DESC_NEXT))
			return r;
		if (d->next >= n)
			return fail(vq, -EPROTO, "a descriptor's next is outside of its table");
		if (steps == n)
			return fail(vq, -EPROTO, "a chain loops");
		d = &vq->table[d->next];
	}
}

static int add_indirect(struct virtqueue *vq, struct vq_chain *c, const struct vring_desc *d)
{
	if (!vq->config.indirect)
		return fail(vq, -EPROTO, "an indirect table without the feature");
	if (d->flags & VRING_DESC_NEXT)
		return fail(vq, -EPROTO, "a descriptor follows an indirect table");
	if (!d->len || d->len % sizeof(*d) || d->len > sizeof(vq->table))
		return fail(vq, -EPROTO, "an indirect table has a bad length");
	if (guest_memory_read(vq->memory, d->addr, vq->table, d->len))
		return fail(vq, -EPROTO, "an indirect table lies outside of the memory");
	return walk_table(vq, c, d->len / sizeof(*d));
}

/* A private copy: the driver cannot change what is checked. */
static struct vring_desc copy_desc(const struct virtqueue *vq, uint16_t i)
{
	const volatile struct vring_desc *d = &vq->desc[i];

	return (struct vring_desc){
		.addr = d->addr, .len = d->len, .flags = d->flags, .next = d->next};
}

static int walk_chain(struct virtqueue *vq, struct vq_chain *c)
{
	struct vring_desc d = copy_desc(vq, c->head);

	for (size_t steps = 1;; steps++) {
		int r;

		if (d.flags & VRING_DESC_INDIRECT)
			return add_indirect(vq, c, &d);
		r = add_buffer(vq, c, &d);
		if (r || !(d.flags & VRING_DESC_NEXT))
			return r;
		if (d.next >= vq->config.num)
			return fail(vq, -EPROTO, "a descriptor's next is outside of its table");
		if (steps == vq->config.num)
			return fail(vq, -EPROTO, "a chain loops");
		d = copy_desc(vq, d.next);
	}
}

int vq_pop(struct virtqueue *vq, struct vq_chain *c)
{
	int r = take_head(vq, &c->head);

	if (r <= 0)
		return r;
	c->n_readable = c->n_writable = 0;
	c->readable = c->writable = 0;
	route_reset(&c->route, c->head);
	r = walk_chain(vq, c);
	return r ? r : 1;
}

void vq_disable_kicks(struct virtqueue *vq)
{
	/* With EVENT_IDX nothing is to be done: avail_event lies behind us already. */
	if (!vq->config.event_idx)
		store(&vq->used->flags, VRING_USED_NO_NOTIFY);
}

bool vq_enable_kicks(struct virtqueue *vq)
{
	if (vq->config.event_idx)
		store(avail_event(vq), vq->next_avail);
	else
		store(&vq->used->flags, 0);
	/* The driver adds, then looks whether we sleep; we go to sleep, then look for more. */
	return vq_has_avail(vq);
}

void vq_push(struct virtqueue *vq, uint16_t head, uint32_t len)
{
	struct vring_used_elem *e = &vq->used->ring[vq->next_used & (vq->config.num - 1)];

	__atomic_store_n(&e->id, head, __ATOMIC_RELAXED);
	__atomic_store_n(&e->len, len, __ATOMIC_RELAXED);
	vq->next_used++;
}

static bool wants_notification(const struct virtqueue *vq, uint16_t old)
{
	if (!vq->config.event_idx)
		return !(load(&vq->avail->flags) & VRING_AVAIL_NO_INTERRUPT);
	if (!vq->signalled_valid)
		return true;
	/* Did we pass the entry that it waits for? */
	return (uint16_t)(vq->next_used - load(used_event(vq)) - 1) <
	       (uint16_t)(vq->next_used - old);
}

bool vq_publish(struct virtqueue *vq)
{
	uint16_t old = vq->signalled;
	bool wanted;

	if (vq->next_used == vq->published)
		return false;
	/* The driver says what it waits for, then looks at idx; we the other way round. */
	store(&vq->used->idx, vq->next_used);
	vq->published = vq->next_used;
	wanted = wants_notification(vq, old);
	vq->signalled = vq->next_used;
	vq->signalled_valid = true;
	return wanted;
}
