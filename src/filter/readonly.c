/* SPDX-License-Identifier: MIT */
#include "readonly.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "pass.h"

/* The table: each operation of a backend, and whether it changes the tree. An operation that is not
 * in it does not compile. OPENS changes something by some of its flags: those of MUTATING_FLAGS. */
#define READONLY_TABLE(READS, OPENS, CHANGES) \
	READS(free_backend)                   \
	READS(admit)                          \
	READS(attach)                         \
	READS(walk)                           \
	READS(free_node)                      \
	READS(getattr)                        \
	CHANGES(setattr)                      \
	READS(statfs)                         \
	READS(readlink)                       \
	OPENS(open)                           \
	CHANGES(create)                       \
	READS(free_file)                      \
	READS(read)                           \
	READS(splice)                         \
	CHANGES(write)                        \
	READS(readdir)                        \
	READS(fsync)                          \
	READS(lock)                           \
	READS(getlock)                        \
	CHANGES(make)                         \
	CHANGES(link)                         \
	CHANGES(unlink)                       \
	CHANGES(rename)                       \
	CHANGES(remove_node)                  \
	CHANGES(move_node)                    \
	READS(xattr_get)                      \
	CHANGES(xattr_set)                    \
	CHANGES(xattr_remove)

/* For writing in either way, or emptied; 3 is no way to open and is refused below. */
#define MUTATING_FLAGS (P9_O_WRONLY | P9_O_RDWR | P9_O_TRUNC)

#define ONE(op) +1
static_assert(sizeof(struct backend_ops) ==
		      sizeof(const char *) +
			      (0 READONLY_TABLE(ONE, ONE, ONE)) * sizeof(void (*)(void)),
	      "an operation is not in the table");
#undef ONE

static int readonly_open(struct node *n, const struct call *c, uint32_t flags,
			 struct file **ret_file, struct qid *ret_qid)
{
	if (flags & MUTATING_FLAGS)
		return -EROFS;
	return pass_ops.open(n, c, flags, ret_file, ret_qid);
}

static int refuse_setattr(struct node *n, struct file *open, const struct call *c,
			  const struct attr_change *change)
{
	(void)n, (void)open, (void)c, (void)change;
	return -EROFS;
}

static int refuse_create(struct node *dir, const struct call *c, struct str name, uint32_t flags,
			 uint32_t mode, uint32_t gid, struct node **ret_node,
			 struct file **ret_file, struct qid *ret_qid)
{
	(void)dir, (void)c, (void)name, (void)flags, (void)mode, (void)gid;
	(void)ret_node, (void)ret_file, (void)ret_qid;
	return -EROFS;
}

static int refuse_write(struct file *f, const struct call *c, const struct iovec *iov, int n,
			uint64_t offset, size_t *ret_count)
{
	(void)f, (void)c, (void)iov, (void)n, (void)offset, (void)ret_count;
	return -EROFS;
}

static int refuse_make(struct node *dir, const struct call *c, struct str name,
		       const struct make_args *args, struct qid *ret_qid)
{
	(void)dir, (void)c, (void)name, (void)args, (void)ret_qid;
	return -EROFS;
}

static int refuse_link(struct node *dir, const struct call *c, struct str name, struct node *target)
{
	(void)dir, (void)c, (void)name, (void)target;
	return -EROFS;
}

static int refuse_unlink(struct node *dir, const struct call *c, struct str name, uint32_t flags)
{
	(void)dir, (void)c, (void)name, (void)flags;
	return -EROFS;
}

static int refuse_rename(struct node *olddir, const struct call *c, struct str oldname,
			 struct node *newdir, struct str newname)
{
	(void)olddir, (void)c, (void)oldname, (void)newdir, (void)newname;
	return -EROFS;
}

static int refuse_remove_node(struct node *n, const struct call *c)
{
	(void)n, (void)c;
	return -EROFS;
}

static int refuse_move_node(struct node *n, const struct call *c, struct node *newdir,
			    struct str newname, struct node **ret_node)
{
	(void)n, (void)c, (void)newdir, (void)newname, (void)ret_node;
	return -EROFS;
}

static int refuse_xattr_set(struct node *n, const struct call *c, struct str name,
			    const void *value, size_t size, uint32_t flags)
{
	(void)n, (void)c, (void)name, (void)value, (void)size, (void)flags;
	return -EROFS;
}

static int refuse_xattr_remove(struct node *n, const struct call *c, struct str name)
{
	(void)n, (void)c, (void)name;
	return -EROFS;
}

int readonly_new(struct backend *lower, struct backend **ret)
{
	struct pass *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	pass_init(p, lower);
	p->ops.name = "readonly";
#define KEEP(op)
#define REFUSE(op) p->ops.op = refuse_##op;
#define BY_FLAGS(op) p->ops.op = readonly_##op;
	READONLY_TABLE(KEEP, BY_FLAGS, REFUSE)
#undef KEEP
#undef REFUSE
#undef BY_FLAGS
	*ret = &p->backend;
	return 0;
}
