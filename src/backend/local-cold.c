/* SPDX-License-Identifier: MIT */
/* Walks to names that the kernel does not have in memory: most often those that a client asks for
 * before it makes them. A file system that has the directory in memory answers faster than a worker
 * wakes up, so it is asked in place as long as it answers at once; one that took long, because a
 * disk was waited for, leaves the next such walks to the workers. */
#include <errno.h>

#include "clock.h"
#include "local-impl.h"

#define SLOW_NS NS_PER_MS
#define N_LEFT_TO_WORKERS 1000u

/* What several threads lose of each other's counting here does not matter. */
static bool may_ask(struct local *l)
{
	unsigned n = atomic_load_explicit(&l->n_cold_for_workers, memory_order_relaxed);

	if (n)
		atomic_store_explicit(&l->n_cold_for_workers, n - 1, memory_order_relaxed);
	return !n;
}

void cold_walk_took(struct local *l, uint64_t ns)
{
	if (ns >= SLOW_NS)
		atomic_store_explicit(&l->n_cold_for_workers, N_LEFT_TO_WORKERS,
				      memory_order_relaxed);
}

int open_child_cold(struct local_node *dir, int dir_fd, const char *name, int *ret_fd)
{
	struct local *l = dir->local;
	uint64_t began;
	int r;

	if (!l->has_openat2 || !dir->inode->device->is_plain || !may_ask(l))
		return CALL_WOULD_BLOCK;
	began = clock_now_ns();
	r = open_child_here(dir_fd, name, ret_fd);
	cold_walk_took(l, clock_now_ns() - began);
	return r == -EXDEV || r == -EAGAIN ? CALL_WOULD_BLOCK : r;
}
