/* SPDX-License-Identifier: MIT */
/* Calls to the C library that a test looks at, lets fail, or holds up: the linker leads those of all
 * objects of the program here (--wrap). Which, the list in meson.build says. */
#ifndef TESTS_HOOKS_H
#define TESTS_HOOKS_H

#include <pthread.h>
#include <stdbool.h>

/* Asked before each of these calls, on the thread that makes it. ERR is how this call may fail.
 * Returns 0: the call is made; or ERR: it fails with that. NULL: all calls are made. Set
 * while no other thread runs. */
extern int (*hooks_before)(const char *name, int err);

/* Takes the mutex in the place of pthread_mutex_lock. NULL: that does it. Set likewise. */
extern int (*hooks_lock)(pthread_mutex_t *m);

/* The calls that a thread makes while this is true are nobody's business. */
extern _Thread_local bool hooks_exempt;

#endif
