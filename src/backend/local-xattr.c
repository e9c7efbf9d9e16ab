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

static ssize_t get_list(struct local *l, const struct target *t, char *buf, size_t cap)
{
	if (l->has_xattrat)
		return syscall(SYS_listxattrat, l->proc_fd, t->fd_name, 0, buf, cap);
	return listxattr(t->path, buf, cap);
}

static ssize_t get_by_file(const struct local_file *f, const char *name, void *buf, size_t cap)
{
	return name ? fgetxattr(f->fd, name, buf, cap) : flistxattr(f->fd, buf, cap);
}

static ssize_t get_by_node(struct local_node *n, const struct call *c, const char *name, void *buf,
			   size_t cap, int *r)
{
	autopin struct pin pin = PIN_INIT;
	struct target t;

	*r = pin_node(n, c, &pin);
	if (*r)
		return 0;
	set_target(n->local, pin.fd, &t);
	return name ? get_value(n->local, &t, name, buf, cap) : get_list(n->local, &t, buf, cap);
}

/* Some clients ask for security.capability before each write: a file that is open answers three
 * times as fast. */
int local_xattr_get(struct node *node, const struct call *c, struct str name, void *buf, size_t cap,
		    size_t *ret_size)
{
	struct local_node *n = local_node(node);
	struct local_file *open;
	char attr[NAME_SIZE];
	ssize_t size;
	int r = name.len ? copy_attr_name(name, attr) : 0;

	if (!r && c->in_place && n->inode->device->is_remote)
		r = CALL_WOULD_BLOCK;
	if (r)
		return r;
	if (cap > XATTR_SIZE_LIMIT)
		cap = XATTR_SIZE_LIMIT;
	open = borrow_file(n->local, n->inode);
	if (open)
		size = get_by_file(open, name.len ? attr : NULL, buf, cap);
	else
		size = get_by_node(n, c, name.len ? attr : NULL, buf, cap, &r);
	if (!r && size < 0)
		r = -errno;
	if (open)
		file_unref(&open->file);
	if (!r)
		*ret_size = (size_t)size;
	return r;
}

int local_xattr_set(struct node *node, const struct call *c, struct str name, const void *value,
		    size_t size, uint32_t flags)
{
	struct local_node *n = local_node(node);
	autopin struct pin pin = PIN_INIT;
	struct at_args a = {(uintptr_t)value, (uint32_t)size, flags};
	char attr[NAME_SIZE];
	struct target t;
	int r = copy_attr_name(name, attr);

	if (!r && size > XATTR_SIZE_LIMIT)
		r = -E2BIG;
	if (!r)
		r = pin_node(n, c, &pin);
	if (r)
		return r;
	set_target(n->local, pin.fd, &t);
	r = n->local->has_xattrat ? (int)syscall(SYS_setxattrat, n->local->proc_fd, t.fd_name, 0,
						 attr, &a, sizeof(a))
				  : setxattr(t.path, attr, value, size, (int)flags);
	return r ? -errno : 0;
}

int local_xattr_remove(struct node *node, const struct call *c, struct str name)
{
	struct local_node *n = local_node(node);
	autopin struct pin pin = PIN_INIT;
	char attr[NAME_SIZE];
	struct target t;
	int r = copy_attr_name(name, attr);

	if (!r)
		r = pin_node(n, c, &pin);
	if (r)
		return r;
	set_target(n->local, pin.fd, &t);
	r = n->local->has_xattrat
		    ? (int)syscall(SYS_removexattrat, n->local->proc_fd, t.fd_name, 0, attr)
		    : removexattr(t.path, attr);
	return r ? -errno : 0;
}
