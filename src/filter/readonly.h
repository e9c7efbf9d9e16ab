/* SPDX-License-Identifier: MIT */
/* A filter that changes nothing: what would, gets -EROFS. */
#ifndef FILTER_READONLY_H
#define FILTER_READONLY_H

struct backend;

/* On LOWER, which it takes over if it succeeds. */
int readonly_new(struct backend *lower, struct backend **ret);

#endif
