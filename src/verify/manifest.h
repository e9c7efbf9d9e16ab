/* SPDX-License-Identifier: MIT */
/* What the host holds: the tree of a folder with every file's digests, made in a thread of its own
 * while the guest boots and reads, or loaded from a file. */
#ifndef VERIFY_MANIFEST_H
#define VERIFY_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "report.h"
#include "runs.h"

struct xattr {
	struct xattr *next;
	char *name, *value;
	size_t len;
};

/* One name. */
struct node {
	struct node *parent; /* NULL: the root */
	char *name;
	char kind; /* as in a report: d f l o; a further name of a file is an f as well */
	struct node_stat st;
	int err;	   /* why the host could not read it, 0 if it could */
	bool is_unstable;  /* it changed each time we read it */
	struct node *same; /* the first name of this inode, which has the content; or itself */
	struct runs runs;
	uint64_t length; /* in bytes, as read */
	char *target;	 /* of a symbolic link */
	struct xattr *xattrs;
	struct node **children; /* of a folder, sorted by name once the folder is complete */
	size_t n_children, cap_children;
	unsigned seen; /* for the comparison: the number of the walk that met it */
};

struct manifest;

/* Starts to read the folder ROOT_FD, which stays the caller's and open. 0 or -errno. */
int manifest_start(int root_fd, struct manifest **ret_m);

/* Waits until it is complete. 0, -errno, -ECANCELED after manifest_cancel. */
int manifest_wait(struct manifest *m);

/* The same for MS milliseconds at most: -ETIMEDOUT. */
int manifest_wait_for(struct manifest *m, int ms);

/* Makes the thread end soon; safe from any thread. */
void manifest_cancel(struct manifest *m);
void manifest_free(struct manifest *m);

/* Reads what manifest_save wrote. -EINVAL: malformed at line *RET_LINE. ROOT_FD as above. */
int manifest_load(FILE *f, int root_fd, struct manifest **ret_m, unsigned *ret_line);
int manifest_save(struct manifest *m, FILE *f);

/* Of a complete one. */
struct node *manifest_root(struct manifest *m);
int manifest_root_fd(const struct manifest *m);
struct node *manifest_child(const struct node *folder, const char *name);

/* The node of a path as node_path writes it; NULL when there is none. */
struct node *manifest_find(struct manifest *m, const char *path);

uint64_t manifest_files(const struct manifest *m);
uint64_t manifest_bytes(const struct manifest *m);

/* How far it is. */
void manifest_progress(struct manifest *m, uint64_t *ret_files, uint64_t *ret_bytes);

/* "a/b/c" beneath the root; "." for the root itself. The caller frees it. */
char *node_path(const struct node *n);

/* For those that build one, thread or loader: a node beneath PARENT, complete folders, the end. */
struct node *manifest_add(struct manifest *m, struct node *parent, const char *name, char kind,
			  const struct node_stat *st);
int manifest_add_xattr(struct node *n, const char *name, const void *value, size_t len);
void manifest_end_folder(struct node *folder);

#endif
