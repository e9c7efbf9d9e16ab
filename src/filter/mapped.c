/* SPDX-License-Identifier: MIT */
#include "mapped.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "mapped-meta.h"
#include "msg.h"
#include "pass.h"

/* What the host's files and directories are made with: the guest's modes are no modes there. */
#define FILE_MODE (S_IFREG | 0600)
#define DIRECTORY_MODE 0700

#define LIST_MAX 65536 /* XATTR_LIST_MAX */
#define SET_ID_BITS ((uint32_t)(S_ISUID | S_ISGID))

static struct node *lower_of(struct node *n)
{
	return pass_node(n)->lower;
}

static uint8_t type_of(uint32_t mode)
{
	return S_ISDIR(mode) ? P9_QTDIR : S_ISLNK(mode) ? P9_QTSYMLINK : P9_QTFILE;
}

/* A client without a name is as good as root: of the host it is the server's user in any case. */
static bool is_root(const struct call *c)
{
	return !c->uid || c->uid == P9_NONUNAME;
}

static int mapped_walk(struct node *dir, const struct call *c, struct str name,
		       struct node **ret_node, struct qid *ret_qid)
{
	struct node *n;
	struct meta m;
	struct qid qid;
	int r = pass_ops.walk(dir, c, name, &n, &qid);

	if (r)
		return r;
	if (qid.type == P9_QTFILE) {
		r = meta_get(lower_of(n), c, &m);
		if (r) {
			node_unref(n);
			return r;
		}
		qid.type = type_of(m.mode);
	}
	*ret_node = n;
	*ret_qid = qid;
	return 0;
}

static int mapped_getattr(struct node *n, struct file *open, const struct call *c, uint64_t mask,
			  struct attr *ret_attr)
{
	struct attr a;
	struct meta m;
	int r = pass_ops.getattr(n, open, c, mask, &a);

	if (!r)
		r = meta_read(lower_of(n), c, &a, &m);
	if (r)
		return r;
	a.uid = m.uid;
	a.gid = m.gid;
	a.mode = m.mode;
	a.rdev = m.rdev;
	a.qid.type = type_of(m.mode);
	*ret_attr = a;
	return 0;
}

/* As the kernel does when another than root writes, cuts or gives away a file. */
static int strip_set_id(struct node *lower, const struct call *c, const struct meta *m)
{
	uint32_t bits = S_ISUID | (m->mode & S_IXGRP ? S_ISGID : 0u);

	if (!S_ISREG(m->mode) || !(m->mode & bits))
		return 0;
	return c->in_place ? CALL_WOULD_BLOCK : meta_set_mode(lower, c, m->mode & ~bits);
}

/* Linux as a client takes the set-ID bits away itself before a user writes. */
static bool is_strip(const struct attr_change *ch, const struct meta *m)
{
	return !(ch->valid & (P9_SETATTR_UID | P9_SETATTR_GID)) &&
	       !((ch->mode ^ m->mode) & 07777 & ~SET_ID_BITS) &&
	       !(ch->mode & ~m->mode & SET_ID_BITS);
}

/* Only its owner may change a file's attributes, and only root gives it to another user. */
static int check_owner(const struct call *c, const struct attr_change *ch, const struct meta *m)
{
	const uint32_t owned = P9_SETATTR_MODE | P9_SETATTR_UID | P9_SETATTR_GID;

	if (is_root(c) || !(ch->valid & owned) || is_strip(ch, m))
		return 0;
	return c->uid != m->uid || (ch->valid & P9_SETATTR_UID && ch->uid != m->uid) ? -EPERM : 0;
}

static int change_meta(struct node *lower, const struct call *c, const struct attr_change *ch,
		       const struct meta *m)
{
	int r = 0;

	if (ch->valid & (P9_SETATTR_UID | P9_SETATTR_GID) ||
	    (ch->valid & P9_SETATTR_SIZE && !is_root(c)))
		r = strip_set_id(lower, c, m);
	if (!r && ch->valid & P9_SETATTR_GID)
		r = meta_set_gid(lower, c, ch->gid);
	if (!r && ch->valid & P9_SETATTR_UID)
		r = meta_set_uid(lower, c, ch->uid);
	if (!r && ch->valid & P9_SETATTR_MODE)
		r = meta_set_mode(lower, c, (ch->mode & 07777) | (m->mode & S_IFMT));
	return r;
}

static int mapped_setattr(struct node *n, struct file *open, const struct call *c,
			  const struct attr_change *change)
{
	struct attr_change ch = *change;
	struct meta m;
	int r = c->in_place ? CALL_WOULD_BLOCK : meta_get(lower_of(n), c, &m);

	if (!r && ch.valid & P9_SETATTR_SIZE && !S_ISREG(m.mode) && !S_ISDIR(m.mode))
		r = -EINVAL;
	if (!r && ch.valid & P9_SETATTR_MODE && S_ISLNK(m.mode))
		r = -EOPNOTSUPP;
	if (!r)
		r = check_owner(c, &ch, &m);
	if (!r)
		r = change_meta(lower_of(n), c, &ch, &m);
	if (r)
		return r;
	ch.valid &= ~(uint32_t)(P9_SETATTR_MODE | P9_SETATTR_UID | P9_SETATTR_GID);
	return ch.valid ? pass_ops.setattr(n, open, c, &ch) : 0;
}

static int mapped_readlink(struct node *n, const struct call *c, char *buf, size_t cap,
			   size_t *ret_len)
{
	char more; /* than there is room for */
	struct iovec iov[] = {{buf, cap}, {&more, 1}};
	struct node *lower = lower_of(n);
	struct file *f;
	struct meta m;
	struct qid qid;
	size_t len;
	int r = c->in_place ? CALL_WOULD_BLOCK : meta_get(lower, c, &m);

	if (r)
		return r;
	if (S_ISLNK(m.host_mode))
		return pass_ops.readlink(n, c, buf, cap, ret_len);
	if (!S_ISLNK(m.mode))
		return -EINVAL;
	r = backend_call(lower, open, c, P9_O_RDONLY, &f, &qid);
	if (r)
		return r;
	r = backend_call(f, read, c, iov, 2, 0, &len);
	file_unref(f);
	if (!r && (len > cap || len >= PATH_MAX))
		r = -ENAMETOOLONG;
	if (!r)
		*ret_len = len;
	return r;
}

static int check_type(uint32_t mode)
{
	if (S_ISREG(mode) || S_ISDIR(mode))
		return 0;
	return S_ISLNK(mode) ? -ELOOP : -ENXIO;
}

static int mapped_open(struct node *n, const struct call *c, uint32_t flags, struct file **ret_file,
		       struct qid *ret_qid)
{
	struct meta m;
	int r = meta_get(lower_of(n), c, &m);

	if (!r)
		r = check_type(m.mode);
	if (!r && flags & P9_O_TRUNC && !is_root(c))
		r = strip_set_id(lower_of(n), c, &m);
	return r ? r : pass_ops.open(n, c, flags, ret_file, ret_qid);
}

/* New files of a set-group-ID folder are of its group, new folders are like it. */
static int inherit(struct node *dir, const struct call *c, struct meta *m)
{
	struct meta parent;
	int r = meta_get(lower_of(dir), c, &parent);

	if (r || !(parent.mode & S_ISGID))
		return r;
	m->gid = parent.gid;
	if (S_ISDIR(m->mode))
		m->mode |= S_ISGID;
	else if (!is_root(c) && m->mode & S_IXGRP)
		m->mode &= ~(uint32_t)S_ISGID;
	return 0;
}

static int make_mapped(struct node *dir, const struct call *c, struct str name, struct meta *m,
		       struct str content, struct qid *ret_qid)
{
	bool is_dir = S_ISDIR(m->mode);
	struct make_args a = {
		.kind = is_dir ? MAKE_DIRECTORY : MAKE_NODE,
		.mode = is_dir ? DIRECTORY_MODE : FILE_MODE,
		.gid = P9_NONUNAME,
		.content = content,
	};
	struct meta_attrs attrs;
	struct qid qid;
	int r = inherit(dir, c, m);

	if (r)
		return r;
	meta_attrs_of(m, &attrs);
	a.attrs = attrs.at;
	a.n_attrs = attrs.n;
	r = pass_ops.make(dir, c, name, &a, &qid);
	if (r)
		return r;
	qid.type = type_of(m->mode);
	*ret_qid = qid;
	return 0;
}

static int mode_of_new(const struct make_args *a, uint32_t *ret_mode)
{
	uint32_t type = a->mode & S_IFMT;

	if (a->kind == MAKE_DIRECTORY)
		type = S_IFDIR;
	else if (a->kind == MAKE_SYMLINK)
		type = S_IFLNK;
	else if (!type)
		type = S_IFREG;
	else if (type == S_IFDIR || type == S_IFLNK)
		return -EINVAL;
	*ret_mode = type | (type == S_IFLNK ? 0777 : a->mode & 07777);
	return 0;
}

static int mapped_make(struct node *dir, const struct call *c, struct str name,
		       const struct make_args *args, struct qid *ret_qid)
{
	struct meta m = {.uid = c->uid, .gid = args->gid};
	const struct str content = args->kind == MAKE_SYMLINK ? args->target
							      : (struct str){.len = 0};
	int r = mode_of_new(args, &m.mode);

	if (!r && content.len >= PATH_MAX)
		r = -ENAMETOOLONG;
	if (r)
		return r;
	if (c->in_place)
		return CALL_WOULD_BLOCK;
	m.rdev = makedev(args->major, args->minor);
	return make_mapped(dir, c, name, &m, content, ret_qid);
}

/* By its name, for a file that was just made, too. */
static int open_by_name(struct node *dir, const struct call *c, struct str name, uint32_t flags,
			struct node **ret_node, struct file **ret_file, struct qid *ret_qid)
{
	struct node *n;
	int r = mapped_walk(dir, c, name, &n, ret_qid);

	if (r)
		return r;
	r = mapped_open(n, c, flags, ret_file, ret_qid);
	if (r)
		node_unref(n);
	else
		*ret_node = n;
	return r;
}

/* Goes round while somebody removes and creates the name. */
static int mapped_create(struct node *dir, const struct call *c, struct str name, uint32_t flags,
			 uint32_t mode, uint32_t gid, struct node **ret_node,
			 struct file **ret_file, struct qid *ret_qid)
{
	const uint32_t open_flags = flags & ~(uint32_t)(P9_O_CREAT | P9_O_EXCL | P9_O_DIRECTORY);
	struct qid qid;
	int r = c->in_place ? CALL_WOULD_BLOCK : -EEXIST;

	for (int tries = 0; tries < 100 && r != CALL_WOULD_BLOCK; tries++) {
		struct meta m = {c->uid, gid, S_IFREG | (mode & 07777), 0, 0};
		bool made;

		r = make_mapped(dir, c, name, &m, (struct str){.len = 0}, &qid);
		made = !r;
		if (r && (r != -EEXIST || flags & P9_O_EXCL))
			return r;
		r = open_by_name(dir, c, name, open_flags, ret_node, ret_file, ret_qid);
		if (r != -ENOENT || made)
			return r;
	}
	return r;
}

static int mapped_write(struct file *f, const struct call *c, const struct iovec *iov, int n,
			uint64_t offset, size_t *ret_count)
{
	struct node *lower = pass_file(f)->node->lower;
	struct meta m;
	int r = 0;

	if (!is_root(c)) {
		r = meta_get(lower, c, &m);
		if (!r && m.mode & SET_ID_BITS)
			r = strip_set_id(lower, c, &m);
	}
	return r ? r : pass_ops.write(f, c, iov, n, offset, ret_count);
}

struct emitter {
	emit_fn emit;
	void *arg;
};

/* What is a file on the host may be anything to the guest; to look would be a call for each. */
static bool emit_unknown(void *arg, const struct dirent9 *entry)
{
	const struct emitter *to = arg;
	struct dirent9 e = *entry;

	if (e.type == S_IFREG >> 12)
		e.type = 0; /* DT_UNKNOWN */
	return to->emit(to->arg, &e);
}

static int mapped_readdir(struct file *f, const struct call *c, uint64_t offset, emit_fn emit,
			  void *arg)
{
	struct emitter to = {emit, arg};

	return pass_ops.readdir(f, c, offset, emit_unknown, &to);
}

static int get_list(struct node *n, const struct call *c, void *buf, size_t cap, size_t *ret_size)
{
	autofree char *list = malloc(LIST_MAX);
	size_t size;
	int r = list ? pass_ops.xattr_get(n, c, (struct str){.p = ""}, list, LIST_MAX, &size)
		     : -ENOMEM;

	if (r)
		return r;
	size = meta_guest_list(list, size);
	if (cap && size > cap)
		return -ERANGE;
	if (cap)
		memcpy(buf, list, size);
	*ret_size = size;
	return 0;
}

static int mapped_xattr_get(struct node *n, const struct call *c, struct str name, void *buf,
			    size_t cap, size_t *ret_size)
{
	int r;

	if (!name.len)
		return get_list(n, c, buf, cap, ret_size);
	r = meta_host_name(name, &name);
	return r ? r : pass_ops.xattr_get(n, c, name, buf, cap, ret_size);
}

/* -EPERM for what the guest may not see either. */
static int name_to_change(struct str *name)
{
	int r = meta_host_name(*name, name);

	return r == -ENODATA ? -EPERM : r;
}

static int mapped_xattr_set(struct node *n, const struct call *c, struct str name,
			    const void *value, size_t size, uint32_t flags)
{
	int r = name_to_change(&name);

	return r ? r : pass_ops.xattr_set(n, c, name, value, size, flags);
}

static int mapped_xattr_remove(struct node *n, const struct call *c, struct str name)
{
	int r = name_to_change(&name);

	return r ? r : pass_ops.xattr_remove(n, c, name);
}

int mapped_new(struct backend *lower, struct backend **ret)
{
	struct pass *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	pass_init(p, lower);
	p->ops.name = "mapped";
	p->ops.walk = mapped_walk;
	p->ops.getattr = mapped_getattr;
	p->ops.setattr = mapped_setattr;
	p->ops.readlink = mapped_readlink;
	p->ops.open = mapped_open;
	p->ops.create = mapped_create;
	p->ops.write = mapped_write;
	p->ops.readdir = mapped_readdir;
	p->ops.make = mapped_make;
	p->ops.xattr_get = mapped_xattr_get;
	p->ops.xattr_set = mapped_xattr_set;
	p->ops.xattr_remove = mapped_xattr_remove;
	*ret = &p->backend;
	return 0;
}
