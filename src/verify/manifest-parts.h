/* SPDX-License-Identifier: MIT */
/* What manifest.c and manifest-file.c share. */
#ifndef VERIFY_MANIFEST_PARTS_H
#define VERIFY_MANIFEST_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "arena.h"
#include "manifest.h"

/* An inode with several names, and the first of them. */
struct link {
	uint64_t dev, ino;
	struct node *node;
};

/* The thread owns all of it until manifest_wait, but for the atomics. */
struct manifest {
	struct arena arena; /* nodes and their strings */
	int root_fd;
	struct node *root;
	struct node *folder; /* that is being read */
	void *linked;	     /* of tsearch: struct link */
	uint64_t files, bytes;
	pthread_t thread;
	bool is_running;
	int result;
	atomic_bool stop;
	_Atomic uint64_t done_files, done_bytes;
	char list[65536], value[65536]; /* of extended attributes */
};

int manifest_new(int root_fd, struct manifest **ret_m);
int manifest_set_target(struct manifest *m, struct node *n, const char *target);

#endif
