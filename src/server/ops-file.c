/* SPDX-License-Identifier: MIT */
/* Tlopen, Tlcreate, Tread, Twrite, Tfsync. */
#include <errno.h>
#include <unistd.h>

#include "core.h"
#include "guards.h"
#include "handlers.h"
#include "macros.h"
#include "scatter.h"
#include "session.h"

/* F, which is about to be opened, counts as that until it is freed. */
static int count_opened(struct request *r, struct fid *f)
{
	struct session *s = r->session;

	if (atomic_fetch_add(&s->n_opened, 1) >= s->server->cfg.budgets[BUDGET_FILES].one) {
		atomic_fetch_sub(&s->n_opened, 1);
		return -EMFILE;
	}
	f->n_opened = &s->n_opened;
	return 0;
}

int op_lopen(struct request *r)
{
	const struct msg_Tlopen *m = &r->msg.Tlopen;
	autofid struct fid *opened = NULL;
	struct fid *f;
	struct call c;
	int err = handler_fid(r, 0, m->fid, FID_PATH, &f);

	if (err)
		return err;
	opened = fid_new(m->fid, FID_OPEN, f);
	if (!opened)
		return -ENOMEM;
	opened->node = node_ref(f->node);
	err = count_opened(r, opened);
	if (err)
		return err;
	c = handler_call(r, f);
	/* Linux passes O_CREAT and O_EXCL on to what is there already */
	err = backend_call(f->node, open, &c, m->flags & ~(uint32_t)(P9_O_CREAT | P9_O_EXCL),
			   &opened->file, &opened->qid);
	if (err)
		return err;
	r->reply.Rlopen.qid = opened->qid;
	r->reply.Rlopen.iounit = guard_iounit(r, opened->qid);
	guard_opened(r, opened, m->flags, &r->reply.Rlopen.qid);
	return fid_table_replace(&r->session->fids, f, opened);
}

int op_lcreate(struct request *r)
{
	const struct msg_Tlcreate *m = &r->msg.Tlcreate;
	autofid struct fid *opened = NULL;
	struct fid *dir;
	struct call c;
	int err = handler_fid(r, 0, m->fid, FID_PATH, &dir);

	if (err)
		return err;
	opened = fid_new(m->fid, FID_OPEN, dir);
	if (!opened)
		return -ENOMEM;
	err = count_opened(r, opened);
	if (err)
		return err;
	c = handler_call(r, dir);
	err = backend_call(dir->node, create, &c, m->name, m->flags, m->mode, m->gid, &opened->node,
			   &opened->file, &opened->qid);
	if (err)
		return err;
	r->reply.Rlcreate.qid = opened->qid;
	r->reply.Rlcreate.iounit = guard_iounit(r, opened->qid);
	guard_written(r, opened->node);
	return fid_table_replace(&r->session->fids, dir, opened);
}

/* From the value that Txattrwalk fetched. */
static int read_xattr(struct request *r, const struct xattr_value *v, uint64_t offset,
		      uint32_t count, size_t *ret_n)
{
	struct scatter to = {.iov = r->iov, .left = count};
	size_t n = offset < v->size ? MIN(count, v->size - offset) : 0;

	if (n)
		scatter_put(&to, v->bytes + offset, n);
	*ret_n = n;
	return 0;
}

/* The bytes of OFFSET's page before it. */
static size_t lead_of(uint64_t offset)
{
	return offset % (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Without a copy, if that is to be had: of an open file, when nobody looks at the data. Whatever else
 * goes wrong, a copy succeeds or says what it is. */
static bool try_splice(struct request *r, const struct fid *f, uint32_t *ret_room, size_t *ret_n,
		       int *ret_err)
{
	const struct msg_Tread *m = &r->msg.Tread;
	const struct call c = handler_call(r, f);
	int pipe;

	if (m->count < r->session->channel->pipe_min || f->kind != FID_OPEN ||
	    !f->file->ops->splice || r->session->observer ||
	    handler_pipe(r, m->count, lead_of(m->offset), ret_room, &pipe) || !*ret_room)
		return false;
	*ret_err = f->file->ops->splice(f->file, &c, pipe, *ret_room, m->offset, ret_n);
	return !*ret_err || *ret_err == CALL_WOULD_BLOCK;
}

static int copy_read(struct request *r, const struct fid *f, uint32_t *ret_room, size_t *ret_n)
{
	const struct msg_Tread *m = &r->msg.Tread;
	const struct call c = handler_call(r, f);
	int err = handler_payload(r, m->count, ret_room);

	if (err)
		return err;
	if (f->kind == FID_XATTR_READ)
		return read_xattr(r, f->xattr, m->offset, *ret_room, ret_n);
	if (!*ret_room)
		return 0;
	return backend_call(f->file, read, &c, r->iov, r->n_iov, m->offset, ret_n);
}

int op_read(struct request *r)
{
	const struct msg_Tread *m = &r->msg.Tread;
	struct fid *f;
	uint32_t room;
	size_t n = 0;
	int err = handler_fid(r, 0, m->fid, FID_OPEN | FID_XATTR_READ, &f);

	if (err)
		return err;
	if (!try_splice(r, f, &room, &n, &err))
		err = copy_read(r, f, &room, &n);
	if (!err)
		err = guard_read(r, f, m->offset, room, n);
	if (err)
		return err;
	r->payload_len = (uint32_t)MIN(n, room);
	r->reply.Rread.data = (struct data){.count = r->payload_len};
	server_count(r->session->server, METER_BYTES_READ, r->payload_len);
	if (r->payload_len && !r->n_iov)
		server_count(r->session->server, METER_BYTES_SPLICED, r->payload_len);
	return 0;
}

int op_write(struct request *r)
{
	const struct msg_Twrite *m = &r->msg.Twrite;
	struct fid *f;
	struct call c;
	uint32_t given;
	size_t n = 0;
	int err = handler_fid(r, 0, m->fid, FID_OPEN | FID_XATTR_WRITE, &f);

	if (err)
		return err;
	handler_data(r, &given);
	c = handler_call(r, f);
	if (f->kind == FID_XATTR_WRITE) {
		err = xattr_value_write(f->xattr, r->iov, r->n_iov, m->offset, given);
		n = given;
	} else if (given) {
		guard_write(r, f);
		err = backend_call(f->file, write, &c, r->iov, r->n_iov, m->offset, &n);
		guard_changed(r, f->node, !err);
	}
	if (err)
		return err;
	r->reply.Rwrite.count = (uint32_t)MIN(n, given);
	server_count(r->session->server, METER_BYTES_WRITTEN, r->reply.Rwrite.count);
	return 0;
}

int op_fsync(struct request *r)
{
	const struct msg_Tfsync *m = &r->msg.Tfsync;
	struct fid *f;
	struct call c;
	int err = handler_fid(r, 0, m->fid, FID_OPEN, &f);

	if (err)
		return err;
	c = handler_call(r, f);
	return backend_call(f->file, fsync, &c, m->datasync != 0);
}
