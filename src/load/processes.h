/* SPDX-License-Identifier: MIT */
/* The processes of a server: the one that was named, and those that it started, which often do
 * the work. */
#ifndef LOAD_PROCESSES_H
#define LOAD_PROCESSES_H

#include <stdint.h>
#include <sys/types.h>

#define PROCESSES_MAX 64U

/* PID, then its children, their children and so on, as they are now: at most PROCESSES_MAX, how
 * many is returned; 0: there is no process PID. Source: /proc/PID/task/TID/children, which some
 * kernels lack; then PID alone. */
unsigned processes_list(pid_t pid, pid_t pids[static PROCESSES_MAX]);

/* Nanoseconds of CPUs that these have had together so far; 0: not to be had. What processes had that
 * have ended meanwhile is no longer in it. */
uint64_t processes_cpu_ns(pid_t pid);

#endif
