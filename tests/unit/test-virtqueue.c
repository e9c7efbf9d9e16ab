/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest-memory.h"
#include "macros.h"
#include "vhost-front.h"
#include "virtqueue.h"

#define NUM 128

/* A driver and a device without a connection in between. */
struct pair {
	struct front *f;
	struct guest_memory *m;
	struct virtqueue vq;
	struct vq_chain c;
};

static struct vq_config config_of(const struct front *f)
{
	return (struct vq_config){.num = f->num,
				  .desc = f->desc_addr + FRONT_USER_OFFSET,
				  .avail = f->avail_addr + FRONT_USER_OFFSET,
				  .used = f->used_addr + FRONT_USER_OFFSET,
				  .indirect = true,
				  .event_idx = f->event_idx};
}

static int map_regions(struct front *f, struct guest_memory **ret)
{
	struct guest_region r[FRONT_MAX_REGIONS];
	int fds[FRONT_MAX_REGIONS];

	for (unsigned i = 0; i < f->n_regions; i++) {
		r[i] = f->regions[i].r;
		fds[i] = f->regions[i].fd;
	}
	return guest_memory_new(r, fds, f->n_regions, ret);
}

static struct pair *pair_new(uint16_t num, bool event_idx)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct vq_config c;

	p->f = front_new(-1);
	front_add_region(p->f, FRONT_MEM, FRONT_MEM_SIZE, 0);
	front_add_region(p->f, FRONT_MEM2, FRONT_MEM_SIZE, 0x1000);
	front_place_ring(p->f, FRONT_MEM, num);
	p->f->event_idx = event_idx;
	assert_int_equal(map_regions(p->f, &p->m), 0);
	c = config_of(p->f);
	assert_int_equal(vq_start(&p->vq, &c, p->m), 0);
	return p;
}

static void pair_free(struct pair *p)
{
	guest_memory_unref(p->m);
	front_free(p->f);
	free(p->c.parts);
	free(p);
}

static int pop_bufs(struct pair *p, const struct front_buf *bufs, int n, uint64_t table)
{
	front_offer(p->f, front_fill(p->f, bufs, n, table));
	return vq_pop(&p->vq, &p->c);
}

static void a_chain_is_its_buffers(void **state)
{
	struct pair *p = pair_new(NUM, false);
	const struct front_buf bufs[] = {
		{FRONT_BUFFERS, 7, false},
		{FRONT_BUFFERS + 0x1000, 100, false},
		{FRONT_BUFFERS + 0x2000, 11, true},
		{FRONT_BUFFERS + 0x3000, 4096, true},
	};

	(void)state;
	for (uint64_t table = 0; table <= FRONT_MEM + 0x80000; table += FRONT_MEM + 0x80000) {
		uint16_t head = p->f->next_desc;

		assert_int_equal(pop_bufs(p, bufs, 4, table), 1);
		assert_int_equal(p->c.head, head);
		assert_int_equal(p->c.n_readable, 2);
		assert_int_equal(p->c.n_writable, 2);
		assert_int_equal(p->c.readable, 107);
		assert_int_equal(p->c.writable, 4107);
		strcpy(front_at(p->f, bufs[1].addr), "hello");
		assert_string_equal(p->c.parts[1].iov_base, "hello");
		assert_int_equal(p->c.parts[3].iov_len, 4096);
		assert_int_equal(vq_pop(&p->vq, &p->c), 0);
	}
	pair_free(p);
}

static void buffers_that_touch_become_one_part(void **state)
{
	struct pair *p = pair_new(NUM, false);
	struct front_buf bufs[100];

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		bufs[i] = (struct front_buf){FRONT_BUFFERS + i * 4096, 4096, i >= 50};
	assert_int_equal(pop_bufs(p, bufs, 100, 0), 1);
	assert_int_equal(p->c.n_readable, 1);
	assert_int_equal(p->c.n_writable, 1);
	assert_int_equal(p->c.parts[0].iov_len, 50 * 4096);
	pair_free(p);
}

static void a_buffer_over_a_region_border_is_split(void **state)
{
	struct pair *p = pair_new(NUM, false);
	const struct front_buf bufs[] = {{FRONT_MEM2 - 10, 30, false},
					 {FRONT_MEM2 + 100, 11, true}};

	(void)state;
	memcpy(front_at(p->f, FRONT_MEM2 - 10), "0123456789", 10);
	memcpy(front_at(p->f, FRONT_MEM2), "abcdefghijklmnopqrst", 20);
	assert_int_equal(pop_bufs(p, bufs, 2, 0), 1);
	assert_int_equal(p->c.n_readable, 2);
	assert_memory_equal(p->c.parts[0].iov_base, "0123456789", 10);
	assert_int_equal(p->c.parts[0].iov_len, 10);
	assert_memory_equal(p->c.parts[1].iov_base, "abcdefghijklmnopqrst", 20);
	assert_int_equal(p->c.parts[1].iov_len, 20);
	pair_free(p);
}

static void an_indirect_table_may_cross_regions(void **state)
{
	struct pair *p = pair_new(NUM, false);
	struct vring_desc t[3] = {
		{FRONT_BUFFERS, 7, VRING_DESC_NEXT, 1},
		{FRONT_BUFFERS + 100, 8, VRING_DESC_NEXT, 2},
		{FRONT_BUFFERS + 200, 11, VRING_DESC_WRITE, 0},
	};
	uint64_t table = FRONT_MEM2 - 24;

	(void)state;
	memcpy(front_at(p->f, table), t, 24);
	memcpy(front_at(p->f, FRONT_MEM2), (char *)t + 24, 24);
	p->f->desc[0] = (struct vring_desc){table, sizeof(t), VRING_DESC_INDIRECT, 0};
	front_offer(p->f, 0);
	assert_int_equal(vq_pop(&p->vq, &p->c), 1);
	assert_int_equal(p->c.readable, 15);
	assert_int_equal(p->c.writable, 11);
	pair_free(p);
}

static void an_indirect_table_may_end_a_chain(void **state)
{
	struct pair *p = pair_new(NUM, false);
	struct vring_desc *t = front_at(p->f, FRONT_BUFFERS + 0x8000);

	(void)state;
	t[0] = (struct vring_desc){FRONT_BUFFERS + 200, 11, VRING_DESC_WRITE, 0};
	p->f->desc[0] = (struct vring_desc){FRONT_BUFFERS, 7, VRING_DESC_NEXT, 1};
	/* The WRITE flag of a descriptor that names a table means nothing. */
	p->f->desc[1] = (struct vring_desc){FRONT_BUFFERS + 0x8000, 16,
					    VRING_DESC_INDIRECT | VRING_DESC_WRITE, 0};
	front_offer(p->f, 0);
	assert_int_equal(vq_pop(&p->vq, &p->c), 1);
	assert_int_equal(p->c.readable, 7);
	assert_int_equal(p->c.writable, 11);
	pair_free(p);
}

static void a_table_may_be_longer_than_the_ring(void **state)
{
	struct pair *p = pair_new(4, false);
	struct front_buf bufs[VQ_MAX_PARTS];

	(void)state;
	for (unsigned i = 0; i < VQ_MAX_PARTS; i++)
		bufs[i] = (struct front_buf){FRONT_BUFFERS + i * 64, 32, i >= 500};
	assert_int_equal(pop_bufs(p, bufs, VQ_MAX_PARTS, FRONT_MEM + 0x80000), 1);
	assert_int_equal(p->c.n_readable, 500);
	assert_int_equal(p->c.n_readable + p->c.n_writable, VQ_MAX_PARTS);
	pair_free(p);
}

static void a_chain_may_fill_the_ring(void **state)
{
	struct pair *p = pair_new(NUM, false);
	struct front_buf bufs[NUM];

	(void)state;
	for (unsigned i = 0; i < NUM; i++)
		bufs[i] = (struct front_buf){FRONT_BUFFERS + i * 8192, 4096, i >= 5};
	for (int round = 0; round < 3; round++) {
		assert_int_equal(pop_bufs(p, bufs, NUM, 0), 1);
		assert_int_equal(p->c.n_readable + p->c.n_writable, NUM);
		vq_push(&p->vq, p->c.head, 0);
		vq_publish(&p->vq);
	}
	pair_free(p);
}

/* A ring that breaks a rule: what is written into it, and what must be said. */
struct malformed {
	const char *name, *why;
	struct vring_desc desc[4];
	uint16_t head, ahead;	    /* the avail entry; how far idx moves, 0: by one */
	struct vring_desc table[4]; /* at FRONT_BUFFERS */
};

#define T FRONT_BUFFERS
#define B (FRONT_BUFFERS + 0x1000)
#define NEXT VRING_DESC_NEXT
#define WRITE VRING_DESC_WRITE
#define INDIRECT VRING_DESC_INDIRECT

static const struct malformed all_malformed[] = {
	{"head outside", "an avail entry names no descriptor", .desc = {{B, 8, 0, 0}}, .head = NUM},
	{"head far outside", "an avail entry names no descriptor", .desc = {{B, 8, 0, 0}},
	 .head = 0xffff},
	{"idx jumped", "the avail index jumped over more than the ring has", .desc = {{B, 8, 0, 0}},
	 .ahead = NUM + 1},
	{"idx went back", "the avail index jumped over more than the ring has",
	 .desc = {{B, 8, 0, 0}}, .ahead = 0xffff},
	{"next outside", "a descriptor's next is outside of its table",
	 .desc = {{B, 8, NEXT, NUM}}},
	{"loop of one", "a chain loops", .desc = {{B, 8, NEXT, 0}}},
	{"loop of two", "a chain loops", .desc = {{B, 8, NEXT, 1}, {B + 64, 8, NEXT, 0}}},
	{"writable first", "a readable descriptor follows a writable one",
	 .desc = {{B, 8, NEXT | WRITE, 1}, {B, 8, 0, 0}}},
	{"no length", "a descriptor has no length", .desc = {{B, 0, 0, 0}}},
	{"below the memory", "a descriptor lies outside of the memory",
	 .desc = {{0x1000, 8, 0, 0}}},
	{"address 0", "a descriptor lies outside of the memory", .desc = {{0, 8, 0, 0}}},
	{"the last address", "a descriptor lies outside of the memory",
	 .desc = {{UINT64_MAX, 8, 0, 0}}},
	{"behind the memory", "a descriptor lies outside of the memory",
	 .desc = {{FRONT_MEM2 + FRONT_MEM_SIZE, 1, 0, 0}}},
	{"over the end", "a descriptor lies outside of the memory",
	 .desc = {{FRONT_MEM2 + FRONT_MEM_SIZE - 8, 9, 0, 0}}},
	{"longer than all", "a descriptor lies outside of the memory",
	 .desc = {{B, UINT32_MAX, 0, 0}}},
	{"front end's address", "a descriptor lies outside of the memory",
	 .desc = {{B + FRONT_USER_OFFSET, 8, 0, 0}}},
	{"longer than 4 GiB", "a chain is longer than 4 GiB",
	 .desc = {{FRONT_MEM, FRONT_MEM_SIZE, NEXT, 1}, {FRONT_MEM, UINT32_MAX, 0, 0}}},
	{"table empty", "an indirect table has a bad length", .desc = {{T, 0, INDIRECT, 0}}},
	{"table odd", "an indirect table has a bad length", .desc = {{T, 24, INDIRECT, 0}}},
	{"table huge", "an indirect table has a bad length", .desc = {{T, 16 * 1025, INDIRECT, 0}}},
	{"table outside", "an indirect table lies outside of the memory",
	 .desc = {{FRONT_MEM2 + FRONT_MEM_SIZE - 16, 32, INDIRECT, 0}}},
	{"table with next", "a descriptor follows an indirect table",
	 .desc = {{T, 16, INDIRECT | NEXT, 1}, {B, 8, 0, 0}}, .table = {{B, 8, 0, 0}}},
	{"table in table", "an indirect table names another", .desc = {{T, 16, INDIRECT, 0}},
	 .table = {{T, 16, INDIRECT, 0}}},
	{"table's next outside", "a descriptor's next is outside of its table",
	 .desc = {{T, 32, INDIRECT, 0}}, .table = {{B, 8, NEXT, 2}}},
	{"table loops", "a chain loops", .desc = {{T, 32, INDIRECT, 0}},
	 .table = {{B, 8, NEXT, 1}, {B, 8, NEXT, 0}}},
	{"table's buffer outside", "a descriptor lies outside of the memory",
	 .desc = {{T, 16, INDIRECT, 0}}, .table = {{0, 8, 0, 0}}},
	{"table's order", "a readable descriptor follows a writable one",
	 .desc = {{T, 32, INDIRECT, 0}}, .table = {{B, 8, NEXT | WRITE, 1}, {B, 8, 0, 0}}},
};

#undef T
#undef B
#undef NEXT
#undef WRITE
#undef INDIRECT

static void a_ring_that_breaks_a_rule_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all_malformed); i++) {
		const struct malformed *m = &all_malformed[i];
		struct pair *p = pair_new(NUM, true);
		int r;

		memcpy(p->f->desc, m->desc, sizeof(m->desc));
		memcpy(front_at(p->f, FRONT_BUFFERS), m->table, sizeof(m->table));
		p->f->avail->ring[0] = m->head;
		p->f->avail->idx = m->ahead ? m->ahead : 1;
		assert_true(vq_has_avail(&p->vq));
		r = vq_pop(&p->vq, &p->c);
		if (r != -EPROTO || strcmp(p->vq.why, m->why))
			fail_msg("%s: %d, %s", m->name, r, p->vq.why ? p->vq.why : "");
		pair_free(p);
	}
}

static void indirect_tables_need_their_feature(void **state)
{
	struct pair *p = pair_new(NUM, false);
	const struct front_buf bufs[] = {{FRONT_BUFFERS, 7, false}, {FRONT_BUFFERS, 11, true}};

	(void)state;
	p->vq.config.indirect = false;
	assert_int_equal(pop_bufs(p, bufs, 2, FRONT_MEM + 0x80000), -EPROTO);
	pair_free(p);
}

static void too_many_parts_are_refused(void **state)
{
	struct pair *p = pair_new(2048, false);
	struct front_buf bufs[VQ_MAX_PARTS + 1];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bufs); i++)
		bufs[i] = (struct front_buf){FRONT_BUFFERS + i * 64, 32, false};
	assert_int_equal(pop_bufs(p, bufs, ARRAY_SIZE(bufs), 0), -EPROTO);
	pair_free(p);
}

struct bad_config {
	const char *name;
	uint32_t num;
	int64_t desc, avail, used; /* moved by */
};

static void rings_that_cannot_be_are_refused(void **state)
{
	const int64_t border = (int64_t)(FRONT_MEM2 - FRONT_MEM);
	const struct bad_config bad[] = {
		{"size 0", 0, 0, 0, 0},
		{"size 3", 3, 0, 0, 0},
		{"size 65536", 65536, 0, 0, 0},
		{"desc not aligned", NUM, 8, 0, 0},
		{"avail not aligned", NUM, 0, 1, 0},
		{"used not aligned", NUM, 0, 0, 2},
		{"desc over a border", NUM, border - 16, 0, 0},
		{"avail over a border", NUM, 0, border - NUM * 16 - 8, 0},
		{"used over the end", NUM, 0, 0, 2 * border - 3000},
		{"outside", NUM, -0x100000 - 4096, 0, 0},
		{"wraps", NUM, -(int64_t)(FRONT_MEM + FRONT_USER_OFFSET) - 16, 0, 0},
	};
	struct pair *p = pair_new(NUM, true);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vq_config c = config_of(p->f);
		struct virtqueue vq = {.desc = NULL};

		c.num = bad[i].num;
		c.desc += (uint64_t)bad[i].desc;
		c.avail += (uint64_t)bad[i].avail;
		c.used += (uint64_t)bad[i].used;
		if (vq_start(&vq, &c, p->m) != -EINVAL)
			fail_msg("%s", bad[i].name);
		assert_false(vq_is_started(&vq));
	}
	pair_free(p);
}

static void used_entries_are_seen_when_published(void **state)
{
	struct pair *p = pair_new(NUM, false);

	(void)state;
	vq_push(&p->vq, 5, 100);
	vq_push(&p->vq, 7, 0);
	assert_int_equal(p->f->used->idx, 0);
	assert_true(vq_publish(&p->vq));
	assert_int_equal(p->f->used->idx, 2);
	assert_int_equal(p->f->used->ring[0].id, 5);
	assert_int_equal(p->f->used->ring[0].len, 100);
	assert_int_equal(p->f->used->ring[1].id, 7);
	assert_false(vq_publish(&p->vq));
	pair_free(p);
}

static void a_driver_that_wants_no_interrupt_gets_none(void **state)
{
	struct pair *p = pair_new(NUM, false);

	(void)state;
	p->f->avail->flags = VRING_AVAIL_NO_INTERRUPT;
	vq_push(&p->vq, 5, 100);
	assert_false(vq_publish(&p->vq));
	pair_free(p);
}

/* Used entries PUSHED at once, from AT on, for a driver that waits for entry EVENT. */
static bool notifies(uint16_t at, uint16_t pushed, uint16_t event)
{
	struct pair *p = pair_new(NUM, true);
	bool wanted;

	p->vq.next_used = p->vq.published = p->vq.signalled = at;
	p->vq.signalled_valid = true;
	p->f->avail->ring[NUM] = event;
	for (uint16_t i = 0; i < pushed; i++)
		vq_push(&p->vq, 0, 0);
	wanted = vq_publish(&p->vq);
	pair_free(p);
	return wanted;
}

static void event_idx_notifies_once_the_entry_is_there(void **state)
{
	(void)state;
	assert_true(notifies(10, 1, 10));
	assert_false(notifies(10, 1, 11));
	assert_false(notifies(10, 1, 9));
	assert_true(notifies(10, 5, 14));
	assert_false(notifies(10, 5, 15));
	assert_true(notifies(0xfffe, 3, 0));
	assert_false(notifies(0xfffe, 3, 1));
	assert_true(notifies(0xffff, 1, 0xffff));
}

static void kicks_are_asked_for_where_the_device_stands(void **state)
{
	struct pair *p = pair_new(NUM, true);
	const struct front_buf b = {FRONT_BUFFERS, 7, false};
	const uint16_t *avail_event = (const uint16_t *)&p->f->used->ring[NUM];

	(void)state;
	assert_false(vq_enable_kicks(&p->vq));
	assert_int_equal(*avail_event, 0);
	assert_int_equal(pop_bufs(p, &b, 1, 0), 1);
	assert_false(vq_enable_kicks(&p->vq));
	assert_int_equal(*avail_event, 1);
	/* What comes before the driver could know is not missed. */
	front_offer(p->f, 0);
	assert_true(vq_enable_kicks(&p->vq));
	pair_free(p);
}

static void kicks_are_a_flag_without_event_idx(void **state)
{
	struct pair *p = pair_new(NUM, false);

	(void)state;
	vq_disable_kicks(&p->vq);
	assert_int_equal(p->f->used->flags, VRING_USED_NO_NOTIFY);
	assert_false(vq_enable_kicks(&p->vq));
	assert_int_equal(p->f->used->flags, 0);
	pair_free(p);
}

static void indices_wrap(void **state)
{
	struct pair *p = pair_new(4, true);
	const struct front_buf bufs[] = {{FRONT_BUFFERS, 7, false}, {FRONT_BUFFERS + 64, 11, true}};

	(void)state;
	for (unsigned i = 0; i < 70000; i++) {
		assert_int_equal(pop_bufs(p, bufs, 2, 0), 1);
		assert_int_equal(p->c.readable, 7);
		vq_push(&p->vq, p->c.head, 11);
		vq_publish(&p->vq);
		assert_int_equal(p->f->used->idx, (uint16_t)(i + 1));
	}
	pair_free(p);
}

static int map_one(uint64_t addr, uint64_t size, uint64_t user, uint64_t offset, int fd)
{
	struct guest_region r = {addr, size, user, offset};
	struct guest_memory *m;
	int err = guest_memory_new(&r, &fd, 1, &m);

	if (!err)
		guest_memory_unref(m);
	return err;
}

static void regions_that_cannot_be_are_refused(void **state)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	int ends[2];

	(void)state;
	assert_int_equal(ftruncate(fd, 0x10000), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(map_one(0, 0x10000, 0, 0, fd), 0);
	assert_int_equal(map_one(0x1234, 0x100, 0x5678, 0x123, fd), 0);
	assert_int_equal(map_one(0, 0, 0, 0, fd), -EINVAL);
	assert_int_equal(map_one(0, 0x10001, 0, 0, fd), -EINVAL);
	assert_int_equal(map_one(0, 0x10000, 0, 1, fd), -EINVAL);
	assert_int_equal(map_one(0, 0x1000, 0, UINT64_MAX - 0xfff, fd), -EINVAL);
	assert_int_equal(map_one(UINT64_MAX - 0xffe, 0x1000, 0, 0, fd), -EINVAL);
	assert_int_equal(map_one(0, 0x1000, UINT64_MAX - 0xffe, 0, fd), -EINVAL);
	assert_int_equal(map_one(0, UINT64_MAX, 0, 0, fd), -EINVAL);
	assert_int_equal(map_one(0, 0x1000, 0, 0, ends[0]), -EINVAL);
	assert_int_equal(map_one(0, 0x1000, 0, 0, -1), -EBADF);
	close(ends[0]);
	close(ends[1]);
	close(fd);
}

static int map_two(const struct guest_region *a, const struct guest_region *b, int fd)
{
	const struct guest_region r[] = {*a, *b};
	const int fds[] = {fd, fd};
	struct guest_memory *m;
	int err = guest_memory_new(r, fds, 2, &m);

	if (!err)
		guest_memory_unref(m);
	return err;
}

static void regions_that_overlap_are_refused(void **state)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	const struct guest_region a = {0x10000, 0x2000, 0x90000, 0};

	(void)state;
	assert_int_equal(ftruncate(fd, 0x10000), 0);
	assert_int_equal(map_two(&a, &(struct guest_region){0x12000, 0x1000, 0x8f000, 0}, fd), 0);
	assert_int_equal(map_two(&a, &(struct guest_region){0x11fff, 0x1000, 0x8f000, 0}, fd),
			 -EINVAL);
	assert_int_equal(map_two(&a, &(struct guest_region){0x12000, 0x1000, 0x91fff, 0}, fd),
			 -EINVAL);
	assert_int_equal(map_two(&a, &a, fd), -EINVAL);
	close(fd);
}

static void a_table_shares_what_stays(void **state)
{
	struct front *f = front_new(-1);
	struct guest_memory *m, *more, *less;
	void *p;
	size_t n;

	(void)state;
	front_add_region(f, FRONT_MEM, FRONT_MEM_SIZE, 0);
	assert_int_equal(guest_memory_add(NULL, &f->regions[0].r, f->regions[0].fd, &m), 0);
	front_add_region(f, FRONT_MEM2, FRONT_MEM_SIZE, 0);
	assert_int_equal(guest_memory_add(m, &f->regions[1].r, f->regions[1].fd, &more), 0);
	assert_int_equal(guest_memory_remove(more, &f->regions[0].r, &less), 0);
	p = guest_memory_at(more, FRONT_MEM, 100, &n);
	assert_ptr_equal(p, guest_memory_at(m, FRONT_MEM, 100, &n));
	assert_null(guest_memory_at(less, FRONT_MEM, 100, &n));
	assert_non_null(guest_memory_at(less, FRONT_MEM2, 100, &n));
	guest_memory_unref(m);
	memset(p, 1, 100);
	guest_memory_unref(more);
	assert_int_equal(guest_memory_remove(less, &f->regions[0].r, &m), -ENOENT);
	guest_memory_unref(less);
	front_free(f);
}

static void memory_that_is_taken_away_reads_as_zeros(void **state)
{
	struct pair *p = pair_new(NUM, false);
	volatile uint8_t *there;
	size_t n;

	(void)state;
	there = guest_memory_at(p->m, FRONT_MEM2 + 0x100000, 1, &n);
	*there = 1;
	assert_false(guest_memory_is_lost(p->m));
	assert_int_equal(ftruncate(p->f->regions[1].fd, 0), 0);
	assert_int_equal(*there, 0);
	assert_true(guest_memory_is_lost(p->m));
	*there = 2;
	assert_int_equal(*there, 2);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_is_its_buffers),
		cmocka_unit_test(buffers_that_touch_become_one_part),
		cmocka_unit_test(a_buffer_over_a_region_border_is_split),
		cmocka_unit_test(an_indirect_table_may_cross_regions),
		cmocka_unit_test(an_indirect_table_may_end_a_chain),
		cmocka_unit_test(a_table_may_be_longer_than_the_ring),
		cmocka_unit_test(a_chain_may_fill_the_ring),
		cmocka_unit_test(a_ring_that_breaks_a_rule_is_refused),
		cmocka_unit_test(indirect_tables_need_their_feature),
		cmocka_unit_test(too_many_parts_are_refused),
		cmocka_unit_test(rings_that_cannot_be_are_refused),
		cmocka_unit_test(used_entries_are_seen_when_published),
		cmocka_unit_test(a_driver_that_wants_no_interrupt_gets_none),
		cmocka_unit_test(event_idx_notifies_once_the_entry_is_there),
		cmocka_unit_test(kicks_are_asked_for_where_the_device_stands),
		cmocka_unit_test(kicks_are_a_flag_without_event_idx),
		cmocka_unit_test(indices_wrap),
		cmocka_unit_test(regions_that_cannot_be_are_refused),
		cmocka_unit_test(regions_that_overlap_are_refused),
		cmocka_unit_test(a_table_shares_what_stays),
		cmocka_unit_test(memory_that_is_taken_away_reads_as_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
