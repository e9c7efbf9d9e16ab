/* SPDX-License-Identifier: MIT */
/* The inside of the local backend.
 *
 * Theory of operation. No path is ever kept. An inode is one host file that is in use: it is
 * unique, found in a hash table by what statx says of it, and holds an O_PATH descriptor. A node is
 * one way by which the client came to an inode: the node of the directory and the name in it (its
 * place). Nodes keep their directory's node, so ".." is the place's node and never leaves the root,
 * which has no place.
 *
 * Beyond the budget of descriptors, inodes that no call is using lose theirs, least recently used
 * first; the next call opens them again by file handle, or by place, and checks that it is the same
 * file. A descriptor is closed only after it was seen that one of the two leads back to the file.
 *
 * Locks, in order: rename_lock; an inode's lock_mutex, a file's dir_mutex; lock. Nothing blocks
 * under `lock`.
 */
#ifndef BACKEND_LOCAL_IMPL_H
#define BACKEND_LOCAL_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "backend.h"
#include "cleanup.h"
#include "identity.h"
#include "list.h"

/* A file system of the host, by st_dev; lives as long as the backend. */
struct device {
	struct device *next;
	uint64_t dev;
	bool is_memory;	     /* tmpfs and the like: reads and writes never wait for a disk */
	bool is_remote;	     /* any call may wait for another program or machine */
	bool is_pseudo;	     /* files are made when they are read: their sizes say little */
	bool has_btime;	     /* which stays the same as long as the file lives */
	bool is_plain;	     /* one of the usual ones on a disk or in memory */
	bool lists_by_ctime; /* a folder's names do not change without its ctime */
	bool splices;	     /* files are read by way of the page cache */
	atomic_bool no_nowait_write; /* knows no RWF_NOWAIT for writes */
};

struct inode_key {
	uint64_t dev, ino, mnt;
	int64_t btime_sec; /* tells a reused inode number from the file that had it */
	uint32_t btime_nsec;
};

struct inode {
	struct inode_key key;
	struct device *device;
	uint32_t type; /* S_IFMT bits */

	/* Under local.lock. */
	struct inode *hash_next;
	struct list nodes; /* struct local_node.of_inode */
	struct list files; /* struct local_file.of_inode */
	struct list lru;   /* in local.lru while it holds a descriptor that nobody uses */
	unsigned refs;	   /* nodes, and threads that took one */
	unsigned users;	   /* pins: the descriptor stays */
	int fd;		   /* O_PATH; -1: reclaimed */
	struct saved_handle *handle;
	struct known_owner {
		int64_t ctime_sec;
		uint32_t ctime_nsec, uid, gid;
		bool is_known;
	} owner; /* local-owner.c */

	struct file_memory memory;
	_Atomic uint64_t generation; /* GENERATION_..., or the number | GENERATION_KNOWN */

	pthread_mutex_t lock_mutex; /* guards lock_owners and what they hold */
	struct list lock_owners;
};

#define GENERATION_UNASKED 0
#define GENERATION_NONE 1
#define GENERATION_KNOWN (1ull << 32)

struct place {
	struct local_node *parent; /* counted */
	struct place *next;	   /* for lists of places that are no longer used */
	char name[];
};

struct local_node {
	struct node node;
	struct local *local;
	struct inode *inode;
	struct list of_inode;
	struct place *place; /* under local.lock; replaced, never edited; NULL: a root */
};

/* Holds an inode and its descriptor. */
struct pin {
	struct local *local;
	struct inode *inode;
	int fd;
};

#define PIN_INIT                        \
	{                               \
		.inode = NULL, .fd = -1 \
	}
#define autopin cleanup(pin_done)

struct local_file {
	struct file file;
	struct local_node *node; /* counted */
	struct pin pin;		 /* as long as it is open */
	struct list of_inode;
	int fd;
	int access;		    /* O_RDONLY, O_WRONLY or O_RDWR */
	bool is_sync;		    /* opened O_SYNC or O_DSYNC */
	atomic_bool no_nowait_read; /* the file system does not know RWF_NOWAIT */
	atomic_bool no_splice;	    /* it, or the kernel, or we may not ask */
	struct list lock_uses;	    /* under the inode's lock_mutex */
	pthread_mutex_t dir_mutex;
	bool dir_counted;	/* under dir_mutex: among local.n_dir_buffers */
	bool dir_kept;		/* under dir_mutex: the last reply was of a kept listing */
	struct dir_buffer *dir; /* under dir_mutex; NULL until the first readdir */
};

struct local {
	struct backend backend;
	int root_fd;   /* the export, O_PATH */
	int proc_fd;   /* /proc/self/fd: works even where /proc is out of reach later */
	int handle_fd; /* the export opened for reading, -1 when handles do not work */
	uint64_t root_dev, root_mnt;
	bool proc_is_cwd; /* the working directory is that of proc_fd */
	int (*ask_owner)(void *arg, int fd, uint32_t *ret_uid, uint32_t *ret_gid);
	void *ask_arg;
	bool (*has_group)(void *arg, uint32_t gid);
	void *group_arg;
	bool allow_devices;
	bool has_identity; /* may act as another user */
	bool has_openat2, has_resolve_cached, has_fchmodat2, has_xattrat;
	unsigned max_fds, max_files;
	atomic_uint n_files;	   /* opened files and lock owners */
	atomic_uint n_lock_owners; /* those among them */
	atomic_uint n_lock_uses;   /* no descriptors: at most as many as files, nevertheless */
	atomic_uint n_dir_buffers;
	pthread_mutex_t rename_lock; /* a rename and the new places are one step */
	pthread_mutex_t lock;
	struct inode **buckets;
	size_t n_buckets, n_inodes;
	struct list lru;
	unsigned n_fds, n_reclaimed, n_renames;
	struct device *devices;
	struct prefix_table *prefixes;
	struct listings *listings;
	struct known_child *known;	/* local-known.c */
	atomic_uint n_cold_for_workers; /* local-cold.c */
};

static inline struct local_node *local_node(struct node *n)
{
	return container_of(n, struct local_node, node);
}

static inline struct local_file *local_file(struct file *f)
{
	return container_of(f, struct local_file, file);
}

/* A C string of a name; -EINVAL, -ENAMETOOLONG or -ENOENT for what names no directory entry. */
#define NAME_SIZE 256
int copy_name(struct str name, char buf[NAME_SIZE]);

/* Takes M; CALL_WOULD_BLOCK if C is in place and somebody has it. */
int lock_for(const struct call *c, pthread_mutex_t *m);
void unlock_held(pthread_mutex_t **m);
/* Given back at the end of the scope, unless NULL. */
#define autounlock cleanup(unlock_held)

/* local-caller.c */

#define GID_UNKNOWN 0xffffffffu

/* From here on this thread acts on the host as the user who asks, if the server acts as others. GID
 * is the group that new files get, or that the client says the user is in. -EPERM. */
int act_as(const struct local *l, const struct call *c, uint32_t gid);
/* Before a call on N for which the host's kernel asks for no right: where the file is another machine's
 * or program's, that one may, and is to see the caller, not whom this thread served last. */
int show_caller(const struct local_node *n, const struct call *c);
/* Or as the server, which may go everywhere. */
void act_as_ourselves(const struct local *l);

/* Of a new file of MODE in DIR_FD for which a client says GID. In a set-group-ID folder it gets the
 * folder's group; clients say that one too, but it does not prove that the user is in it: without it
 * the kernel does not give a program the set-group-ID bit. */
uint32_t group_of_new(const struct local *l, int dir_fd, uint32_t mode, uint32_t gid);

#define MAY_READ 4u
#define MAY_WRITE 2u
#define MAY_SEARCH 1u

/* R is what the host said to the caller about the file FD. True if the caller may get WANT as one of
 * the file's group: then the thread is in that group until its next act_as, and the call is to be
 * tried again, for the host decides again. */
bool believe_group(const struct local *l, const struct call *c, int r, int fd, unsigned want);
/* Likewise of a rename of NAME from FROM_FD to TO_FD: in all three groups, for a folder that gets
 * another parent is written to itself. */
bool believe_groups(const struct local *l, const struct call *c, int r, int from_fd,
		    const char *name, int to_fd);
/* Linux as a client takes the set-ID bits away itself before a user writes: by a change of the mode
 * as that user, who need not be the owner. Is MODE that, and may the user write to FD? */
bool may_strip_set_id(struct local *l, const struct call *c, int fd, uint32_t mode);

/* local-inode.c */

/* The descriptor of N's inode, opened again if need be; -ESTALE when the file cannot be found
 * again. */
int pin_node(struct local_node *n, const struct call *c, struct pin *ret_pin);
void pin_done(struct pin *p);
/* Only if the inode KEY is in use and has its descriptor. */
bool try_pin_key_locked(struct local *l, const struct inode_key *key, struct pin *ret_pin);
/* Takes MEMBER out of its list, under the same lock. */
void pin_done_and_leave(struct pin *p, struct list *member);

static inline struct pin pin_steal(struct pin *p)
{
	struct pin stolen = *p;

	*p = (struct pin)PIN_INIT;
	return stolen;
}

/* The inode of the file that FD (O_PATH) is, described by ST. Takes FD, also when it fails. */
int inode_get(struct local *l, int fd, const struct statx *st, struct pin *ret_pin);
/* AS_USER: and a pin. */
void inode_ref_locked(struct inode *i, bool as_user);
void inode_drop_user_locked(struct local *l, struct inode *i);
void inode_unref(struct local *l, struct inode *i);
/* The inode in use that ST describes; NULL if there is none. */
struct inode *find_inode_locked(struct local *l, const struct statx *st);
bool is_equal_key(const struct inode_key *a, const struct inode_key *b);
bool is_same_file(const struct inode *i, const struct statx *st);
void inodes_done(struct local *l);

/* Opens NAME (one component) of DIR_FD with O_PATH; CALL_WOULD_BLOCK if CACHED and not in memory.
 */
int open_child(struct local *l, int dir_fd, const char *name, bool cached, int *ret_fd);
/* The same, maybe waiting for a disk; -EXDEV for what is on another file system. */
int open_child_here(int dir_fd, const char *name, int *ret_fd);
/* Opens again, for real, what FD is. */
int reopen_fd(struct local *l, int fd, int flags, int *ret_fd);
int stat_fd(int fd, struct statx *ret_st);
/* Without asking the machine that a remote file is on. */
int stat_fd_cached(int fd, struct statx *ret_st);
int stat_at(int dir_fd, const char *name, struct statx *ret_st);
int stat_at_cached(int dir_fd, const char *name, struct statx *ret_st);
/* "N" for use below proc_fd. */
void fd_name(int fd, char buf[12]);

/* local-reopen.c; the rest is in local-reopen.h */

/* Before NAME of DIR_FD vanishes: the inode in use that it names gets its descriptor back and keeps
 * it while the pin lives. No inode in use: *P is left empty. */
void pin_victim(struct local *l, int dir_fd, const char *name, struct pin *p);

/* local-node.c */

/* A node of the inode that PIN holds. PARENT NULL: a root, which stays pinned. */
int node_new(struct local *l, const struct pin *pin, struct local_node *parent, const char *name,
	     struct local_node **ret_n);
/* N's place: *RET_PARENT counted; -EBUSY for a root. */
int node_place(struct local_node *n, struct local_node **ret_parent, char name[NAME_SIZE]);
/* OLDNAME of OLDDIR is now NEWNAME of NEWDIR: gives the nodes that were there their new place. */
void nodes_moved(struct local *l, int new_dir_fd, struct local_node *olddir, const char *oldname,
		 struct local_node *newdir, const char *newname);
void unref_node(struct local_node **n);
#define autonode cleanup(unref_node)

int local_attach(struct backend *b, const struct call *c, struct str aname, struct node **ret_root,
		 struct qid *ret_qid);
int local_walk(struct node *dir, const struct call *c, struct str name, struct node **ret_node,
	       struct qid *ret_qid);
void local_free_node(struct node *n);

/* local-known.c */
int known_children_new(struct local *l);
void known_child_set_locked(struct local *l, const struct local_node *dir, const char *name,
			    const struct inode *i);
/* The inode in use that NAME of DIR leads to now, if that is cheap to find out. DIR is open as
 * DIR_FD, and this thread acts as the caller. */
bool known_child_find(struct local *l, const struct local_node *dir, int dir_fd, const char *name,
		      struct pin *ret_pin, struct statx *ret_st);

/* local-cold.c */

/* In place: opens NAME of DIR, which is open as DIR_FD and acts as the caller, where that is known
 * to be quick; else CALL_WOULD_BLOCK. */
int open_child_cold(struct local_node *dir, int dir_fd, const char *name, int *ret_fd);
/* One of these has taken so long. */
void cold_walk_took(struct local *l, uint64_t ns);

/* local-qid.c */
int prefixes_new(struct local *l);
void prefixes_free(struct local *l);
/* NULL: not met yet. */
struct device *find_device_locked(const struct local *l, uint64_t dev);
bool is_known_local(struct local *l, uint64_t dev);
/* Never NULL but for want of memory. */
struct device *device_get(struct local *l, int fd, uint64_t dev);
uint64_t qid_path(struct local *l, uint64_t dev, uint64_t ino);
uint8_t qid_type(uint32_t mode);
void qid_of(struct local *l, const struct statx *st, struct qid *ret_qid);
uint64_t stat_dev(const struct statx *st);
/* Will the next change set another ctime? Time stamps have steps: what was changed a moment ago may
 * change again without a trace. */
bool has_settled(const struct statx *st);

/* local-attr.c */
int local_getattr(struct node *n, struct file *open, const struct call *c, uint64_t mask,
		  struct attr *ret_attr);
int local_setattr(struct node *n, struct file *open, const struct call *c,
		  const struct attr_change *change);
int local_statfs(struct node *n, const struct call *c, struct fs_stat *ret_stat);
int local_readlink(struct node *n, const struct call *c, char *buf, size_t cap, size_t *ret_len);

/* local-owner.c */
/* Puts into ST the owner of N, which is open as FD, if ST cannot tell it. */
int learn_owner(struct local_node *n, const struct call *c, int fd, struct statx *st);

/* local-file.c */
int local_open(struct node *n, const struct call *c, uint32_t flags, struct file **ret_file,
	       struct qid *ret_qid);
int local_create(struct node *dir, const struct call *c, struct str name, uint32_t flags,
		 uint32_t mode, uint32_t gid, struct node **ret_node, struct file **ret_file,
		 struct qid *ret_qid);
void local_free_file(struct file *f);
/* A file that is open on I, counted, or NULL. */
struct local_file *borrow_file(struct local *l, struct inode *i);
/* A slot of the budget of opened descriptors; -ENFILE. */
int take_file_slot(struct local *l);
void give_file_slot(struct local *l);

/* local-io.c */
int local_read(struct file *f, const struct call *c, const struct iovec *iov, int n,
	       uint64_t offset, size_t *ret_count);
int local_splice(struct file *f, const struct call *c, int pipe, size_t count, uint64_t offset,
		 size_t *ret_count);
int local_write(struct file *f, const struct call *c, const struct iovec *iov, int n,
		uint64_t offset, size_t *ret_count);
int local_fsync(struct file *f, const struct call *c, bool datasync);

/* local-listing.c */

/* All that getdents64 said of a folder, unchanging. */
struct kept_listing {
	atomic_uint refs;
	struct inode_key key;
	int64_t ctime_sec;
	uint32_t ctime_nsec;
	size_t size;
	_Alignas(uint64_t) char bytes[];
};

int listings_new(struct local *l);
void listings_free(struct local *l);
/* Of the folder I, which ST was just said to be; counted, or NULL. */
struct kept_listing *listing_find(struct local *l, const struct inode *i, const struct statx *st);
/* May what is read after ST be kept for this ctime? */
bool may_keep_listing(const struct inode *i, const struct statx *st);
void listing_keep(struct local *l, const struct inode *i, const struct statx_timestamp *ctime,
		  const char *bytes, size_t size);
void listing_unref(struct kept_listing *g);

/* local-readdir.c */
void free_dir_buffer(struct local_file *f);
int local_readdir(struct file *f, const struct call *c, uint64_t offset, emit_fn emit, void *arg);

/* local-make.c */

/* Makes the regular file or directory that A says, with attributes and content, in one step. */
int make_whole(struct local *l, int dir_fd, const char *name, const struct make_args *a);

/* local-dir.c */
int local_make(struct node *dir, const struct call *c, struct str name,
	       const struct make_args *args, struct qid *ret_qid);
int local_link(struct node *dir, const struct call *c, struct str name, struct node *target);
int local_unlink(struct node *dir, const struct call *c, struct str name, uint32_t flags);
int local_rename(struct node *olddir, const struct call *c, struct str oldname, struct node *newdir,
		 struct str newname);
int local_remove_node(struct node *n, const struct call *c);
int local_move_node(struct node *n, const struct call *c, struct node *newdir, struct str newname,
		    struct node **ret_node);

/* local-lock.c */
int local_lock(struct file *f, const struct call *c, const struct lock_range *l,
	       uint8_t *ret_status);
int local_getlock(struct file *f, const struct call *c, struct lock_range *l);
void release_locks(struct local_file *f);

/* local-xattr.c */
int local_xattr_get(struct node *n, const struct call *c, struct str name, void *buf, size_t cap,
		    size_t *ret_size);
int local_xattr_set(struct node *n, const struct call *c, struct str name, const void *value,
		    size_t size, uint32_t flags);
int local_xattr_remove(struct node *n, const struct call *c, struct str name);

#endif
