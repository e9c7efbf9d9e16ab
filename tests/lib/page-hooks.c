/* SPDX-License-Identifier: MIT */
#include "page-hooks.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/types.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

int (*page_hook_cachestat)(uint64_t offset, uint64_t len, uint64_t *ret_pages);
int (*page_hook_splice)(bool from_file, size_t *count);

/* As in hooks.c: what a call does not have is not looked at. */
#define ARGUMENTS long number, long a, long b, long c, long d, long e, long f
long __wrap_syscall(ARGUMENTS);
long __real_syscall(ARGUMENTS);
ssize_t __wrap_splice(int in, loff_t *at, int out, loff_t *to, size_t n, unsigned flags);
ssize_t __real_splice(int in, loff_t *at, int out, loff_t *to, size_t n, unsigned flags);

long __wrap_syscall(ARGUMENTS)
{
	const uint64_t *range = (const uint64_t *)b;
	int err;

	if (number != SYS_cachestat || !page_hook_cachestat)
		return __real_syscall(number, a, b, c, d, e, f);
	err = page_hook_cachestat(range[0], range[1], (uint64_t *)c);
	errno = err ? err : errno;
	return err ? -1 : 0;
}

ssize_t __wrap_splice(int in, loff_t *at, int out, loff_t *to, size_t n, unsigned flags)
{
	int err = page_hook_splice ? page_hook_splice(at, &n) : 0;

	errno = err ? err : errno;
	return err ? -1 : __real_splice(in, at, out, to, n, flags);
}
