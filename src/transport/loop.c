/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"

#define BATCH 64

struct loop {
	int epoll_fd;
	struct watch wake;	       /* an eventfd: tasks were posted, or stop */
	_Atomic(struct task *) posted; /* newest first */
	atomic_bool stop;
	struct epoll_event events[BATCH]; /* taken from the kernel */
	int next, n_events;		  /* those from NEXT on are still to be called */
};

/* Tasks posted meanwhile wait for the next round, so that they cannot starve the descriptors. */
static void run_tasks(struct loop *l)
{
	struct task *newest = atomic_exchange_explicit(&l->posted, NULL, memory_order_acquire);
	struct task *oldest = NULL;

	while (newest) {
		struct task *t = newest;

		newest = t->next;
		t->next = oldest;
		oldest = t;
	}
	while (oldest) {
		struct task *t = oldest;

		oldest = t->next;
		t->run(t);
	}
}

/* #syscalls: read */
static void woken(struct watch *w, uint32_t events)
{
	struct loop *l = container_of(w, struct loop, wake);
	eventfd_t count;

	(void)events;
	/* Reset before the list is taken: a task posted in between wakes us again. */
	(void)!eventfd_read(w->fd, &count);
	run_tasks(l);
}

int loop_new(struct loop **ret_l)
{
	autoclose int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	autoclose int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct loop *l;
	int r;

	if (epoll_fd < 0 || wake_fd < 0)
		return -errno;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->epoll_fd = epoll_fd;
	l->wake = (struct watch){.fd = wake_fd, .ready = woken};
	r = loop_add(l, &l->wake, EPOLLIN);
	if (r) {
		free(l);
		return r;
	}
	steal_fd(&epoll_fd);
	steal_fd(&wake_fd);
	*ret_l = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	close(l->wake.fd);
	close(l->epoll_fd);
	free(l);
}

/* #syscalls: epoll_ctl */
static int control(struct loop *l, int op, struct watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};

	return epoll_ctl(l->epoll_fd, op, w->fd, &e) ? -errno : 0;
}

int loop_add(struct loop *l, struct watch *w, uint32_t events)
{
	return control(l, EPOLL_CTL_ADD, w, events);
}

int loop_change(struct loop *l, struct watch *w, uint32_t events)
{
	return control(l, EPOLL_CTL_MOD, w, events);
}

void loop_remove(struct loop *l, struct watch *w)
{
	control(l, EPOLL_CTL_DEL, w, 0);
	for (int i = l->next; i < l->n_events; i++)
		if (l->events[i].data.ptr == w)
			l->events[i].data.ptr = NULL;
}

/* #syscalls: write */
static void wake(struct loop *l)
{
	int saved = errno;

	(void)!eventfd_write(l->wake.fd, 1);
	errno = saved;
}

void loop_post(struct loop *l, struct task *t)
{
	struct task *first = atomic_load_explicit(&l->posted, memory_order_relaxed);

	do
		t->next = first;
	while (!atomic_compare_exchange_weak_explicit(&l->posted, &first, t, memory_order_release,
						      memory_order_relaxed));
	/* Whoever posted FIRST has woken the loop. */
	if (!first)
		wake(l);
}

static void call_ready(struct loop *l)
{
	while (l->next < l->n_events) {
		const struct epoll_event *e = &l->events[l->next++];
		struct watch *w = e->data.ptr;

		if (w)
			w->ready(w, e->events);
	}
}

/* #syscalls: epoll_wait epoll_pwait */
int loop_run(struct loop *l)
{
	while (!atomic_load(&l->stop)) {
		int n = epoll_wait(l->epoll_fd, l->events, BATCH, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		l->next = 0;
		l->n_events = MAX(n, 0);
		call_ready(l);
	}
	atomic_store(&l->stop, false);
	return 0;
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	wake(l);
}
