/* SPDX-License-Identifier: MIT */
/* Any bytes as a ring and its memory: whatever a chain comes to lies in the guest's memory, in the
 * order that was promised, and the queue comes to an end.
 *
 * The first bytes are the ring's size (a power of two), features and position, and how many changes
 * follow, of four bytes each: what the driver does while a chain is looked at. The rest lies at the
 * start of the guest's memory, where the descriptors are, then the avail ring. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"
#include "fuzz.h"
#include "guest-memory.h"
#include "macros.h"
#include "virtqueue.h"

/* Two regions that touch, and one apart. */
#define SIZE 0x4000u
#define USER 0x100000u

static const struct guest_region regions[] = {
	{0, SIZE, USER, 0},
	{SIZE, SIZE, USER + 4 * SIZE, 0},
	{0x100000, SIZE, USER + 2 * SIZE, 0},
};

static uint8_t *memory[ARRAY_SIZE(regions)]; /* our own mapping of each */
static struct guest_memory *table;

/* Where and to what a word of the memory changes. One comes true whenever the device asks for
 * an address: between a descriptor's check and its use, and between two descriptors. The linker
 * leads these calls here (--wrap). */
static const uint8_t *changes, *changes_end;

void *__real_guest_memory_at(const struct guest_memory *m, uint64_t addr, uint64_t len,
			     size_t *ret_len);
void *__wrap_guest_memory_at(const struct guest_memory *m, uint64_t addr, uint64_t len,
			     size_t *ret_len);
int __real_guest_memory_read(const struct guest_memory *m, uint64_t addr, void *p, size_t len);
int __wrap_guest_memory_read(const struct guest_memory *m, uint64_t addr, void *p, size_t len);

static void change_memory(void)
{
	size_t at;

	if (changes == changes_end)
		return;
	at = (changes[0] | (size_t)changes[1] << 8) % (SIZE - 1);
	memcpy(memory[0] + at, changes + 2, 2);
	changes += 4;
}

void *__wrap_guest_memory_at(const struct guest_memory *m, uint64_t addr, uint64_t len,
			     size_t *ret_len)
{
	change_memory();
	return __real_guest_memory_at(m, addr, len, ret_len);
}

int __wrap_guest_memory_read(const struct guest_memory *m, uint64_t addr, void *p, size_t len)
{
	int err = __real_guest_memory_read(m, addr, p, len);

	change_memory();
	return err;
}

static void make_memory(void)
{
	int fds[ARRAY_SIZE(regions)];

	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		fds[i] = memfd_create("guest", MFD_CLOEXEC);
		assert(fds[i] >= 0 && !ftruncate(fds[i], SIZE));
		memory[i] = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
		assert(memory[i] != MAP_FAILED);
	}
	assert(!guest_memory_new(regions, fds, ARRAY_SIZE(regions), &table));
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
		close(fds[i]);
}

/* In which region's mapping a part lies; it must in one. */
static bool is_in_memory(const struct iovec *part)
{
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		size_t n;
		char *start = __real_guest_memory_at(table, regions[i].guest_addr, SIZE, &n);
		char *p = part->iov_base;

		if (p >= start && p < start + SIZE && part->iov_len <= (size_t)(start + SIZE - p))
			return true;
	}
	return false;
}

static void check_chain(const struct vq_chain *c)
{
	size_t sums[2] = {0, 0};

	assert(c->n_readable + c->n_writable > 0);
	assert(c->n_readable + c->n_writable <= VQ_MAX_PARTS);
	for (int i = 0; i < c->n_readable + c->n_writable; i++) {
		assert(c->parts[i].iov_len && is_in_memory(&c->parts[i]));
		sums[i >= c->n_readable] += c->parts[i].iov_len;
	}
	assert(sums[0] == c->readable && sums[1] == c->writable);
}

/* A device that writes into the buffers, which may be the ring itself. */
static void use_chain(const struct vq_chain *c)
{
	for (int i = c->n_readable; i < c->n_readable + c->n_writable; i++)
		*(uint8_t *)c->parts[i].iov_base ^= 0x5a;
}

static void run(struct virtqueue *vq, uint32_t num)
{
	struct vq_chain c = {.parts = NULL};

	for (uint32_t n = 0; n < 2 * num && n < 4096; n++) {
		vq_disable_kicks(vq);
		if (vq_pop(vq, &c) <= 0)
			break;
		assert(c.head < num);
		check_chain(&c);
		use_chain(&c);
		vq_push(vq, c.head, (uint32_t)c.writable);
		if (n % 3 == 0)
			vq_publish(vq);
		vq_enable_kicks(vq);
	}
	free(c.parts);
}

static void fill_memory(size_t n_changes, const uint8_t *p, size_t n)
{
	size_t n_bytes = MIN(n_changes * 4, n / 4 * 4);

	changes = p;
	changes_end = p + n_bytes;
	n = MIN(n - n_bytes, (size_t)SIZE);
	memcpy(memory[0], p + n_bytes, n);
	memset(memory[0] + n, 0, SIZE - n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct virtqueue vq;
	struct vq_config c;

	if (!table)
		make_memory();
	if (size < 4)
		return 0;
	c = (struct vq_config){.num = 1u << data[0] % 17,
			       .next = data[2],
			       .indirect = data[1] & 1,
			       .event_idx = data[1] & 2};
	if (data[1] & 4)
		c.num--;
	c.desc = USER + (data[1] & 8 ? 4 * SIZE - 0x80u * data[3] : 0);
	c.avail = c.desc + 16ULL * c.num;
	c.used = USER + 2 * SIZE + (data[1] & 16 ? 0xf00u + data[3] : 0);
	fill_memory(data[1] >> 5, data + 4, size - 4);
	if (!vq_start(&vq, &c, table)) {
		run(&vq, c.num);
		vq_stop(&vq);
	}
	return 0;
}
