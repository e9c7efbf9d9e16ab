/* SPDX-License-Identifier: MIT */
/* Tgetattr, Tsetattr, Tstatfs, Treadlink. */
#include <errno.h>
#include <string.h>

#include "guards.h"
#include "handlers.h"
#include "session.h"

#define READLINK_MAX 4096u /* PATH_MAX */
#define SETATTR_KNOWN 0x1ffu
#define NSEC_PER_SEC 1000000000u

int op_getattr(struct request *r)
{
	const struct msg_Tgetattr *m = &r->msg.Tgetattr;
	struct attr a = {.valid = 0};
	struct fid *f;
	struct call c;
	int err = handler_fid(r, 0, m->fid, FID_PATH | FID_OPEN, &f);

	if (err)
		return err;
	c = handler_call(r, f);
	err = backend_call(f->node, getattr, f->file, &c, m->request_mask, &a);
	if (!err)
		err = guard_getattr(r, f, &a);
	if (err)
		return err;
	r->reply.Rgetattr = (struct msg_Rgetattr){
		.valid = a.valid,
		.qid = a.qid,
		.mode = a.mode,
		.uid = a.uid,
		.gid = a.gid,
		.nlink = a.nlink,
		.rdev = a.rdev,
		.size = a.size,
		.blksize = a.blksize,
		.blocks = a.blocks,
		.atime_sec = a.atime.sec,
		.atime_nsec = a.atime.nsec,
		.mtime_sec = a.mtime.sec,
		.mtime_nsec = a.mtime.nsec,
		.ctime_sec = a.ctime.sec,
		.ctime_nsec = a.ctime.nsec,
		.btime_sec = a.btime.sec,
		.btime_nsec = a.btime.nsec,
		.gen = a.gen,
		.data_version = a.data_version,
	};
	return 0;
}

static int check_setattr(const struct msg_Tsetattr *m)
{
	if (m->valid & ~SETATTR_KNOWN)
		return -EINVAL;
	if ((m->valid & P9_SETATTR_ATIME_SET) && m->atime_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if ((m->valid & P9_SETATTR_MTIME_SET) && m->mtime_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if ((m->valid & P9_SETATTR_SIZE) && m->size > INT64_MAX)
		return -EFBIG;
	return 0;
}

int op_setattr(struct request *r)
{
	const struct msg_Tsetattr *m = &r->msg.Tsetattr;
	struct attr_change change = {
		.valid = m->valid,
		.mode = m->mode,
		.uid = m->uid,
		.gid = m->gid,
		.size = m->size,
		.atime = {m->atime_sec, m->atime_nsec},
		.mtime = {m->mtime_sec, m->mtime_nsec},
	};
	struct fid *f;
	struct call c;
	int err = handler_fid(r, 0, m->fid, FID_PATH | FID_OPEN, &f);

	if (!err)
		err = check_setattr(m);
	if (err)
		return err;
	c = handler_call(r, f);
	guard_change(r, f->node);
	err = backend_call(f->node, setattr, f->file, &c, &change);
	guard_changed(r, f->node, !err);
	if (err)
		return err;
	if (m->valid & P9_SETATTR_SIZE)
		guard_told_size(f->node, m->size);
	return 0;
}

int op_statfs(struct request *r)
{
	struct fs_stat st;
	struct fid *f;
	struct call c;
	int err = handler_fid(r, 0, r->msg.Tstatfs.fid, FID_PATH | FID_OPEN, &f);

	if (err)
		return err;
	c = handler_call(r, f);
	err = backend_call(f->node, statfs, &c, &st);
	if (err)
		return err;
	r->reply.Rstatfs = (struct msg_Rstatfs){
		.type = st.type,
		.bsize = st.bsize,
		.blocks = st.blocks,
		.bfree = st.bfree,
		.bavail = st.bavail,
		.files = st.files,
		.ffree = st.ffree,
		.fsid = st.fsid,
		.namelen = st.namelen,
	};
	return 0;
}

int op_readlink(struct request *r)
{
	struct fid *f;
	struct call c;
	char *target;
	size_t len;
	int err = handler_fid(r, 0, r->msg.Treadlink.fid, FID_PATH | FID_OPEN, &f);

	if (err)
		return err;
	target = arena_alloc(&r->arena, READLINK_MAX);
	if (!target)
		return -ENOMEM;
	c = handler_call(r, f);
	err = backend_call(f->node, readlink, &c, target, READLINK_MAX, &len);
	/* what the host keeps there (`mapped`: a file's content) may be no string of the protocol */
	if (!err && memchr(target, 0, len))
		err = -EIO;
	if (!err)
		r->reply.Rreadlink.target = str_of(target, len);
	return err;
}
