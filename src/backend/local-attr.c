/* SPDX-License-Identifier: MIT */
/* getattr, setattr, statfs, readlink. */
#include "local-impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "macros.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

#define NSEC_PER_SEC 1000000000u

/* Changes of a size by more than this may take long. */
#define BIG_CHANGE (64ull << 20)

/* What most file systems put into a handle: the inode number and its generation. Asking for the
 * generation itself (FS_IOC_GETVERSION) would need the file opened; and the answer must not depend
 * on whether it is, because clients tell inodes apart by it. */
#define HANDLE_INO32_GEN 1

/* #syscalls: name_to_handle_at */
static uint64_t ask_generation(int fd, uint64_t ino)
{
	struct {
		struct file_handle h;
		uint32_t words[MAX_HANDLE_SZ / 4];
	} h = {.h = {.handle_bytes = MAX_HANDLE_SZ}};
	uint32_t words[2];
	int mount;

	if (name_to_handle_at(fd, "", &h.h, &mount, AT_EMPTY_PATH) ||
	    h.h.handle_type != HANDLE_INO32_GEN || h.h.handle_bytes != sizeof(words))
		return GENERATION_NONE;
	memcpy(words, h.h.f_handle, sizeof(words));
	return words[0] == ino ? words[1] | GENERATION_KNOWN : GENERATION_NONE;
}

static void get_generation(struct inode *i, int fd, struct attr *a)
{
	uint64_t gen = atomic_load_explicit(&i->generation, memory_order_relaxed);

	if (gen == GENERATION_UNASKED) {
		gen = ask_generation(fd, i->key.ino);
		atomic_store_explicit(&i->generation, gen, memory_order_relaxed);
	}
	if (!(gen & GENERATION_KNOWN))
		return;
	a->gen = (uint32_t)gen;
	a->valid |= P9_GETATTR_GEN;
}

static struct attr_time time_of(const struct statx_timestamp *t)
{
	return (struct attr_time){(uint64_t)t->tv_sec, t->tv_nsec};
}

/* As Linux sends device numbers: 12 bits of major, 20 of minor. */
static uint64_t encode_device(uint32_t major, uint32_t minor)
{
	return (minor & 0xffu) | (major & 0xfffu) << 8 | (uint64_t)(minor & 0xfff00u) << 12;
}

static void attr_of(struct local *l, const struct statx *st, bool is_pseudo, struct attr *a)
{
	*a = (struct attr){
		.valid = P9_GETATTR_BASIC | P9_GETATTR_DATA_VERSION,
		.mode = st->stx_mode,
		.uid = st->stx_uid,
		.gid = st->stx_gid,
		.nlink = st->stx_nlink,
		.rdev = encode_device(st->stx_rdev_major, st->stx_rdev_minor),
		.size = st->stx_size,
		.blksize = st->stx_blksize,
		.blocks = st->stx_blocks,
		.atime = time_of(&st->stx_atime),
		.mtime = time_of(&st->stx_mtime),
		.ctime = time_of(&st->stx_ctime),
	};
	a->is_pseudo = is_pseudo;
	qid_of(l, st, &a->qid);
	a->data_version = a->ctime.sec * NSEC_PER_SEC + a->ctime.nsec;
	if (st->stx_mask & STATX_BTIME) {
		a->btime = time_of(&st->stx_btime);
		a->valid |= P9_GETATTR_BTIME;
	}
}

/* The descriptor for a call on N that may be OPEN: the opened one, else a pinned one. */
static int pick_fd(struct local_node *n, struct file *open, const struct call *c, struct pin *p,
		   int *ret_fd)
{
	int r;

	if (open && !(c->in_place && n->inode->device->is_remote)) {
		*ret_fd = local_file(open)->fd;
		return 0;
	}
	r = pin_node(n, c, p);
	if (!r)
		*ret_fd = p->fd;
	return r;
}

int local_getattr(struct node *node, struct file *open, const struct call *c, uint64_t mask,
		  struct attr *ret_attr)
{
	struct local_node *n = local_node(node);
	autopin struct pin pin = PIN_INIT;
	struct statx st;
	int fd, r = pick_fd(n, open, c, &pin, &fd);

	if (!r)
		r = show_caller(n, c);
	if (!r)
		r = stat_fd(fd, &st);
	if (!r)
		r = learn_owner(n, c, fd, &st);
	if (r)
		return r;
	attr_of(n->local, &st, n->inode->device->is_pseudo, ret_attr);
	if (mask & P9_GETATTR_GEN)
		get_generation(n->inode, fd, ret_attr);
	return 0;
}

/* #syscalls: fchownat */
static int change_owner(int fd, const struct attr_change *ch)
{
	uid_t uid = ch->valid & P9_SETATTR_UID ? ch->uid : (uid_t)-1;
	gid_t gid = ch->valid & P9_SETATTR_GID ? ch->gid : (gid_t)-1;

	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) ? -errno : 0;
}

/* #syscalls: fchmodat fchmodat2 */
static int change_mode(struct local_node *n, int fd, uint32_t mode)
{
	char name[12];
	long r;

	if (S_ISLNK(n->inode->type))
		return -EOPNOTSUPP;
	mode &= 07777;
	fd_name(fd, name);
	r = n->local->has_fchmodat2 ? syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH)
				    : fchmodat(n->local->proc_fd, name, mode, 0);
	return r ? -errno : 0;
}

/* #syscalls: ftruncate */
static int truncate_fd(int fd, uint64_t size)
{
	return ftruncate(fd, (off_t)size) ? -errno : 0;
}

static int change_size(struct local_node *n, struct file *open, int fd, uint64_t size)
{
	autoclose int writable = -1;
	int r;

	if (S_ISDIR(n->inode->type))
		return -EISDIR;
	if (!S_ISREG(n->inode->type))
		return -EINVAL;
	if (size > INT64_MAX)
		return -EFBIG;
	if (open && local_file(open)->access != O_RDONLY)
		return truncate_fd(fd, size);
	r = reopen_fd(n->local, fd, O_WRONLY | O_NOCTTY, &writable);
	return r ? r : truncate_fd(writable, size);
}

/* Of one time: what to do, as utimensat(2) wants it. */
static int time_change(const struct attr_change *ch, uint32_t bit, uint32_t set_bit,
		       const struct attr_time *t, struct timespec *ret_ts)
{
	/* A new size makes mtime that of now: who may write may do that, but may not set one time alone. */
	bool is_done = bit == P9_SETATTR_MTIME && ch->valid & P9_SETATTR_SIZE &&
		       !(ch->valid & set_bit);

	if (!(ch->valid & bit) || is_done)
		*ret_ts = (struct timespec){0, UTIME_OMIT};
	else if (!(ch->valid & set_bit))
		*ret_ts = (struct timespec){0, UTIME_NOW};
	else if (t->nsec >= NSEC_PER_SEC)
		return -EINVAL;
	else
		*ret_ts = (struct timespec){(time_t)t->sec, (long)t->nsec};
	return 0;
}

/* #syscalls: utimensat */
static int change_times(int fd, const struct timespec ts[2])
{
	return utimensat(fd, "", ts, AT_EMPTY_PATH) ? -errno : 0;
}

/* Opening a file to change its size may have to wait, too. */
static bool is_slow_change(int fd, struct file *open, const struct attr_change *ch)
{
	struct statx st;

	if (!(ch->valid & P9_SETATTR_SIZE))
		return false;
	if (!open || local_file(open)->access == O_RDONLY || stat_fd(fd, &st))
		return true;
	return st.stx_size > ch->size && st.stx_size - ch->size > BIG_CHANGE;
}

/* The group that the client says the caller is in: the one that a file is given to; for a new mode,
 * that of the file, for the kernel takes the set-group-ID bit from a user who is not in it. */
static uint32_t group_for(const struct local *l, const struct call *c, int fd,
			  const struct attr_change *ch)
{
	struct statx st;

	if (!l->has_identity || !c->uid)
		return GID_UNKNOWN;
	if (ch->valid & P9_SETATTR_GID)
		return ch->gid;
	if (!(ch->valid & P9_SETATTR_MODE) || !(ch->mode & S_ISGID) || stat_fd(fd, &st))
		return GID_UNKNOWN;
	return st.stx_gid;
}

static int change_mode_as_caller(struct local_node *n, int fd, const struct call *c, uint32_t mode)
{
	int r = change_mode(n, fd, mode), again;

	if (r != -EPERM || !may_strip_set_id(n->local, c, fd, mode))
		return r;
	act_as_ourselves(n->local);
	r = change_mode(n, fd, mode);
	again = act_as(n->local, c, GID_UNKNOWN);
	return r ? r : again;
}

/* In the order in which no change undoes another: a new owner takes the set-user-ID bit away, a new
 * size sets mtime. P9_SETATTR_CTIME asks for what any change does anyway. */
static int change_all(struct local_node *n, struct file *open, int fd, const struct call *c,
		      const struct attr_change *ch, const struct timespec ts[2])
{
	bool has_times = ts[0].tv_nsec != UTIME_OMIT || ts[1].tv_nsec != UTIME_OMIT;
	int r = 0;

	if (ch->valid & (P9_SETATTR_UID | P9_SETATTR_GID))
		r = change_owner(fd, ch);
	if (!r && ch->valid & P9_SETATTR_SIZE)
		r = change_size(n, open, fd, ch->size);
	if (!r && has_times)
		r = change_times(fd, ts);
	if (!r && ch->valid & P9_SETATTR_MODE)
		r = change_mode_as_caller(n, fd, c, ch->mode);
	return r;
}

int local_setattr(struct node *node, struct file *open, const struct call *c,
		  const struct attr_change *ch)
{
	struct local_node *n = local_node(node);
	autopin struct pin pin = PIN_INIT;
	struct timespec ts[2];
	int fd, r;

	r = time_change(ch, P9_SETATTR_ATIME, P9_SETATTR_ATIME_SET, &ch->atime, &ts[0]);
	if (!r)
		r = time_change(ch, P9_SETATTR_MTIME, P9_SETATTR_MTIME_SET, &ch->mtime, &ts[1]);
	if (!r)
		r = pick_fd(n, open, c, &pin, &fd);
	if (r)
		return r;
	if (c->in_place && is_slow_change(fd, open, ch))
		return CALL_WOULD_BLOCK;
	r = act_as(n->local, c, group_for(n->local, c, fd, ch));
	if (r)
		return r;
	r = change_all(n, open, fd, c, ch, ts);
	/* Once: a change of mode gives up again what is believed. */
	if (believe_group(n->local, c, r, fd, MAY_WRITE))
		r = change_all(n, open, fd, c, ch, ts);
	return r;
}

static uint64_t fsid_of(const struct statfs *fs)
{
	uint64_t id = 0;

	memcpy(&id, &fs->f_fsid, MIN(sizeof(id), sizeof(fs->f_fsid)));
	return id;
}

/* #syscalls: fstatfs */
int local_statfs(struct node *node, const struct call *c, struct fs_stat *ret_stat)
{
	struct local_node *n = local_node(node);
	autopin struct pin pin = PIN_INIT;
	struct statfs fs;
	int r = pin_node(n, c, &pin);

	if (!r)
		r = show_caller(n, c);
	if (r)
		return r;
	if (fstatfs(pin.fd, &fs))
		return -errno;
	*ret_stat = (struct fs_stat){
		.type = (uint32_t)fs.f_type,
		.bsize = (uint32_t)fs.f_bsize,
		.blocks = fs.f_blocks,
		.bfree = fs.f_bfree,
		.bavail = fs.f_bavail,
		.files = fs.f_files,
		.ffree = fs.f_ffree,
		.fsid = fsid_of(&fs),
		.namelen = (uint32_t)MIN(fs.f_namelen, P9_NAME_MAX),
	};
	return 0;
}

/* #syscalls: readlinkat */
int local_readlink(struct node *node, const struct call *c, char *buf, size_t cap, size_t *ret_len)
{
	struct local_node *n = local_node(node);
	autopin struct pin pin = PIN_INIT;
	char whole[PATH_MAX];
	ssize_t len;
	int r;

	if (!S_ISLNK(n->inode->type))
		return -EINVAL;
	r = pin_node(n, c, &pin);
	if (!r)
		r = show_caller(n, c);
	if (r)
		return r;
	len = readlinkat(pin.fd, "", whole, sizeof(whole));
	if (len < 0)
		return -errno;
	if ((size_t)len > cap)
		return -ENAMETOOLONG;
	memcpy(buf, whole, (size_t)len);
	*ret_len = (size_t)len;
	return 0;
}
