/* SPDX-License-Identifier: MIT */
/* Extended attributes. The calls on descriptors refuse O_PATH, so these go by the descriptor's name
 * in /proc/self/fd, which leads to the file itself, also when that is a symlink. */
#include "local-impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

/* Since Linux 6.13: relative to proc_fd, thus also where /proc is out of reach. */
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#define SYS_getxattrat 464
#define SYS_listxattrat 465
#define SYS_removexattrat 466
#endif

#define XATTR_SIZE_LIMIT 65536 /* the kernel's, of a value and of a list */

struct at_args {
	_Alignas(8) uint64_t value;
	uint32_t size, flags;
};

struct target {
	char room[32];
	const char *path, *fd_name;
};

static void set_target(const struct local *l, int fd, struct target *t)
{
	static const char dir[] = "/proc/self/fd/";

	strcpy(t->room, dir);
	fd_name(fd, t->room + sizeof(dir) - 1);
	t->fd_name = t->room + sizeof(dir) - 1;
	t->path = l->proc_is_cwd ? t->fd_name : t->room;
}

static int copy_attr_name(struct str name, char buf[NAME_SIZE])
{
	if (!name.len || name.len >= NAME_SIZE)
		return -ERANGE; /* as the system call */
	if (memchr(name.p, 0, name.len))
		return -EINVAL;
	memcpy(buf, name.p, name.len);
	buf[name.len] = 0;
	return 0;
}

static ssize_t get_value(struct local *l, const struct target *t, const char *name, void *buf,
			 size_t cap)
{
	struct at_args a = {(uintptr_t)buf, (uint32_t)cap, 0};

	if (l->has_xattrat)
		return syscall(SYS_getxattrat, l->proc_fd, t->fd_name, 0, name, &a, sizeof(a));
	return getxattr(t->path, name, buf, cap);
}

/* #syscalls: listxattr listxattrat */
static ssize_t get_list(struct local *l, const struct target *t, char *buf, size_t cap)
{
	if (l->has_xattrat)
		return syscall(SYS_listxattrat, l->proc_fd, t->fd_name, 0, buf, cap);
	return listxattr(t->path, buf, cap);
}

/* By a file that is open, else by the node. */
/* #syscalls: fgetxattr flistxattr */
static int get_once(struct local_node *n, const struct local_file *open, int fd, const char *name,
		    void *buf, size_t cap, size_t *ret_size)
{
	struct target t;
	ssize_t size;

	set_target(n->local, fd, &t);
	if (open)
		size = name ? fgetxattr(fd, name, buf, cap) : flistxattr(fd, buf, cap);
	else
		size = name ? get_value(n->local, &t, name, buf, cap)
			    : get_list(n->local, &t, buf, cap);
	if (size < 0)
		return -errno;
	*ret_size = (size_t)size;
	return 0;
}

/* A user who is not root has no right to these, whatever capabilities the server kept. */
static int check_right(const struct local *l, const struct call *c, const char *name, bool change)
{
	if (!l->has_identity || !c->uid || c->uid == P9_NONUNAME)
		return 0;
	if (!strncmp(name, "trusted.", 8))
		return change ? -EPERM : -ENODATA;
	return change && !strncmp(name, "security.", 9) ? -EPERM : 0;
}

static int get_attr(struct local_node *n, const struct call *c, const char *name, void *buf,
		    size_t cap, size_t *ret_size)
{
	struct local *l = n->local;
	autopin struct pin pin = PIN_INIT;
	struct local_file *open = borrow_file(l, n->inode);
	int r = open ? 0 : pin_node(n, c, &pin), fd = open ? open->fd : pin.fd;

	if (!r)
		r = act_as(l, c, GID_UNKNOWN);
	if (!r)
		do
			r = get_once(n, open, fd, name, buf, cap, ret_size);
		while (believe_group(l, c, r, fd, MAY_READ));
	if (open)
		file_unref(&open->file);
	return r;
}

/* Some clients ask for security.capability before each write: a file that is open answers three
 * times as fast. */
int local_xattr_get(struct node *node, const struct call *c, struct str name, void *buf, size_t cap,
		    size_t *ret_size)
{
	struct local_node *n = local_node(node);
	char attr[NAME_SIZE];
	int r = name.len ? copy_attr_name(name, attr) : 0;

	if (!r && name.len)
		r = check_right(n->local, c, attr, false);
	if (!r && c->in_place && n->inode->device->is_remote)
		r = CALL_WOULD_BLOCK;
	if (r)
		return r;
	if (cap > XATTR_SIZE_LIMIT)
		cap = XATTR_SIZE_LIMIT;
	return get_attr(n, c, name.len ? attr : NULL, buf, cap, ret_size);
}

/* A change of attribute NAME: what ARGS is for setxattrat(2), NULL to remove it. */
/* #syscalls: setxattr setxattrat */
/* #syscalls: removexattr removexattrat */
static int change_once(const struct local *l, const struct target *t, const char *name,
		       struct at_args *args)
{
	long r;

	if (!args)
		r = l->has_xattrat ? syscall(SYS_removexattrat, l->proc_fd, t->fd_name, 0, name)
				   : removexattr(t->path, name);
	else if (l->has_xattrat)
		r = syscall(SYS_setxattrat, l->proc_fd, t->fd_name, 0, name, args, sizeof(*args));
	else
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel has it as a number */
		r = setxattr(t->path, name, (const void *)(uintptr_t)args->value, args->size,
			     (int)args->flags);
	return r ? -errno : 0;
}

static int change_attr(struct node *node, const struct call *c, struct str name,
		       struct at_args *args)
{
	struct local_node *n = local_node(node);
	autopin struct pin pin = PIN_INIT;
	char attr[NAME_SIZE];
	struct target t;
	int r = copy_attr_name(name, attr);

	if (!r)
		r = check_right(n->local, c, attr, true);
	if (!r)
		r = pin_node(n, c, &pin);
	if (!r)
		r = act_as(n->local, c, GID_UNKNOWN);
	if (r)
		return r;
	set_target(n->local, pin.fd, &t);
	do
		r = change_once(n->local, &t, attr, args);
	while (believe_group(n->local, c, r, pin.fd, MAY_WRITE));
	return r;
}

int local_xattr_set(struct node *node, const struct call *c, struct str name, const void *value,
		    size_t size, uint32_t flags)
{
	struct at_args args = {(uintptr_t)value, (uint32_t)size, flags};

	if (size > XATTR_SIZE_LIMIT)
		return -E2BIG;
	return change_attr(node, c, name, &args);
}

/* #syscalls: getxattr getxattrat */
int local_xattr_remove(struct node *node, const struct call *c, struct str name)
{
	return change_attr(node, c, name, NULL);
}
