/* SPDX-License-Identifier: MIT */
/* Scope-bound ownership: a variable marked auto... frees what it holds when its scope ends,
 * steal_... takes it out first. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup(fn) __attribute__((cleanup(fn)))

#define autofree cleanup(cleanup_free)
#define autoclose cleanup(cleanup_close)
#define autofclose cleanup(cleanup_fclose)
#define autoclosedir cleanup(cleanup_closedir)

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

/* Keeps errno, so that `return -errno` after a failed call stays right. */
static inline void cleanup_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define steal_ptr(p)                       \
	__extension__({                    \
		__auto_type taken_ = *(p); \
		*(p) = NULL;               \
		taken_;                    \
	})

#endif
