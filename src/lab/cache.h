/* SPDX-License-Identifier: MIT */
/* The cache folder: entries that are complete or absent, made by one process at a time.
 *
 *	kernels/NAME_VERSION[_HASH]/	see kernel.h
 *	qemu/NAME_VERSION/		an unpacked QEMU
 *	build/NAME/			see kernel-tree.h
 *	apt/SUITES/			apt's private state
 *	lock/THING			held while THING is made
 *	tmp/THING.XXXXXX		where it is made; what is left of a crash goes with the next
 *try log/THING.log			the output of the tools, when they failed
 */
#ifndef LAB_CACHE_H
#define LAB_CACHE_H

#include <stdint.h>

#include "macros.h"

/* A thing in the making: the lock on its name and a private folder on the cache's file system. */
struct cache_work {
	char *cache; /* the cache folder */
	char *thing;
	char *tmp; /* NULL once published */
	int lock;
};

#define CACHE_WORK_INIT    \
	{                  \
		.lock = -1 \
	}

/* Sets *RET_WHY (once: a first reason stays) to printf's text and returns R. */
int lab_why(int r, char **ret_why, const char *fmt, ...) printf_like(3, 4);

/* Locks THING, saying so on standard error when another process holds it, and removes what an
 * interrupted one left. -EINTR when a signal handler ran while it waited. */
int cache_work_begin(const char *thing, struct cache_work *ret_w, char **ret_why);

/* Makes w->tmp, with room for MIB MiB to come. */
int cache_work_make_tmp(struct cache_work *w, unsigned mib, char **ret_why);

/* Gives w->tmp's subfolder SUB (NULL: all of it) its place FOLDER/ENTRY, instead of an older one.
 */
int cache_work_publish(struct cache_work *w, const char *sub, const char *folder,
		       const char *entry);

/* Drops the lock, removes the temporary folder. */
void cache_work_end(struct cache_work *w);

/* Removes the folder PATH with all that it holds; other file systems below it stay. */
int remove_tree(const char *path);

/* Bytes of all regular files beneath PATH, 0 if there are none. */
uint64_t tree_size(const char *path);

/* The user's home folder, NULL if there is none. */
const char *lab_home(void);

/* mkdir -p. */
int make_dirs(const char *path);

#endif
