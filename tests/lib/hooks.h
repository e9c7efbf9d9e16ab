/* SPDX-License-Identifier: MIT */
/* Calls to the C library that a test looks at, lets fail, or holds up: the linker leads those of all
 * objects of the program here (--wrap). Which, the list in meson.build says. */
#ifndef TESTS_HOOKS_H
#define TESTS_HOOKS_H

#include <stdbool.h>

/* Asked before each of these calls, on the thread that makes it. ERR is how this call may fail, 0:
 * not at all. Returns 0: the call is made; or ERR: it fails with that. NULL: all calls are made. Set
 * while no other thread runs. */
extern int (*hooks_before)(const char *name, int err);

/* The calls that a thread makes while this is true are nobody's business. */
extern _Thread_local bool hooks_exempt;

#endif
