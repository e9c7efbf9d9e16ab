/* SPDX-License-Identifier: MIT */
#include "memory-guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

#include "macros.h"

/* START NULL: free. Written with LOCK held, read by the signal handler at any time: START is set
 * last and cleared first. */
struct slot {
	_Atomic(char *) start;
	atomic_size_t len;
	atomic_bool hit;
};

static struct slot slots[2048];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;
static atomic_bool any_hit; /* ever, so that asking is cheap */

static struct slot *find_slot(const char *address)
{
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
		const char *start = atomic_load_explicit(&slots[i].start, memory_order_acquire);

		if (start && address >= start && address < start + atomic_load(&slots[i].len))
			return &slots[i];
	}
	return NULL;
}

/* The whole range and not a page: huge pages cannot be replaced in parts, and the device is lost
 * anyway. */
/* #syscalls: mmap */
static bool replace(struct slot *s)
{
	atomic_store(&any_hit, true);
	if (atomic_exchange(&s->hit, true))
		return true; /* another thread is at it: fault again until it is done */
	return mmap(atomic_load(&s->start), atomic_load(&s->len), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

/* Async-signal-safe: atomics and plain system calls only. */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	struct slot *s = find_slot(info->si_addr);
	int saved = errno;

	(void)context;
	/* Not ours: the access is repeated and meets whoever was there before us. */
	if (!s || !replace(s))
		sigaction(sig, &previous, NULL);
	errno = saved;
}

/* #syscalls: rt_sigaction */
static int install_locked(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO}, now;

	if (sigaction(SIGBUS, NULL, &now))
		return -errno;
	if (now.sa_sigaction == on_sigbus)
		return 0;
	previous = now;
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) ? -errno : 0;
}

static int add_locked(void *start, size_t len, unsigned *ret_slot)
{
	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++) {
		if (atomic_load(&slots[i].start))
			continue;
		atomic_store(&slots[i].hit, false);
		atomic_store(&slots[i].len, len);
		atomic_store_explicit(&slots[i].start, (char *)start, memory_order_release);
		*ret_slot = i;
		return 0;
	}
	return -ENOSPC;
}

int guard_add(void *start, size_t len, unsigned *ret_slot)
{
	int r;

	pthread_mutex_lock(&lock);
	r = install_locked();
	if (!r)
		r = add_locked(start, len, ret_slot);
	pthread_mutex_unlock(&lock);
	return r;
}

void guard_remove(unsigned slot)
{
	pthread_mutex_lock(&lock);
	atomic_store(&slots[slot].start, NULL);
	pthread_mutex_unlock(&lock);
}

bool guard_is_hit(unsigned slot)
{
	return atomic_load_explicit(&slots[slot].hit, memory_order_relaxed);
}

bool guard_any_hit(void)
{
	return atomic_load_explicit(&any_hit, memory_order_relaxed);
}
