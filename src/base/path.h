/* SPDX-License-Identifier: MIT */
/* Paths put together, and files written in one call. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stddef.h>

/* PATH/NAME, in malloc'ed memory; NULL when that is out. */
char *path_join(const char *path, const char *name);

/* Writes the N bytes at DATA to PATH, which is made or emptied first. 0 or -errno. */
int path_write(const char *path, const void *data, size_t n);

/* Writes all N bytes to FD, however many calls that takes. 0 or -errno. */
int write_all(int fd, const void *data, size_t n);

#endif
