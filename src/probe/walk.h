/* SPDX-License-Identifier: MIT */
/* Walks a tree the way both sides do, host and guest: by openat from folder to folder, so that no
 * path is too long; symbolic links are never followed, special files never opened. */
#ifndef VERIFY_WALK_H
#define VERIFY_WALK_H

#include <sys/stat.h>

/* One name of the tree. All pointers and descriptors live as long as the call that gets them. */
struct walk_entry {
	const char *name; /* "." for the root */
	int dir_fd;	  /* the folder that holds it; -1 for the root */
	int fd;		  /* a regular file or folder opened for reading, else -1 */
	struct stat st;
	const char *target; /* a symbolic link's, else NULL */
	/* 0, or the errno of the call OP (a string constant): then FD or TARGET is missing, and
	 * if OP is "stat", ST as well. */
	int err;
	const char *op;
};

/* A result other than 0 ends the walk, which returns it. */
struct walk_visitor {
	int (*entry)(void *ctx, const struct walk_entry *e);
	/* After all entries of a folder that was given to entry with a descriptor. ERR: the errno
	 * of the listing, which may be incomplete then. */
	int (*leave)(void *ctx, int err);
};

/* Walks the folder ROOT_FD, which it calls ".", depth first, in the order of getdents. */
int walk_tree(int root_fd, const struct walk_visitor *v, void *ctx);

/* Lets the process have as many descriptors as it may: one is open per level of the tree. */
void walk_raise_fd_limit(void);

#endif
