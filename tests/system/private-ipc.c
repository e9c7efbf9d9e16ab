/* SPDX-License-Identifier: MIT */
/* Shared memory and semaphores of System V for dbench and fio, in a kernel that has none: to preload.
 * What they ask for is their own (IPC_PRIVATE), of their children too, and goes with them. */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define N_SEGMENTS 16

static struct {
	void *at;
	size_t size;
} segments[N_SEGMENTS];
static int n_segments;

/* One set is enough, of one semaphore; and how many wait until it is zero. */
static struct semaphore {
	atomic_int value, waiting;
} * semaphore;

static void *map_shared(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static int refuse(int err)
{
	errno = err;
	return -1;
}

int shmget(key_t key, size_t size, int flags)
{
	void *at;

	(void)flags;
	if (key != IPC_PRIVATE || n_segments == N_SEGMENTS)
		return refuse(ENOSPC);
	at = map_shared(size);
	if (at == MAP_FAILED)
		return -1;
	segments[n_segments].at = at;
	segments[n_segments].size = size;
	return n_segments++;
}

void *shmat(int id, const void *where, int flags)
{
	(void)flags;
	if (id < 0 || id >= n_segments || where) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	return segments[id].at;
}

int shmdt(const void *at)
{
	(void)at;
	return 0;
}

int shmctl(int id, int command, struct shmid_ds *ds)
{
	if (id < 0 || id >= n_segments || (command != IPC_RMID && command != IPC_STAT))
		return refuse(EINVAL);
	if (command == IPC_STAT)
		*ds = (struct shmid_ds){.shm_segsz = segments[id].size, .shm_nattch = 1};
	return 0;
}

int semget(key_t key, int n, int flags)
{
	void *at;

	(void)flags;
	if (key != IPC_PRIVATE || n != 1 || semaphore)
		return refuse(ENOSPC);
	at = map_shared(sizeof(*semaphore));
	if (at == MAP_FAILED)
		return -1;
	semaphore = at;
	return 0;
}

int semctl(int id, int n, int command, ...)
{
	va_list args;

	if (id || n || !semaphore)
		return refuse(EINVAL);
	if (command == GETVAL)
		return atomic_load(&semaphore->value);
	if (command == GETZCNT)
		return atomic_load(&semaphore->waiting);
	if (command != SETVAL)
		return command == IPC_RMID ? 0 : refuse(EINVAL);
	va_start(args, command);
	atomic_store(&semaphore->value, va_arg(args, int));
	va_end(args);
	return 0;
}

/* Waits by yielding: for seconds at most, at the start of a run. */
static void operate(short by)
{
	for (;;) {
		int value = atomic_load(&semaphore->value);

		if (by ? value + by < 0 : value)
			sched_yield();
		else if (atomic_compare_exchange_weak(&semaphore->value, &value, value + by))
			return;
	}
}

int semop(int id, struct sembuf *ops, size_t n)
{
	bool for_zero = !ops->sem_op;

	if (id || n != 1 || !semaphore)
		return refuse(EINVAL);
	atomic_fetch_add(&semaphore->waiting, for_zero);
	operate(ops->sem_op);
	atomic_fetch_sub(&semaphore->waiting, for_zero);
	return 0;
}
