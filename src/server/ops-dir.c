/* SPDX-License-Identifier: MIT */
/* Treaddir, and what changes directories: Tmkdir, Tmknod, Tsymlink, Tlink, Trename, Trenameat,
 * Tunlinkat. */
#include <errno.h>

#include "handlers.h"
#include "scatter.h"
#include "session.h"

/* Every fid that stands for a file of the tree. */
#define FID_FILE (FID_PATH | FID_OPEN)

struct entries {
	struct scatter to;
	bool is_full;
};

/* An emit_fn. */
static bool put_entry(void *arg, const struct dirent9 *e)
{
	struct entries *list = arg;
	char bytes[DIRENT_FIXED_SIZE + P9_NAME_MAX];
	size_t n = dirent_encode(e, bytes, sizeof(bytes));

	if (n > list->to.left)
		list->is_full = true;
	else
		scatter_put(&list->to, bytes, n);
	return !list->is_full;
}

int op_readdir(struct request *r)
{
	const struct msg_Treaddir *m = &r->msg.Treaddir;
	struct entries list = {.is_full = false};
	struct fid *dir;
	struct call c;
	uint32_t room;
	int err = handler_fid(r, 0, m->fid, FID_OPEN, &dir);

	if (!err)
		err = handler_payload(r, m->count, &room);
	if (err)
		return err;
	list.to = (struct scatter){.iov = r->iov, .left = room};
	c = handler_call(r, dir);
	err = backend_call(dir->file, readdir, &c, m->offset, put_entry, &list);
	if (err)
		return err;
	r->payload_len = room - (uint32_t)list.to.left;
	/* nothing would mean that the directory ends here */
	if (list.is_full && !r->payload_len)
		return -EINVAL;
	r->reply.Rreaddir.data = (struct data){.count = r->payload_len};
	return 0;
}

static int make(struct request *r, uint32_t dfid, struct str name, const struct make_args *args,
		struct qid *ret_qid)
{
	struct fid *dir;
	struct call c;
	int err = handler_fid(r, 0, dfid, FID_FILE, &dir);

	if (err)
		return err;
	c = handler_call(r, dir);
	return backend_call(dir->node, make, &c, name, args, ret_qid);
}

int op_mkdir(struct request *r)
{
	const struct msg_Tmkdir *m = &r->msg.Tmkdir;
	struct make_args args = {.kind = MAKE_DIRECTORY, .mode = m->mode, .gid = m->gid};

	return make(r, m->dfid, m->name, &args, &r->reply.Rmkdir.qid);
}

int op_mknod(struct request *r)
{
	const struct msg_Tmknod *m = &r->msg.Tmknod;
	struct make_args args = {
		.kind = MAKE_NODE,
		.mode = m->mode,
		.gid = m->gid,
		.major = m->major,
		.minor = m->minor,
	};

	return make(r, m->dfid, m->name, &args, &r->reply.Rmknod.qid);
}

int op_symlink(struct request *r)
{
	const struct msg_Tsymlink *m = &r->msg.Tsymlink;
	struct make_args args = {.kind = MAKE_SYMLINK, .gid = m->gid, .target = m->symtgt};

	if (!m->symtgt.len)
		return -ENOENT; /* as symlink(2) */
	return make(r, m->fid, m->name, &args, &r->reply.Rsymlink.qid);
}

/* Two fids; the first is the one whose user asks. */
static int two_fids(struct request *r, uint32_t a, uint32_t b, struct fid **ret_a,
		    struct fid **ret_b)
{
	int err = handler_fid(r, 0, a, FID_FILE, ret_a);

	return err ? err : handler_fid(r, 1, b, FID_FILE, ret_b);
}

int op_link(struct request *r)
{
	const struct msg_Tlink *m = &r->msg.Tlink;
	struct fid *dir, *target;
	struct call c;
	int err = two_fids(r, m->dfid, m->fid, &dir, &target);

	if (err)
		return err;
	c = handler_call(r, dir);
	return backend_call(dir->node, link, &c, m->name, target->node);
}

int op_rename(struct request *r)
{
	const struct msg_Trename *m = &r->msg.Trename;
	autofid struct fid *moved = NULL;
	struct fid *f, *dir;
	struct call c;
	int err = two_fids(r, m->fid, m->dfid, &f, &dir);

	if (err)
		return err;
	moved = fid_new(m->fid, f->kind, f);
	if (!moved)
		return -ENOMEM;
	c = handler_call(r, f);
	err = backend_call(f->node, move_node, &c, dir->node, m->name, &moved->node);
	if (err)
		return err;
	moved->file = f->file ? file_ref(f->file) : NULL;
	moved->n_opened = f->n_opened;
	if (moved->n_opened)
		atomic_fetch_add(moved->n_opened, 1);
	/* the file is renamed, even if the fid is another one by now */
	(void)fid_table_replace(&r->session->fids, f, moved);
	return 0;
}

int op_renameat(struct request *r)
{
	const struct msg_Trenameat *m = &r->msg.Trenameat;
	struct fid *olddir, *newdir;
	struct call c;
	int err = two_fids(r, m->olddirfid, m->newdirfid, &olddir, &newdir);

	if (err)
		return err;
	c = handler_call(r, olddir);
	return backend_call(olddir->node, rename, &c, m->oldname, newdir->node, m->newname);
}

int op_unlinkat(struct request *r)
{
	const struct msg_Tunlinkat *m = &r->msg.Tunlinkat;
	struct fid *dir;
	struct call c;
	int err = handler_fid(r, 0, m->dirfd, FID_FILE, &dir);

	if (!err && (m->flags & ~(uint32_t)P9_AT_REMOVEDIR))
		err = -EINVAL;
	if (err)
		return err;
	c = handler_call(r, dir);
	return backend_call(dir->node, unlink, &c, m->name, m->flags);
}
