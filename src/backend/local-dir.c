/* SPDX-License-Identifier: MIT */
/* What changes directories: make, link, unlink, rename. */
#include "local-impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/* #syscalls: mknodat */
static int make_node(struct local *l, int dir_fd, const char *name, const struct make_args *a)
{
	mode_t type = a->mode & S_IFMT;
	dev_t dev = 0;

	switch (type) {
	case 0:
	case S_IFREG:
	case S_IFIFO: /* for these two the guest's kernel is the other end, ours never is */
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (!l->allow_devices)
			return -EPERM;
		dev = makedev(a->major, a->minor);
		break;
	default:
		return -EINVAL;
	}
	return mknodat(dir_fd, name, type | (a->mode & 07777), dev) ? -errno : 0;
}

/* #syscalls: symlinkat */
static int make_symlink(int dir_fd, const char *name, struct str target)
{
	autofree char *text = NULL;

	if (memchr(target.p, 0, target.len))
		return -EINVAL;
	text = strndup(target.p, target.len);
	if (!text)
		return -ENOMEM;
	return symlinkat(text, dir_fd, name) ? -errno : 0;
}

/* #syscalls: mkdirat */
static int make_one(struct local *l, int dir_fd, const char *name, const struct make_args *a)
{
	if (a->n_attrs)
		return make_whole(l, dir_fd, name, a);
	switch (a->kind) {
	case MAKE_NODE:
		return make_node(l, dir_fd, name, a);
	case MAKE_DIRECTORY:
		return mkdirat(dir_fd, name, a->mode & 07777) ? -errno : 0;
	case MAKE_SYMLINK:
		return make_symlink(dir_fd, name, a->target);
	}
	return -EINVAL;
}

int local_make(struct node *dir, const struct call *c, struct str name,
	       const struct make_args *args, struct qid *ret_qid)
{
	struct local_node *d = local_node(dir);
	struct local *l = d->local;
	autopin struct pin pin = PIN_INIT;
	char buf[NAME_SIZE];
	struct statx st;
	int r = copy_name(name, buf);

	if (!r)
		r = pin_node(d, c, &pin);
	if (!r)
		r = act_as(l, c, group_of_new(l, pin.fd, args->mode, args->gid));
	if (r)
		return r;
	do
		r = make_one(l, pin.fd, buf, args);
	while (believe_group(l, c, r, pin.fd, MAY_WRITE | MAY_SEARCH));
	if (!r)
		r = stat_at(pin.fd, buf, &st);
	if (!r)
		qid_of(l, &st, ret_qid);
	return r;
}

/* By way of /proc/self/fd, where following the link leads to the file itself, a symlink too. */
/* #syscalls: linkat */
int local_link(struct node *dir, const struct call *c, struct str name, struct node *target)
{
	struct local_node *d = local_node(dir), *t = local_node(target);
	autopin struct pin dir_pin = PIN_INIT, pin = PIN_INIT;
	char buf[NAME_SIZE], from[12];
	int r = copy_name(name, buf);

	if (!r)
		r = pin_node(d, c, &dir_pin);
	if (!r)
		r = pin_node(t, c, &pin);
	if (r)
		return r;
	r = act_as(d->local, c, GID_UNKNOWN);
	if (r)
		return r;
	fd_name(pin.fd, from);
	do
		r = linkat(d->local->proc_fd, from, dir_pin.fd, buf, AT_SYMLINK_FOLLOW) ? -errno
											: 0;
	while (believe_group(d->local, c, r, dir_pin.fd, MAY_WRITE | MAY_SEARCH));
	return r;
}

/* Is N still where it was found? */
static int check_place(const struct local_node *n, int dir_fd, const char *name)
{
	struct statx st;
	int r = stat_at(dir_fd, name, &st);

	if (r)
		return r == -ENOENT || r == -ENOTDIR ? -ESTALE : r;
	return is_same_file(n->inode, &st) ? 0 : -ESTALE;
}

/* N, if it is not NULL, must be what is there. */
/* #syscalls: unlinkat */
static int unlink_name(struct local *l, const struct call *c, int dir_fd, const char *name,
		       int flags, const struct local_node *n)
{
	autopin struct pin victim = PIN_INIT;
	int r;

	pin_victim(l, dir_fd, name, &victim);
	r = act_as(l, c, GID_UNKNOWN);
	if (r)
		return r;
	do {
		r = n ? check_place(n, dir_fd, name) : 0;
		if (!r)
			r = unlinkat(dir_fd, name, flags) ? -errno : 0;
	} while (believe_group(l, c, r, dir_fd, MAY_WRITE | MAY_SEARCH));
	return r;
}

int local_unlink(struct node *dir, const struct call *c, struct str name, uint32_t flags)
{
	struct local_node *d = local_node(dir);
	autopin struct pin pin = PIN_INIT;
	char buf[NAME_SIZE];
	int r = copy_name(name, buf);

	if (!r && flags & ~(uint32_t)P9_AT_REMOVEDIR)
		r = -EINVAL;
	if (!r)
		r = pin_node(d, c, &pin);
	if (r)
		return r;
	return unlink_name(d->local, c, pin.fd, buf, flags & P9_AT_REMOVEDIR ? AT_REMOVEDIR : 0,
			   NULL);
}

struct rename_side {
	struct local_node *dir;
	const char *name;
	struct pin pin;
};

/* The caller holds rename_lock. N, if it is not NULL, must be what is renamed. */
/* #syscalls: renameat renameat2 */
static int rename_held(struct local *l, const struct call *c, const struct rename_side *from,
		       const struct rename_side *to, const struct local_node *n)
{
	autopin struct pin victim = PIN_INIT;
	int r;

	pin_victim(l, to->pin.fd, to->name, &victim);
	r = act_as(l, c, GID_UNKNOWN);
	if (r)
		return r;
	do {
		r = n ? check_place(n, from->pin.fd, from->name) : 0;
		if (!r)
			r = renameat(from->pin.fd, from->name, to->pin.fd, to->name) ? -errno : 0;
	} while (believe_groups(l, c, r, from->pin.fd, from->name, to->pin.fd));
	if (!r)
		nodes_moved(l, to->pin.fd, from->dir, from->name, to->dir, to->name);
	return r;
}

/* Keeps others from renaming as long as *HELD lives. */
static int hold_renames(struct local *l, const struct call *c, pthread_mutex_t **held)
{
	int r = lock_for(c, &l->rename_lock);

	if (!r)
		*held = &l->rename_lock;
	return r;
}

static int pin_sides(struct rename_side *from, struct rename_side *to, const struct call *c)
{
	int r = pin_node(from->dir, c, &from->pin);

	return r ? r : pin_node(to->dir, c, &to->pin);
}

static void side_done(struct rename_side *s)
{
	pin_done(&s->pin);
}

int local_rename(struct node *olddir, const struct call *c, struct str oldname, struct node *newdir,
		 struct str newname)
{
	char oldbuf[NAME_SIZE], newbuf[NAME_SIZE];
	cleanup(side_done) struct rename_side from = {local_node(olddir), oldbuf, PIN_INIT};
	cleanup(side_done) struct rename_side to = {local_node(newdir), newbuf, PIN_INIT};
	struct local *l = from.dir->local;
	autounlock pthread_mutex_t *held = NULL;
	int r = copy_name(oldname, oldbuf);

	if (!r)
		r = copy_name(newname, newbuf);
	if (!r)
		r = pin_sides(&from, &to, c);
	if (!r)
		r = hold_renames(l, c, &held);
	return r ? r : rename_held(l, c, &from, &to, NULL);
}

int local_remove_node(struct node *node, const struct call *c)
{
	struct local_node *n = local_node(node);
	autonode struct local_node *parent = NULL;
	autopin struct pin pin = PIN_INIT;
	autounlock pthread_mutex_t *held = NULL;
	char name[NAME_SIZE];
	int r = hold_renames(n->local, c, &held);

	if (!r)
		r = node_place(n, &parent, name);
	if (!r)
		r = pin_node(parent, c, &pin);
	if (r)
		return r;
	return unlink_name(n->local, c, pin.fd, name, S_ISDIR(n->inode->type) ? AT_REMOVEDIR : 0,
			   n);
}

int local_move_node(struct node *node, const struct call *c, struct node *newdir,
		    struct str newname, struct node **ret_node)
{
	struct local_node *n = local_node(node);
	autonode struct local_node *parent = NULL;
	char oldbuf[NAME_SIZE], newbuf[NAME_SIZE];
	cleanup(side_done) struct rename_side from = {NULL, oldbuf, PIN_INIT};
	cleanup(side_done) struct rename_side to = {local_node(newdir), newbuf, PIN_INIT};
	autounlock pthread_mutex_t *held = NULL;
	int r = copy_name(newname, newbuf);

	if (!r)
		r = hold_renames(n->local, c, &held);
	if (!r)
		r = node_place(n, &parent, oldbuf);
	from.dir = parent;
	if (!r)
		r = pin_sides(&from, &to, c);
	if (!r)
		r = rename_held(n->local, c, &from, &to, n);
	if (!r)
		*ret_node = node_ref(node); /* it has its new place already */
	return r;
}
