/* SPDX-License-Identifier: MIT */
/* Twalk, Tclunk, Tremove. */
#include <errno.h>

#include "handlers.h"
#include "session.h"
#include "xattr-value.h"

/* Where a walk has come to. */
struct place {
	struct node *node; /* a reference */
	struct qid qid;
};

/* ".." at the root of the attach: stays there. */
static int stay(struct place *at, const struct call *c)
{
	struct attr attr;
	int err = backend_call(at->node, getattr, NULL, c, P9_GETATTR_BASIC, &attr);

	if (!err)
		at->qid = attr.qid;
	return err;
}

static int step(struct place *at, const struct call *c, uint64_t root, struct str name)
{
	struct node *next;
	struct qid qid;
	int err;

	if (at->qid.path == root && str_is(name, ".."))
		return stay(at, c);
	err = backend_call(at->node, walk, c, name, &next, &qid);
	if (err)
		return err;
	node_unref(at->node);
	*at = (struct place){next, qid};
	return 0;
}

/* Walks as far as it goes; the qids on the way are the reply. Fails only if the first step does. */
static int walk(struct request *r, const struct fid *from, struct place *at)
{
	const struct names *names = &r->msg.Twalk.wname;
	struct qids *qids = &r->reply.Rwalk.wqid;
	struct call c = handler_call(r, from);

	for (qids->n = 0; qids->n < names->n; qids->n++) {
		int err = step(at, &c, from->root, names->at[qids->n]);

		if (err && (qids->n == 0 || err == CALL_WOULD_BLOCK))
			return err;
		if (err)
			break;
		qids->at[qids->n] = at->qid;
	}
	return 0;
}

/* A client may walk from an opened fid: Linux does, when the only fid of a file that it has is an
 * open one. But it may not walk that fid itself away. */
int op_walk(struct request *r)
{
	const struct msg_Twalk *m = &r->msg.Twalk;
	struct fid_table *fids = &r->session->fids;
	autofid struct fid *f = NULL;
	struct fid *from;
	struct place at;
	int err = handler_fid(r, 0, m->fid, FID_PATH | FID_OPEN, &from);

	if (!err && m->newfid == m->fid && from->kind != FID_PATH)
		err = -EINVAL;
	if (err)
		return err;
	f = fid_new(m->newfid, FID_PATH, from);
	if (!f)
		return -ENOMEM;
	at = (struct place){node_ref(from->node), from->qid};
	err = walk(r, from, &at);
	f->node = at.node;
	f->qid = at.qid;
	if (err || r->reply.Rwalk.wqid.n < m->wname.n)
		return err;
	return m->newfid == m->fid ? fid_table_replace(fids, from, f) : fid_table_add(fids, f);
}

/* Makes the attribute what was written to F. */
static int commit_xattr(struct request *r, const struct fid *f)
{
	struct xattr_value *v = f->xattr;
	struct call c = handler_call(r, f);
	struct str name = str_of(v->name, v->name_len);
	int err;

	/* a Twrite may still be under way */
	pthread_mutex_lock(&v->lock);
	if (v->filled < v->size)
		err = -EINVAL;
	else if (v->size == 0 && v->flags == XATTR_VALUE_REPLACE)
		err = backend_call(f->node, xattr_remove, &c, name);
	else
		err = backend_call(f->node, xattr_set, &c, name, v->bytes, v->size, v->flags);
	pthread_mutex_unlock(&v->lock);
	return err;
}

int op_clunk(struct request *r)
{
	struct fid *f;
	int err = handler_take_fid(r, r->msg.Tclunk.fid, &f);

	if (!err && f->kind == FID_XATTR_WRITE)
		err = commit_xattr(r, f);
	return err;
}

int op_remove(struct request *r)
{
	struct fid *f;
	struct call c;
	int err = handler_take_fid(r, r->msg.Tremove.fid, &f);

	if (err)
		return err;
	if (!(f->kind & (FID_PATH | FID_OPEN)))
		return -EINVAL;
	c = handler_call(r, f);
	return backend_call(f->node, remove_node, &c);
}
