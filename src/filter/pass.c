/* SPDX-License-Identifier: MIT */
#include "pass.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void pass_free_backend(struct backend *b)
{
	struct pass *p = (struct pass *)(void *)b;

	backend_free(p->lower);
	free(p);
}

/* A node on LOWER, whose reference it takes over: also when it fails. */
static int node_new(struct pass *p, struct node *lower, struct str name, struct node **ret_node)
{
	struct pass_node *n = calloc(1, sizeof(*n));

	if (n)
		n->name = strndup(name.len ? name.p : "", name.len);
	if (!n || !n->name) {
		free(n);
		node_unref(lower);
		return -ENOMEM;
	}
	n->node.ops = &p->ops;
	atomic_init(&n->node.refs, 1);
	n->node.memory = lower->memory;
	n->pass = p;
	n->lower = lower;
	*ret_node = &n->node;
	return 0;
}

static void pass_free_node(struct node *node)
{
	struct pass_node *n = pass_node(node);

	node_unref(n->lower);
	free(n->name);
	free(n);
}

/* A file on LOWER, whose reference it takes over: also when it fails. */
static int file_new(struct pass_node *n, struct file *lower, struct file **ret_file)
{
	struct pass_file *f = calloc(1, sizeof(*f));

	if (!f) {
		file_unref(lower);
		return -ENOMEM;
	}
	f->file.ops = n->node.ops;
	atomic_init(&f->file.refs, 1);
	node_ref(&n->node);
	f->node = n;
	f->lower = lower;
	*ret_file = &f->file;
	return 0;
}

static void pass_free_file(struct file *file)
{
	struct pass_file *f = pass_file(file);

	file_unref(f->lower);
	node_unref(&f->node->node);
	free(f);
}

static struct file *lower_of(struct file *f)
{
	return f ? pass_file(f)->lower : NULL;
}

static int pass_admit(struct backend *b, uint32_t uid, uint32_t *ret_uid)
{
	return backend_admit(((struct pass *)(void *)b)->lower, uid, ret_uid);
}

static int pass_attach(struct backend *b, const struct call *c, struct str aname,
		       struct node **ret_root, struct qid *ret_qid)
{
	struct pass *p = (struct pass *)(void *)b;
	struct node *lower;
	int r = p->lower->ops->attach(p->lower, c, aname, &lower, ret_qid);

	return r ? r : node_new(p, lower, (struct str){.p = ""}, ret_root);
}

static int pass_walk(struct node *dir, const struct call *c, struct str name,
		     struct node **ret_node, struct qid *ret_qid)
{
	struct pass_node *d = pass_node(dir);
	struct node *lower;
	int r = backend_call(d->lower, walk, c, name, &lower, ret_qid);

	return r ? r : node_new(d->pass, lower, name, ret_node);
}

static int pass_getattr(struct node *n, struct file *open, const struct call *c, uint64_t mask,
			struct attr *ret_attr)
{
	return backend_call(pass_node(n)->lower, getattr, lower_of(open), c, mask, ret_attr);
}

static int pass_setattr(struct node *n, struct file *open, const struct call *c,
			const struct attr_change *change)
{
	return backend_call(pass_node(n)->lower, setattr, lower_of(open), c, change);
}

static int pass_statfs(struct node *n, const struct call *c, struct fs_stat *ret_stat)
{
	return backend_call(pass_node(n)->lower, statfs, c, ret_stat);
}

static int pass_readlink(struct node *n, const struct call *c, char *buf, size_t cap,
			 size_t *ret_len)
{
	return backend_call(pass_node(n)->lower, readlink, c, buf, cap, ret_len);
}

static int pass_open(struct node *n, const struct call *c, uint32_t flags, struct file **ret_file,
		     struct qid *ret_qid)
{
	struct file *lower;
	int r = backend_call(pass_node(n)->lower, open, c, flags, &lower, ret_qid);

	return r ? r : file_new(pass_node(n), lower, ret_file);
}

static int pass_create(struct node *dir, const struct call *c, struct str name, uint32_t flags,
		       uint32_t mode, uint32_t gid, struct node **ret_node, struct file **ret_file,
		       struct qid *ret_qid)
{
	struct pass_node *d = pass_node(dir);
	struct node *lower, *node;
	struct file *lower_file;
	int r = backend_call(d->lower, create, c, name, flags, mode, gid, &lower, &lower_file,
			     ret_qid);

	if (r)
		return r;
	r = node_new(d->pass, lower, name, &node);
	if (r) {
		file_unref(lower_file);
		return r;
	}
	r = file_new(pass_node(node), lower_file, ret_file);
	if (r)
		node_unref(node);
	else
		*ret_node = node;
	return r;
}

static int pass_read(struct file *f, const struct call *c, const struct iovec *iov, int n,
		     uint64_t offset, size_t *ret_count)
{
	return backend_call(lower_of(f), read, c, iov, n, offset, ret_count);
}

static int pass_splice(struct file *f, const struct call *c, int pipe, size_t count,
		       uint64_t offset, size_t *ret_count)
{
	return backend_call(lower_of(f), splice, c, pipe, count, offset, ret_count);
}

static int pass_write(struct file *f, const struct call *c, const struct iovec *iov, int n,
		      uint64_t offset, size_t *ret_count)
{
	return backend_call(lower_of(f), write, c, iov, n, offset, ret_count);
}

static int pass_readdir(struct file *f, const struct call *c, uint64_t offset, emit_fn emit,
			void *arg)
{
	return backend_call(lower_of(f), readdir, c, offset, emit, arg);
}

static int pass_fsync(struct file *f, const struct call *c, bool datasync)
{
	return backend_call(lower_of(f), fsync, c, datasync);
}

static int pass_lock(struct file *f, const struct call *c, const struct lock_range *l,
		     uint8_t *ret_status)
{
	return backend_call(lower_of(f), lock, c, l, ret_status);
}

static int pass_getlock(struct file *f, const struct call *c, struct lock_range *l)
{
	return backend_call(lower_of(f), getlock, c, l);
}

static int pass_make(struct node *dir, const struct call *c, struct str name,
		     const struct make_args *args, struct qid *ret_qid)
{
	return backend_call(pass_node(dir)->lower, make, c, name, args, ret_qid);
}

static int pass_link(struct node *dir, const struct call *c, struct str name, struct node *target)
{
	return backend_call(pass_node(dir)->lower, link, c, name, pass_node(target)->lower);
}

static int pass_unlink(struct node *dir, const struct call *c, struct str name, uint32_t flags)
{
	return backend_call(pass_node(dir)->lower, unlink, c, name, flags);
}

static int pass_rename(struct node *olddir, const struct call *c, struct str oldname,
		       struct node *newdir, struct str newname)
{
	return backend_call(pass_node(olddir)->lower, rename, c, oldname, pass_node(newdir)->lower,
			    newname);
}

static int pass_remove_node(struct node *n, const struct call *c)
{
	struct node *lower = pass_node(n)->lower;

	return lower->ops->remove_node ? lower->ops->remove_node(lower, c) : -EOPNOTSUPP;
}

static int pass_move_node(struct node *n, const struct call *c, struct node *newdir,
			  struct str newname, struct node **ret_node)
{
	struct node *lower;
	int r = backend_call(pass_node(n)->lower, move_node, c, pass_node(newdir)->lower, newname,
			     &lower);

	return r ? r : node_new(pass_node(n)->pass, lower, newname, ret_node);
}

static int pass_xattr_get(struct node *n, const struct call *c, struct str name, void *buf,
			  size_t cap, size_t *ret_size)
{
	return backend_call(pass_node(n)->lower, xattr_get, c, name, buf, cap, ret_size);
}

static int pass_xattr_set(struct node *n, const struct call *c, struct str name, const void *value,
			  size_t size, uint32_t flags)
{
	return backend_call(pass_node(n)->lower, xattr_set, c, name, value, size, flags);
}

static int pass_xattr_remove(struct node *n, const struct call *c, struct str name)
{
	return backend_call(pass_node(n)->lower, xattr_remove, c, name);
}

const struct backend_ops pass_ops = {
	.name = "pass",
	.free_backend = pass_free_backend,
	.admit = pass_admit,
	.attach = pass_attach,
	.walk = pass_walk,
	.free_node = pass_free_node,
	.getattr = pass_getattr,
	.setattr = pass_setattr,
	.statfs = pass_statfs,
	.readlink = pass_readlink,
	.open = pass_open,
	.create = pass_create,
	.free_file = pass_free_file,
	.read = pass_read,
	.splice = pass_splice,
	.write = pass_write,
	.readdir = pass_readdir,
	.fsync = pass_fsync,
	.lock = pass_lock,
	.getlock = pass_getlock,
	.make = pass_make,
	.link = pass_link,
	.unlink = pass_unlink,
	.rename = pass_rename,
	.remove_node = pass_remove_node,
	.move_node = pass_move_node,
	.xattr_get = pass_xattr_get,
	.xattr_set = pass_xattr_set,
	.xattr_remove = pass_xattr_remove,
};

void pass_init(struct pass *p, struct backend *lower)
{
	p->ops = pass_ops;
	p->backend.ops = &p->ops;
	p->lower = lower;
}
