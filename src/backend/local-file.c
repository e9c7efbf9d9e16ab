/* SPDX-License-Identifier: MIT */
/* open and create. */
#include "local-impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "macros.h"

/* What a client's flags mean here. Not passed on: O_CREAT and O_EXCL (create has them), O_NOCTTY
 * and O_NOFOLLOW (always so), O_NONBLOCK, O_ASYNC, O_DIRECT (the guest's buffers are not aligned,
 * and it is the client's cache that the caller wants to avoid), O_APPEND unless write-only.
 *
 * Appending: a client that caches writes sends what it holds at offsets of its own, also of what it
 * has sent before, and pwrite(2) on an O_APPEND descriptor would write it again at the end. Such a
 * client opens files for reading too. One that opens for writing only does not cache, and gets
 * appends that no other writer can overlap. */
static const struct {
	uint32_t p9;
	int host;
} flag_table[] = {
	{P9_O_TRUNC, O_TRUNC},	       {P9_O_DSYNC, O_DSYNC},	  {P9_O_SYNC, O_SYNC},
	{P9_O_DIRECTORY, O_DIRECTORY}, {P9_O_NOATIME, O_NOATIME},
};

static int host_flags(uint32_t flags, int *ret_flags)
{
	static const int access[] = {O_RDONLY, O_WRONLY, O_RDWR};
	int host = O_NOCTTY | O_CLOEXEC | O_LARGEFILE;

	if ((flags & P9_O_ACCMODE) == P9_O_ACCMODE)
		return -EINVAL;
	host |= access[flags & P9_O_ACCMODE];
	for (size_t i = 0; i < ARRAY_SIZE(flag_table); i++)
		if ((flags & flag_table[i].p9) == flag_table[i].p9)
			host |= flag_table[i].host;
	if (flags & P9_O_APPEND && (flags & P9_O_ACCMODE) == P9_O_WRONLY)
		host |= O_APPEND;
	*ret_flags = host;
	return 0;
}

int take_file_slot(struct local *l)
{
	if (atomic_fetch_add_explicit(&l->n_files, 1, memory_order_relaxed) < l->max_files)
		return 0;
	give_file_slot(l);
	return -ENFILE;
}

void give_file_slot(struct local *l)
{
	atomic_fetch_sub_explicit(&l->n_files, 1, memory_order_relaxed);
}

/* Takes *PIN, *FD and the slot of the budget, if it succeeds. */
static int file_new(struct local_node *n, struct pin *pin, int *fd, int flags,
		    struct file **ret_file)
{
	struct local_file *f = malloc(sizeof(*f));

	if (!f)
		return -ENOMEM;
	*f = (struct local_file){.file = {.ops = n->node.ops, .refs = 1}};
	node_ref(&n->node);
	f->node = n;
	f->pin = pin_steal(pin);
	f->fd = steal_fd(fd);
	f->access = flags & O_ACCMODE;
	f->is_sync = flags & O_DSYNC;
	list_init(&f->lock_uses);
	pthread_mutex_init(&f->dir_mutex, NULL);
	pthread_mutex_lock(&n->local->lock);
	list_add_tail(&n->inode->files, &f->of_inode);
	pthread_mutex_unlock(&n->local->lock);
	*ret_file = &f->file;
	return 0;
}

void local_free_file(struct file *file)
{
	struct local_file *f = local_file(file);

	release_locks(f);
	close(f->fd);
	give_file_slot(f->node->local);
	pin_done_and_leave(&f->pin, &f->of_inode);
	free_dir_buffer(f);
	node_unref(&f->node->node);
	pthread_mutex_destroy(&f->dir_mutex);
	free(f);
}

/* A file may be on its way to being freed: then its count is 0, and stays so. */
static bool try_file_ref(struct local_file *f)
{
	unsigned refs = atomic_load_explicit(&f->file.refs, memory_order_relaxed);

	while (refs)
		if (atomic_compare_exchange_weak_explicit(&f->file.refs, &refs, refs + 1,
							  memory_order_relaxed,
							  memory_order_relaxed))
			return true;
	return false;
}

struct local_file *borrow_file(struct local *l, struct inode *i)
{
	struct local_file *found = NULL;

	pthread_mutex_lock(&l->lock);
	list_for_each (it, &i->files) {
		found = list_entry(it, struct local_file, of_inode);
		if (try_file_ref(found))
			break;
		found = NULL;
	}
	pthread_mutex_unlock(&l->lock);
	return found;
}

static int check_type(uint32_t type, int flags)
{
	switch (type) {
	case S_IFREG:
		return flags & O_DIRECTORY ? -ENOTDIR : 0;
	case S_IFDIR:
		return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC ? -EISDIR : 0;
	case S_IFLNK:
		return -ELOOP;
	default: /* the client's kernel opens these itself; here they are names only */
		return -ENXIO;
	}
}

static int try_open(struct local *l, const struct pin *pin, int flags, int *ret_fd)
{
	int fd;

	if (!S_ISDIR(pin->inode->type))
		return reopen_fd(l, pin->fd, flags, ret_fd);
	fd = openat(pin->fd, ".", flags);
	if (fd < 0 && errno == EACCES) /* "." also asks for the right to search */
		return reopen_fd(l, pin->fd, flags, ret_fd);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static unsigned wanted_rights(int flags)
{
	static const unsigned by_access[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE};

	return by_access[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

static int open_as_caller(struct local *l, const struct pin *pin, const struct call *c, int flags,
			  int *ret_fd)
{
	int r;

	do
		r = try_open(l, pin, flags, ret_fd);
	while (believe_group(l, c, r, pin->fd, wanted_rights(flags)));
	return r;
}

static int open_pinned(struct local *l, const struct pin *pin, const struct call *c, int flags,
		       int *ret_fd)
{
	int r = act_as(l, c, GID_UNKNOWN);

	if (r)
		return r;
	if (c->in_place) /* a lease is waited for by a worker */
		flags |= O_NONBLOCK;
	r = open_as_caller(l, pin, c, flags, ret_fd);
	if (r == -EPERM && flags & O_NOATIME)
		r = open_as_caller(l, pin, c, flags & ~O_NOATIME, ret_fd);
	return c->in_place && r == -EAGAIN ? CALL_WOULD_BLOCK : r;
}

static bool is_big(int fd)
{
	struct statx st;

	return !stat_fd(fd, &st) && st.stx_size > (64u << 20);
}

static int open_node(struct local_node *n, const struct call *c, int flags, struct file **ret_file,
		     struct statx *ret_st)
{
	struct local *l = n->local;
	autopin struct pin pin = PIN_INIT;
	autoclose int fd = -1;
	int r = check_type(n->inode->type, flags);

	if (!r)
		r = pin_node(n, c, &pin);
	if (r)
		return r;
	if (c->in_place && flags & O_TRUNC && is_big(pin.fd))
		return CALL_WOULD_BLOCK;
	r = take_file_slot(l);
	if (r)
		return r;
	r = open_pinned(l, &pin, c, flags, &fd);
	if (!r)
		r = stat_fd(fd, ret_st);
	if (!r)
		r = file_new(n, &pin, &fd, flags, ret_file);
	if (r)
		give_file_slot(l);
	return r;
}

int local_open(struct node *node, const struct call *c, uint32_t flags, struct file **ret_file,
	       struct qid *ret_qid)
{
	struct local_node *n = local_node(node);
	struct statx st;
	int host, r = host_flags(flags, &host);

	if (!r)
		r = open_node(n, c, host, ret_file, &st);
	if (!r)
		qid_of(n->local, &st, ret_qid);
	return r;
}

struct create_args {
	struct local_node *dir;
	const struct pin *dir_pin;
	const struct call *call;
	const char *name;
	int flags;
	uint32_t mode, gid;
};

/* #syscalls: openat2 openat */
static int create_once(const struct local *l, int dir_fd, const char *name,
		       const struct open_how *how, int *ret_fd)
{
	int fd = l->has_openat2 ? (int)syscall(SYS_openat2, dir_fd, name, how, sizeof(*how))
				: openat(dir_fd, name, (int)how->flags, (mode_t)how->mode);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int create_new(const struct create_args *a, int *ret_fd)
{
	struct local *l = a->dir->local;
	int r, dir_fd = a->dir_pin->fd;
	const struct open_how how = {
		.flags = (unsigned)((a->flags & ~(O_TRUNC | O_NOATIME)) | O_CREAT | O_EXCL |
				    O_NOFOLLOW),
		.mode = a->mode & 07777,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};

	r = act_as(l, a->call, group_of_new(l, dir_fd, a->mode, a->gid));
	if (r)
		return r;
	do
		r = create_once(l, dir_fd, a->name, &how, ret_fd);
	while (believe_group(l, a->call, r, dir_fd, MAY_WRITE | MAY_SEARCH));
	return r;
}

/* Node and file of what FD, just created, is. Takes *FD and the slot, if it succeeds. */
static int adopt_created(const struct create_args *a, int *fd, struct local_node **ret_node,
			 struct file **ret_file, struct statx *ret_st)
{
	struct local *l = a->dir->local;
	autonode struct local_node *n = NULL;
	autopin struct pin pin = PIN_INIT;
	int path_fd, r = stat_fd(*fd, ret_st);

	if (!r)
		r = reopen_fd(l, *fd, O_PATH, &path_fd);
	if (!r)
		r = inode_get(l, path_fd, ret_st, &pin);
	if (!r)
		r = node_new(l, &pin, a->dir, a->name, &n);
	if (!r)
		r = file_new(n, &pin, fd, a->flags, ret_file);
	if (!r)
		*ret_node = steal_ptr(&n);
	return r;
}

static int create_file(const struct create_args *a, struct local_node **ret_node,
		       struct file **ret_file, struct statx *ret_st)
{
	struct local *l = a->dir->local;
	autoclose int fd = -1;
	int r = take_file_slot(l);

	if (r)
		return r;
	r = create_new(a, &fd);
	if (!r)
		r = adopt_created(a, &fd, ret_node, ret_file, ret_st);
	if (r)
		give_file_slot(l);
	return r;
}

static int open_existing(const struct create_args *a, struct local_node **ret_node,
			 struct file **ret_file, struct statx *ret_st)
{
	const struct str name = {a->name, (uint16_t)strlen(a->name)};
	struct node *found;
	struct qid qid;
	int r = local_walk(&a->dir->node, a->call, name, &found, &qid);

	if (r)
		return r;
	r = open_node(local_node(found), a->call, a->flags, ret_file, ret_st);
	if (r)
		node_unref(found);
	else
		*ret_node = local_node(found);
	return r;
}

/* Created with O_EXCL, else opened as any file is: nothing special or linked can be opened by
 * creating it. Goes round while somebody removes and creates the name. */
int local_create(struct node *dir, const struct call *c, struct str name, uint32_t flags,
		 uint32_t mode, uint32_t gid, struct node **ret_node, struct file **ret_file,
		 struct qid *ret_qid)
{
	autopin struct pin pin = PIN_INIT;
	struct create_args a = {local_node(dir), &pin, c, NULL, 0, mode, gid};
	struct local_node *n = NULL;
	char buf[NAME_SIZE];
	struct statx st;
	int r = copy_name(name, buf);

	a.name = buf;
	if (!r)
		r = host_flags(flags & ~(uint32_t)P9_O_DIRECTORY, &a.flags);
	if (!r)
		r = pin_node(a.dir, c, &pin);
	if (r)
		return r;
	for (int tries = 0; tries < 100; tries++) {
		r = create_file(&a, &n, ret_file, &st);
		if (r != -EEXIST || flags & P9_O_EXCL)
			break;
		r = open_existing(&a, &n, ret_file, &st);
		if (r != -ENOENT)
			break;
	}
	if (r)
		return r;
	qid_of(a.dir->local, &st, ret_qid);
	*ret_node = &n->node;
	return 0;
}
