/* SPDX-License-Identifier: MIT */
/* An event loop on epoll: one thread that runs callbacks for descriptors that are ready. */
#ifndef TRANSPORT_LOOP_H
#define TRANSPORT_LOOP_H

#include <stdint.h>

struct loop;

/* A watched descriptor. Lives in its owner's struct; the loop never frees it. */
struct watch {
	int fd;
	void (*ready)(struct watch *w, uint32_t events); /* EPOLLIN ... */
};

/* Something to run once on the loop's thread. */
struct task {
	struct task *next;
	void (*run)(struct task *t);
};

int loop_new(struct loop **ret_l);
void loop_free(struct loop *l);

/* Loop's thread only. A removed watch is not called any more, not even for events that were
 * already taken from the kernel. */
int loop_add(struct loop *l, struct watch *w, uint32_t events);
int loop_change(struct loop *l, struct watch *w, uint32_t events);
void loop_remove(struct loop *l, struct watch *w);

/* From any thread; T must not be posted already. Tasks run in the order in which they were posted;
 * T may be posted again, or freed, from its run. */
void loop_post(struct loop *l, struct task *t);

/* Runs until loop_stop, also one before the call; all that was ready with it is still called. 0 or
 * -errno. */
int loop_run(struct loop *l);

/* From any thread and from signal handlers. */
void loop_stop(struct loop *l);

#endif
