/* SPDX-License-Identifier: MIT */
/* The inside of the synth backend. */
#ifndef BACKEND_SYNTH_IMPL_H
#define BACKEND_SYNTH_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "list.h"

/* The places of the tree: a directory, and behind it what is in it. */
enum synth_kind {
	SYNTH_ROOT,
	SYNTH_SIZES,
	SYNTH_SIZE,
	SYNTH_DIRS,
	SYNTH_DIR,
	SYNTH_DIR_FILE,
	SYNTH_ERRORS,
	SYNTH_ERROR,
	SYNTH_IOERRORS,
	SYNTH_IOERROR,
	SYNTH_BLOCKS,
	SYNTH_BLOCK,
	SYNTH_TMP,
	SYNTH_TMP_FILE,
};

struct synth {
	struct backend backend;
	pthread_mutex_t lock; /* guards all below, and all of /tmp */
	pthread_cond_t changed;
	bool released;
	unsigned n_blocked, n_entries;
	struct list entries; /* of /tmp: struct tmp_entry, by serial */
	struct list locks;   /* struct synth_lock */
	uint64_t serial;     /* of entries and of files */
	uint64_t now;	     /* nanoseconds */
};

/* A file of /tmp. */
struct tmp_file {
	unsigned refs, nlink; /* an entry is a reference, too */
	uint64_t serial;
	uint32_t mode, uid, gid;
	struct attr_time atime, mtime, ctime;
	uint8_t *data; /* of a symlink: its target */
	size_t size;
	struct list xattrs;
};

struct tmp_entry {
	struct list link;
	uint64_t serial;
	struct tmp_file *file;
	struct str name; /* its bytes follow */
};

struct synth_node {
	struct node node;
	struct synth *synth;
	enum synth_kind kind;
	uint64_t number, index; /* of SIZE, DIR, ERROR, IOERROR; of DIR_FILE in its DIR */
	struct tmp_file *tmp;	/* a reference of TMP_FILE */
};

struct synth_file {
	struct file file;
	struct synth_node *node; /* counted */
	uint32_t flags;
};

static inline struct synth_node *synth_node(struct node *n)
{
	return container_of(n, struct synth_node, node);
}

static inline struct synth_file *synth_file(struct file *f)
{
	return container_of(f, struct synth_file, file);
}

/* synth.c */
struct synth_node *synth_node_new(struct synth *s, enum synth_kind kind, uint64_t number);
void synth_qid(const struct synth_node *n, struct qid *ret_qid);
/* -errno of the files in /error; 0. */
int synth_error(const struct synth_node *n);
int synth_walk(struct node *dir, const struct call *c, struct str name, struct node **ret_node,
	       struct qid *ret_qid);

/* synth-file.c */
uint64_t synth_size(const struct synth_node *n);
int synth_open(struct node *n, const struct call *c, uint32_t flags, struct file **ret_file,
	       struct qid *ret_qid);
void synth_free_file(struct file *f);
int synth_read(struct file *f, const struct call *c, const struct iovec *iov, int n,
	       uint64_t offset, size_t *ret_count);
int synth_write(struct file *f, const struct call *c, const struct iovec *iov, int n,
		uint64_t offset, size_t *ret_count);
int synth_fsync(struct file *f, const struct call *c, bool datasync);

/* synth-lock.c */
int synth_lock(struct file *f, const struct call *c, const struct lock_range *l,
	       uint8_t *ret_status);
int synth_getlock(struct file *f, const struct call *c, struct lock_range *l);
void synth_free_locks(struct synth_file *f);

/* synth-tmp.c */
struct tmp_entry *tmp_find_locked(struct synth *s, struct str name);
void tmp_unref_locked(struct tmp_file *t);
void tmp_free_all(struct synth *s);
/* New content: mtime and ctime are now. */
void tmp_touch_locked(struct synth *s, struct tmp_file *t);
/* New bytes are 0. -ENOSPC beyond the limit. */
int tmp_resize_locked(struct tmp_file *t, uint64_t size);
int tmp_setattr(struct node *n, struct file *open, const struct call *c,
		const struct attr_change *change);
int tmp_readlink(struct node *n, const struct call *c, char *buf, size_t cap, size_t *ret_len);
int tmp_create(struct node *dir, const struct call *c, struct str name, uint32_t flags,
	       uint32_t mode, uint32_t gid, struct node **ret_node, struct file **ret_file,
	       struct qid *ret_qid);
int tmp_make(struct node *dir, const struct call *c, struct str name, const struct make_args *args,
	     struct qid *ret_qid);
int tmp_link(struct node *dir, const struct call *c, struct str name, struct node *target);
int tmp_unlink(struct node *dir, const struct call *c, struct str name, uint32_t flags);
int tmp_rename(struct node *olddir, const struct call *c, struct str oldname, struct node *newdir,
	       struct str newname);
int tmp_remove_node(struct node *n, const struct call *c);
int tmp_move_node(struct node *n, const struct call *c, struct node *newdir, struct str newname,
		  struct node **ret_node);

/* synth-xattr.c */
void tmp_free_xattrs(struct tmp_file *t);
int tmp_xattr_get(struct node *n, const struct call *c, struct str name, void *buf, size_t cap,
		  size_t *ret_size);
int tmp_xattr_set(struct node *n, const struct call *c, struct str name, const void *value,
		  size_t size, uint32_t flags);
int tmp_xattr_remove(struct node *n, const struct call *c, struct str name);

#endif
