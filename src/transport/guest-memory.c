/* SPDX-License-Identifier: MIT */
#include "guest-memory.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "memory-guard.h"

/* One mmap, shared by the tables that have the region. */
struct mapping {
	atomic_uint refs;
	void *start;
	size_t len;
	unsigned guard;
};

struct region {
	uint64_t guest_addr, size, user_addr;
	uint8_t *host;
	struct mapping *mapping;
};

struct guest_memory {
	atomic_uint refs;
	unsigned n;
	struct region at[]; /* by guest address */
};

/* #syscalls: munmap */
static void mapping_unref(struct mapping *m)
{
	if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
		return;
	guard_remove(m->guard);
	munmap(m->start, m->len);
	free(m);
}

/* What mmap's offset and munmap's length must be multiples of. */
/* #syscalls: fstatfs */
static uint64_t page_size(int fd)
{
	struct statfs fs;

	if (!fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC)
		return (uint64_t)fs.f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* #syscalls: fstat newfstatat */
static int check_file(const struct guest_region *r, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || r->mmap_offset + r->size > (uint64_t)st.st_size)
		return -EINVAL;
	return 0;
}

/* NULL and *RET_ERR. */
/* #syscalls: mmap madvise */
static struct mapping *map_file(int fd, uint64_t offset, uint64_t len, int *ret_err)
{
	autofree struct mapping *m = calloc(1, sizeof(*m));

	*ret_err = -ENOMEM;
	if (!m)
		return NULL;
	m->len = len;
	m->start = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
			(off_t)offset);
	if (m->start == MAP_FAILED) {
		*ret_err = -errno;
		return NULL;
	}
	*ret_err = guard_add(m->start, m->len, &m->guard);
	if (*ret_err) {
		munmap(m->start, m->len);
		return NULL;
	}
	/* A core dump of ours is no place for the guest's secrets. */
	madvise(m->start, m->len, MADV_DONTDUMP);
	atomic_init(&m->refs, 1);
	return steal_ptr(&m);
}

static int map_region(const struct guest_region *r, int fd, struct region *ret)
{
	uint64_t page = page_size(fd), skip = r->mmap_offset % page;
	uint64_t len = (skip + r->size + page - 1) / page * page;
	int err = check_file(r, fd);
	struct mapping *m;

	if (err)
		return err;
	/* Front ends may start a region within a page (UML does). */
	m = map_file(fd, r->mmap_offset - skip, len, &err);
	if (!m)
		return err;
	*ret = (struct region){.guest_addr = r->guest_addr,
			       .user_addr = r->user_addr,
			       .size = r->size,
			       .host = (uint8_t *)m->start + skip,
			       .mapping = m};
	return 0;
}

/* Far from the end of 64 bits, so that no later sum wraps. */
static bool is_sane(const struct guest_region *r)
{
	const uint64_t limit = UINT64_MAX / 4;

	return r->size && r->size < limit && r->mmap_offset < limit &&
	       r->guest_addr <= UINT64_MAX - r->size && r->user_addr <= UINT64_MAX - r->size;
}

static bool is_apart(uint64_t a, uint64_t b, uint64_t a_size, uint64_t b_size)
{
	return a < b ? b - a >= a_size : a - b >= b_size;
}

static bool overlaps(const struct guest_memory *m, const struct guest_region *r)
{
	for (unsigned i = 0; i < m->n; i++) {
		const struct region *o = &m->at[i];

		if (!is_apart(o->guest_addr, r->guest_addr, o->size, r->size) ||
		    !is_apart(o->user_addr, r->user_addr, o->size, r->size))
			return true;
	}
	return false;
}

static void insert(struct guest_memory *m, const struct region *r)
{
	unsigned i = m->n++;

	for (; i && m->at[i - 1].guest_addr > r->guest_addr; i--)
		m->at[i] = m->at[i - 1];
	m->at[i] = *r;
}

static int append(struct guest_memory *m, const struct guest_region *r, int fd)
{
	struct region new = {.size = 0};
	int err;

	if (!is_sane(r) || overlaps(m, r))
		return -EINVAL;
	err = map_region(r, fd, &new);
	if (!err)
		insert(m, &new);
	return err;
}

static void cleanup_memory(struct guest_memory **m)
{
	guest_memory_unref(*m);
}

static struct guest_memory *alloc_table(unsigned cap)
{
	struct guest_memory *m = calloc(1, sizeof(*m) + cap * sizeof(m->at[0]));

	if (m)
		atomic_init(&m->refs, 1);
	return m;
}

int guest_memory_new(const struct guest_region *r, const int *fds, unsigned n,
		     struct guest_memory **ret)
{
	cleanup(cleanup_memory) struct guest_memory *m = NULL;

	if (n > GUEST_MEMORY_MAX_REGIONS)
		return -EINVAL;
	m = alloc_table(n);
	if (!m)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		int err = append(m, &r[i], fds[i]);

		if (err)
			return err;
	}
	*ret = steal_ptr(&m);
	return 0;
}

static void share(struct guest_memory *m, const struct region *r)
{
	atomic_fetch_add_explicit(&r->mapping->refs, 1, memory_order_relaxed);
	m->at[m->n++] = *r;
}

int guest_memory_add(const struct guest_memory *old, const struct guest_region *r, int fd,
		     struct guest_memory **ret)
{
	cleanup(cleanup_memory) struct guest_memory *m = NULL;
	unsigned n = old ? old->n : 0;
	int err;

	if (n >= GUEST_MEMORY_MAX_REGIONS)
		return -ENOSPC;
	m = alloc_table(n + 1);
	if (!m)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		share(m, &old->at[i]);
	err = append(m, r, fd);
	if (!err)
		*ret = steal_ptr(&m);
	return err;
}

static bool is_same(const struct region *a, const struct guest_region *b)
{
	return a->guest_addr == b->guest_addr && a->user_addr == b->user_addr && a->size == b->size;
}

int guest_memory_remove(const struct guest_memory *old, const struct guest_region *r,
			struct guest_memory **ret)
{
	cleanup(cleanup_memory) struct guest_memory *m = NULL;

	if (!old)
		return -ENOENT;
	m = alloc_table(old->n);
	if (!m)
		return -ENOMEM;
	for (unsigned i = 0; i < old->n; i++)
		if (!is_same(&old->at[i], r))
			share(m, &old->at[i]);
	if (m->n == old->n)
		return -ENOENT;
	*ret = steal_ptr(&m);
	return 0;
}

struct guest_memory *guest_memory_ref(struct guest_memory *m)
{
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

void guest_memory_unref(struct guest_memory *m)
{
	if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < m->n; i++)
		mapping_unref(m->at[i].mapping);
	free(m);
}

/* The last region that starts at or below ADDR. */
static const struct region *find_region(const struct guest_memory *m, uint64_t addr)
{
	unsigned low = 0, high = m->n;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (m->at[mid].guest_addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &m->at[low - 1] : NULL;
}

void *guest_memory_at(const struct guest_memory *m, uint64_t addr, uint64_t len, size_t *ret_len)
{
	const struct region *r = find_region(m, addr);
	uint64_t offset;

	if (!r || !len)
		return NULL;
	offset = addr - r->guest_addr;
	if (offset >= r->size)
		return NULL;
	*ret_len = MIN(len, r->size - offset);
	return r->host + offset;
}

void *guest_memory_at_user(const struct guest_memory *m, uint64_t addr, uint64_t len)
{
	for (unsigned i = 0; i < m->n; i++) {
		const struct region *r = &m->at[i];
		uint64_t offset = addr - r->user_addr;

		if (addr >= r->user_addr && offset < r->size && len <= r->size - offset)
			return r->host + offset;
	}
	return NULL;
}

int guest_memory_read(const struct guest_memory *m, uint64_t addr, void *p, size_t len)
{
	uint8_t *to = p;

	while (len) {
		size_t n;
		const void *from = guest_memory_at(m, addr, len, &n);

		if (!from)
			return -EFAULT;
		memcpy(to, from, n);
		to += n;
		addr += n;
		len -= n;
	}
	/* Nothing that follows may look at the guest's copy again. */
	__asm__ volatile("" ::: "memory");
	return 0;
}

bool guest_memory_is_lost(const struct guest_memory *m)
{
	if (!guard_any_hit())
		return false;
	for (unsigned i = 0; i < m->n; i++)
		if (guard_is_hit(m->at[i].mapping->guard))
			return true;
	return false;
}
