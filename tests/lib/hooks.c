/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>

#include "hooks.h"
#include "hooked.h"

int (*hooks_before)(const char *name, int err);
int (*hooks_lock)(pthread_mutex_t *m);
_Thread_local bool hooks_exempt;

int __real_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m);

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
	return hooks_lock && !hooks_exempt ? hooks_lock(m) : __real_pthread_mutex_lock(m);
}

/* The calling conventions of Linux pass the first arguments in registers, whatever their types, and
 * one function serves for all: seven, as syscall(2) has. What a call does not have is not looked at;
 * a result that is narrower is the lower part of a longer one. */
#define ARGUMENTS long a, long b, long c, long d, long e, long f, long g

/* FAILED is what the call returns when it fails. */
#define H(name, err, failed)                                                 \
	long __real_##name(ARGUMENTS);                                       \
	long __wrap_##name(ARGUMENTS);                                       \
	long __wrap_##name(ARGUMENTS)                                        \
	{                                                                    \
		int (*before)(const char *, int) = hooks_before;             \
		int fail = before && !hooks_exempt ? before(#name, err) : 0; \
                                                                             \
		if (!fail)                                                   \
			return __real_##name(a, b, c, d, e, f, g);           \
		errno = fail;                                                \
		return failed;                                               \
	}
HOOKED
