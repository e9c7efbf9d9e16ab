/* SPDX-License-Identifier: MIT */
/* How many system calls a process makes, and those that it started. They are traced meanwhile, by a
 * process of our own, and slower: nothing else can be measured at the same time. */
#ifndef LOAD_SYSCALLS_H
#define LOAD_SYSCALLS_H

#include <stdint.h>
#include <sys/types.h>

struct syscalls;

/* All threads of the process PID and of its children, those that they will make included. 0,
 * -EPERM when we may not trace it (another user's, or the kernel forbids it), -ESRCH, other -errno.
 * Call it from a process that has one thread. */
int syscalls_start(pid_t pid, struct syscalls **ret_s);

/* Begun so far. */
uint64_t syscalls_count(const struct syscalls *s);

/* The process goes on as before. NULL is allowed. */
void syscalls_stop(struct syscalls *s);

#endif
