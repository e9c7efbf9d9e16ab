/* SPDX-License-Identifier: MIT */
/* What the server asks of a file tree: one ops struct. `local` (a host folder) and `synth` (in
 * memory) implement it; filters implement it on top of another. Functions may be called from
 * several threads at once, also for one object.
 *
 * A node is a file of the tree, found by walking; a file is a node opened. Both are counted by the
 * server: it calls the ops' free functions when the last reference is gone. A node keeps meaning
 * the same file when that is renamed or, while opened, unlinked.
 *
 * Each op returns 0 or -errno (what Rlerror will carry), or CALL_WOULD_BLOCK.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "protocol.h"

/* Who asks, and how. */
struct call {
	uint32_t uid; /* whom `admit` made of the fid's Tattach (n_uname); P9_NONUNAME: nobody's */
	uint64_t client; /* the session: locks of different clients exclude each other */
	bool in_place;	 /* called on the thread that serves the ring or the socket: an op that may
			  * block returns CALL_WOULD_BLOCK before it has any effect, and is called
			  * again from a worker with in_place false */
};

#define CALL_WOULD_BLOCK (-4096) /* no errno */

/* The fields of Rgetattr; VALID has the P9_GETATTR_ bits of those that are filled. */
struct attr {
	uint64_t valid;
	struct qid qid;
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, size, blksize, blocks;
	struct attr_time {
		uint64_t sec, nsec;
	} atime, mtime, ctime, btime;
	uint64_t gen, data_version;
	bool is_pseudo; /* SIZE says little: the content is made when it is read (sysfs, proc) */
};

/* The fields of Tsetattr that VALID (P9_SETATTR_ bits) names. */
struct attr_change {
	uint32_t valid;
	uint32_t mode, uid, gid;
	uint64_t size;
	struct attr_time atime, mtime;
};

/* The fields of Rstatfs. */
struct fs_stat {
	uint32_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree, fsid;
	uint32_t namelen;
};

/* A byte-range lock: Tlock, Tgetlock. Length 0 means to the end of the file. */
struct lock_range {
	uint8_t type; /* enum p9_lock_type */
	uint64_t start, length;
	uint32_t proc_id;
	struct str client_id; /* in an answer: a view that lives as long as the file, or empty */
};

/* Kinds of new file for `make`. */
enum make_kind { MAKE_NODE, MAKE_DIRECTORY, MAKE_SYMLINK };

/* An extended attribute that a new file has from the start. */
struct make_attr {
	const char *name;
	const void *value;
	size_t size;
};

struct make_args {
	enum make_kind kind;
	uint32_t mode; /* with the S_IFMT bits for MAKE_NODE; ignored for a symlink */
	uint32_t gid;
	uint32_t major, minor; /* MAKE_NODE */
	struct str target;     /* MAKE_SYMLINK */

	/* For a regular file or a directory: its name appears when it has these, and a file this
	 * content, or not at all. */
	const struct make_attr *attrs;
	size_t n_attrs;
	struct str content;
};

struct backend;
struct node;
struct file;

/* Receives one directory entry. Returns false when there is no room for it: it is the first one
 * of the next call then. */
typedef bool (*emit_fn)(void *arg, const struct dirent9 *entry);

struct backend_ops {
	const char *name;

	void (*free_backend)(struct backend *b);

	/* As whom the backend is called for a client's user UID: what call.uid is then. -EOVERFLOW:
	 * for nobody. NULL: as that one. */
	int (*admit)(struct backend *b, uint32_t uid, uint32_t *ret_uid);

	/* The root of the tree ANAME ("" or "/": the whole). One reference is the caller's. */
	int (*attach)(struct backend *b, const struct call *c, struct str aname,
		      struct node **ret_root, struct qid *ret_qid);

	/* One component, checked by msg_check_name; ".." at the root is the root. */
	int (*walk)(struct node *dir, const struct call *c, struct str name, struct node **ret_node,
		    struct qid *ret_qid);
	void (*free_node)(struct node *n);

	/* OPEN is the node's opened file, or NULL: getattr and setattr (size) go through it. */
	int (*getattr)(struct node *n, struct file *open, const struct call *c, uint64_t mask,
		       struct attr *ret_attr);
	int (*setattr)(struct node *n, struct file *open, const struct call *c,
		       const struct attr_change *change);
	int (*statfs)(struct node *n, const struct call *c, struct fs_stat *ret_stat);
	/* The link's target in BUF (CAP bytes), not terminated. */
	int (*readlink)(struct node *n, const struct call *c, char *buf, size_t cap,
			size_t *ret_len);

	/* FLAGS are P9_O_ bits. */
	int (*open)(struct node *n, const struct call *c, uint32_t flags, struct file **ret_file,
		    struct qid *ret_qid);
	/* Creates (or, without P9_O_EXCL, opens) the regular file NAME in DIR. */
	int (*create)(struct node *dir, const struct call *c, struct str name, uint32_t flags,
		      uint32_t mode, uint32_t gid, struct node **ret_node, struct file **ret_file,
		      struct qid *ret_qid);
	/* Locks taken through the file are gone with it. */
	void (*free_file)(struct file *f);

	/* Straight between the file and the memory of IOV (N parts, at most IOV_MAX), which may be
	 * the guest's: other threads may write to it meanwhile. *RET_COUNT is short at the end
	 * only. */
	int (*read)(struct file *f, const struct call *c, const struct iovec *iov, int n,
		    uint64_t offset, size_t *ret_count);
	/* The same into the pipe whose writing end PIPE is, without a copy: up to COUNT bytes, for which
	 * there is room from a page's start at or before OFFSET on. What changes in the file before
	 * they are taken out may show in them. On failure some may be in the pipe; then, and where
	 * this is NULL, `read` has to do. */
	int (*splice)(struct file *f, const struct call *c, int pipe, size_t count, uint64_t offset,
		      size_t *ret_count);
	int (*write)(struct file *f, const struct call *c, const struct iovec *iov, int n,
		     uint64_t offset, size_t *ret_count);
	/* Entries from OFFSET (0, or the offset of an earlier entry) on, "." and ".." included. */
	int (*readdir)(struct file *f, const struct call *c, uint64_t offset, emit_fn emit,
		       void *arg);
	int (*fsync)(struct file *f, const struct call *c, bool datasync);

	/* *RET_STATUS is an enum p9_lock_status. Never waits: P9_LOCK_BLOCKED instead. */
	int (*lock)(struct file *f, const struct call *c, const struct lock_range *l,
		    uint8_t *ret_status);
	/* *L becomes the lock that is in the way, or of type P9_LOCK_UNLCK. */
	int (*getlock)(struct file *f, const struct call *c, struct lock_range *l);

	/* A new directory, symlink, fifo, socket, device or regular file, not opened. */
	int (*make)(struct node *dir, const struct call *c, struct str name,
		    const struct make_args *args, struct qid *ret_qid);
	int (*link)(struct node *dir, const struct call *c, struct str name, struct node *target);
	/* FLAGS: P9_AT_REMOVEDIR. */
	int (*unlink)(struct node *dir, const struct call *c, struct str name, uint32_t flags);
	int (*rename)(struct node *olddir, const struct call *c, struct str oldname,
		      struct node *newdir, struct str newname);
	/* Tremove and Trename, which name the file by its fid: -ESTALE when it is no longer where
	 * it was walked to. *RET_NODE of move_node: what replaces N in the fid. */
	int (*remove_node)(struct node *n, const struct call *c);
	int (*move_node)(struct node *n, const struct call *c, struct node *newdir,
			 struct str newname, struct node **ret_node);

	/* The value of attribute NAME, or with an empty NAME the list of all names, each with its
	 * NUL. With CAP 0 only the size; -ERANGE when CAP is too small. */
	int (*xattr_get)(struct node *n, const struct call *c, struct str name, void *buf,
			 size_t cap, size_t *ret_size);
	/* FLAGS as setxattr(2). */
	int (*xattr_set)(struct node *n, const struct call *c, struct str name, const void *value,
			 size_t size, uint32_t flags);
	int (*xattr_remove)(struct node *n, const struct call *c, struct str name);
};

/* Backends, nodes and files start with these. */
struct backend {
	const struct backend_ops *ops;
};

/* What the server's guards remember of a file: one for all nodes of the file, zero at first. */
struct file_memory {
	_Atomic uint64_t told_size;  /* what the last getattr said */
	_Atomic uint64_t ours_until; /* wall clock, ns: of the last change by a client */
	atomic_uint n_changing;	     /* changes by clients that are under way */
};

struct node {
	const struct backend_ops *ops;
	atomic_uint refs;
	struct file_memory *memory; /* lives as long as the node; NULL: there is none */
};

struct file {
	const struct backend_ops *ops;
	atomic_uint refs;
};

/* Calls OP of a node's or a file's backend, which need not have it. */
#define backend_call(object, op, ...) \
	((object)->ops->op ? (object)->ops->op((object), __VA_ARGS__) : -EOPNOTSUPP)

static inline struct node *node_ref(struct node *n)
{
	atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
	return n;
}

static inline void node_unref(struct node *n)
{
	if (n && atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) == 1)
		n->ops->free_node(n);
}

static inline struct file *file_ref(struct file *f)
{
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

static inline void file_unref(struct file *f)
{
	if (f && atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) == 1)
		f->ops->free_file(f);
}

static inline int backend_admit(struct backend *b, uint32_t uid, uint32_t *ret_uid)
{
	if (b->ops->admit)
		return b->ops->admit(b, uid, ret_uid);
	*ret_uid = uid;
	return 0;
}

static inline void backend_free(struct backend *b)
{
	if (b)
		b->ops->free_backend(b);
}

#endif
