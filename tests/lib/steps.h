/* SPDX-License-Identifier: MIT */
/* Threads of a server that go on one at a time, in an order that is chosen: all orders are tried,
 * with at most so many switches away from a thread that could go on.
 *
 * A thread is led while it is in an operation of the backend (steps_enter to steps_leave). It stops at
 * its start, before each call that changes or looks up names, and where a mutex is taken that
 * another one holds. The thread that chooses is the test's. */
#ifndef TESTS_STEPS_H
#define TESTS_STEPS_H

#include <stdbool.h>

#define STEPS_MAX_ACTORS 4

/* By the test's thread, while there is no other. */
void steps_init(void);

/* Before and behind an operation, on a server's thread; outside of steps_start to steps_run they do
 * nothing. */
void steps_enter(void);
void steps_leave(void);

/* From now on, threads stop. Then the requests are sent, each after steps_wait. */
void steps_start(void);

/* Waits until each of SENT requests has stopped, or has ended as ENDED(ARG) counts. Aborts after a
 * minute. */
void steps_wait(unsigned sent, unsigned (*ended)(void *arg), void *arg);

/* Lets the threads go on, in the order that is next to be tried, until SENT requests have ended. False: they wait for each other for ever. */
bool steps_run(unsigned sent, unsigned (*ended)(void *arg), void *arg);

/* Begins with the first order, of those with up to SWITCHES. */
void steps_reset(unsigned switches);

/* Is there an order that was not tried (after a thousand, no)? It is the next. */
bool steps_next(void);

#endif
