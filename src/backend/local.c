/* SPDX-License-Identifier: MIT */
#include "local.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "local-impl.h"
#include "local-reopen.h"
#include "macros.h"

/* System calls newer than the headers of the oldest system that we build on. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_getxattrat
#define SYS_getxattrat 464
#endif

#define N_FIRST_BUCKETS 1024
/* Descriptors left for the rest of the program, at most. */
#define MAX_SPARE_FDS 256
#define MAX_FDS (1u << 20)

int copy_name(struct str name, char buf[NAME_SIZE])
{
	if (!name.len)
		return -ENOENT;
	if (name.len >= NAME_SIZE)
		return -ENAMETOOLONG;
	if (memchr(name.p, '/', name.len) || memchr(name.p, 0, name.len))
		return -EINVAL;
	memcpy(buf, name.p, name.len);
	buf[name.len] = 0;
	return strcmp(buf, ".") && strcmp(buf, "..") ? 0 : -EINVAL;
}

/* #syscalls: openat2 openat */
static int open_at2(int dir_fd, const char *name, const struct open_how *how)
{
	return (int)syscall(SYS_openat2, dir_fd, name, how, sizeof(*how));
}

int open_child_here(int dir_fd, const char *name, int *ret_fd)
{
	const struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_XDEV,
	};
	int fd = open_at2(dir_fd, name, &how);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int open_child(struct local *l, int dir_fd, const char *name, bool cached, int *ret_fd)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	int fd;

	if (cached && !l->has_resolve_cached)
		return CALL_WOULD_BLOCK;
	if (cached)
		how.resolve |= RESOLVE_CACHED;
	fd = l->has_openat2 ? open_at2(dir_fd, name, &how)
			    : openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return cached && errno == EAGAIN ? CALL_WOULD_BLOCK : -errno;
	*ret_fd = fd;
	return 0;
}

int lock_for(const struct call *c, pthread_mutex_t *m)
{
	if (!c->in_place)
		return -pthread_mutex_lock(m);
	return pthread_mutex_trylock(m) ? CALL_WOULD_BLOCK : 0;
}

void unlock_held(pthread_mutex_t **m)
{
	if (*m)
		pthread_mutex_unlock(*m);
}

void fd_name(int fd, char buf[12])
{
	unsigned left = (unsigned)fd;
	char digits[12], *at = digits + sizeof(digits);

	*--at = 0;
	do
		*--at = (char)('0' + left % 10);
	while (left /= 10);
	memcpy(buf, at, (size_t)(digits + sizeof(digits) - at));
}

int reopen_fd(struct local *l, int fd, int flags, int *ret_fd)
{
	char name[12];
	int again;

	fd_name(fd, name);
	again = openat(l->proc_fd, name, flags | O_CLOEXEC);
	if (again < 0)
		return -errno;
	*ret_fd = again;
	return 0;
}

#define STAT_MASK (STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID)

/* #syscalls: statx */
int stat_fd(int fd, struct statx *ret_st)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STAT_MASK, ret_st) ? -errno : 0;
}

int stat_fd_cached(int fd, struct statx *ret_st)
{
	const int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC;

	return statx(fd, "", flags, STAT_MASK, ret_st) ? -errno : 0;
}

int stat_at(int dir_fd, const char *name, struct statx *ret_st)
{
	return statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STAT_MASK, ret_st)
		       ? -errno
		       : 0;
}

int stat_at_cached(int dir_fd, const char *name, struct statx *ret_st)
{
	const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;

	return statx(dir_fd, name, flags, STAT_MASK, ret_st) ? -errno : 0;
}

static void probe_kernel(struct local *l)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
	autoclose int plain = open_at2(l->root_fd, ".", &how);
	autoclose int cached = -1;

	how.resolve |= RESOLVE_CACHED;
	cached = open_at2(l->root_fd, ".", &how);
	l->has_openat2 = plain >= 0;
	l->has_resolve_cached = cached >= 0 || (l->has_openat2 && errno == EAGAIN);
	l->has_fchmodat2 = syscall(SYS_fchmodat2, -1, "", 0, AT_EMPTY_PATH) && errno == EBADF;
	l->has_xattrat = syscall(SYS_getxattrat, -1, "", 0, "", NULL, 0) && errno == EINVAL;
}

/* As many descriptors as we may have: half for nodes (a quarter more than their budget, where some
 * cannot be reclaimed), half for opened files. */
static void set_budget(struct local *l, unsigned max_fds)
{
	struct rlimit lim;
	unsigned all = 1024;

	if (!getrlimit(RLIMIT_NOFILE, &lim)) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
		getrlimit(RLIMIT_NOFILE, &lim);
		all = (unsigned)MIN(lim.rlim_cur, MAX_FDS);
	}
	all -= MIN(all / 4, MAX_SPARE_FDS);
	l->max_fds = max_fds ? max_fds : all / 5 * 2;
	l->max_files = all / 2;
}

static void free_local(struct backend *b)
{
	struct local *l = container_of(b, struct local, backend);

	inodes_done(l);
	prefixes_free(l);
	listings_free(l);
	close(l->root_fd);
	close(l->proc_fd);
	if (l->handle_fd >= 0)
		close(l->handle_fd);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->rename_lock);
	free(l->known);
	free(l);
}

static const struct backend_ops local_ops = {
	.name = "local",
	.free_backend = free_local,
	.attach = local_attach,
	.walk = local_walk,
	.free_node = local_free_node,
	.getattr = local_getattr,
	.setattr = local_setattr,
	.statfs = local_statfs,
	.readlink = local_readlink,
	.open = local_open,
	.create = local_create,
	.free_file = local_free_file,
	.read = local_read,
	.splice = local_splice,
	.write = local_write,
	.readdir = local_readdir,
	.fsync = local_fsync,
	.lock = local_lock,
	.getlock = local_getlock,
	.make = local_make,
	.link = local_link,
	.unlink = local_unlink,
	.rename = local_rename,
	.remove_node = local_remove_node,
	.move_node = local_move_node,
	.xattr_get = local_xattr_get,
	.xattr_set = local_xattr_set,
	.xattr_remove = local_xattr_remove,
};

static void init_fields(struct local *l, const struct local_config *cfg, const struct statx *root)
{
	l->backend.ops = &local_ops;
	l->allow_devices = cfg->allow_devices;
	l->proc_is_cwd = cfg->proc_fd > 0;
	l->ask_owner = cfg->ask_owner;
	l->ask_arg = cfg->ask_arg;
	l->has_group = cfg->has_group;
	l->group_arg = cfg->group_arg;
	l->root_dev = stat_dev(root);
	l->root_mnt = root->stx_mask & STATX_MNT_ID ? root->stx_mnt_id : 0;
	l->has_identity = cfg->passthrough && identity_is_possible();
	l->handle_fd = open_handle_mount(l->root_fd);
	list_init(&l->lru);
	pthread_mutex_init(&l->lock, NULL);
	pthread_mutex_init(&l->rename_lock, NULL);
	probe_kernel(l);
	set_budget(l, cfg->max_fds);
}

static int open_or_copy(const char *path, int fd)
{
	return fd > 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3)
		      : open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int local_new(const struct local_config *cfg, struct backend **ret_b)
{
	autoclose int root_fd = open_or_copy(cfg->dir, cfg->dir_fd);
	autoclose int proc_fd = -1;
	autofree struct local *l = calloc(1, sizeof(*l));
	struct statx st;

	if (root_fd < 0)
		return -errno;
	proc_fd = open_or_copy("/proc/self/fd", cfg->proc_fd);
	if (proc_fd < 0)
		return -errno;
	if (stat_fd(root_fd, &st))
		return -errno;
	if (!l || !(l->buckets = calloc(N_FIRST_BUCKETS, sizeof(struct inode *))))
		return -ENOMEM;
	l->n_buckets = N_FIRST_BUCKETS;
	if (prefixes_new(l) || known_children_new(l) || listings_new(l)) {
		free(l->known);
		free(l->prefixes);
		free(l->buckets);
		return -ENOMEM;
	}
	l->root_fd = steal_fd(&root_fd);
	l->proc_fd = steal_fd(&proc_fd);
	init_fields(l, cfg, &st);
	umask(0);
	*ret_b = &l->backend;
	steal_ptr(&l);
	return 0;
}

void local_get_usage(struct backend *b, struct local_usage *ret)
{
	struct local *l = container_of(b, struct local, backend);

	pthread_mutex_lock(&l->lock);
	*ret = (struct local_usage){
		.node_fds = l->n_fds,
		.max_node_fds = l->max_fds,
		.open_files = atomic_load(&l->n_files),
		.max_open_files = l->max_files,
	};
	pthread_mutex_unlock(&l->lock);
}
