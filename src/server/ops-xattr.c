/* SPDX-License-Identifier: MIT */
/* Txattrwalk, Txattrcreate. Reading, writing and committing the value is Tread's, Twrite's and
 * Tclunk's work. */
#include <errno.h>
#include <string.h>

#include "handlers.h"
#include "session.h"

/* Most values fit in it. */
#define SMALL_VALUE 3072u

/* The attribute's value, or the list, in memory of the arena. */
static int fetch(struct request *r, const struct fid *f, struct str name, void **ret_p,
		 size_t *ret_n)
{
	struct call c = handler_call(r, f);
	size_t cap = SMALL_VALUE;
	void *p = arena_alloc(&r->arena, cap);
	int err = p ? backend_call(f->node, xattr_get, &c, name, p, cap, ret_n) : -ENOMEM;

	/* no asking for the size: it may change, and there is a limit anyway */
	if (err == -ERANGE) {
		cap = XATTR_VALUE_MAX;
		p = arena_alloc(&r->arena, cap);
		err = p ? backend_call(f->node, xattr_get, &c, name, p, cap, ret_n) : -ENOMEM;
	}
	if (err == -ERANGE)
		err = -E2BIG;
	if (!err)
		*ret_p = p;
	return err;
}

int op_xattrwalk(struct request *r)
{
	const struct msg_Txattrwalk *m = &r->msg.Txattrwalk;
	autofid struct fid *value = NULL;
	struct fid *f;
	void *bytes;
	size_t n;
	int err = handler_fid(r, 0, m->fid, FID_PATH | FID_OPEN, &f);

	if (err)
		return err;
	if (m->name.len > P9_NAME_MAX)
		return -ERANGE; /* as getxattr(2) */
	err = fetch(r, f, m->name, &bytes, &n);
	if (err)
		return err;
	value = fid_new(m->newfid, FID_XATTR_READ, f);
	if (!value)
		return -ENOMEM;
	err = xattr_value_new(&r->session->xattr_bytes, m->name, n, &value->xattr);
	if (err)
		return err;
	memcpy(value->xattr->bytes, bytes, n);
	r->reply.Rxattrwalk.size = n;
	return fid_table_add(&r->session->fids, value);
}

int op_xattrcreate(struct request *r)
{
	const struct msg_Txattrcreate *m = &r->msg.Txattrcreate;
	autofid struct fid *value = NULL;
	struct fid *f;
	int err = handler_fid(r, 0, m->fid, FID_PATH, &f);

	if (err)
		return err;
	if (m->name.len == 0 || m->name.len > P9_NAME_MAX)
		return -ERANGE; /* as setxattr(2) */
	if (m->flags & ~(XATTR_VALUE_CREATE | XATTR_VALUE_REPLACE))
		return -EINVAL;
	value = fid_new(m->fid, FID_XATTR_WRITE, f);
	if (!value)
		return -ENOMEM;
	value->node = node_ref(f->node);
	err = xattr_value_new(&r->session->xattr_bytes, m->name, m->attr_size, &value->xattr);
	if (err)
		return err;
	value->xattr->flags = m->flags;
	return fid_table_replace(&r->session->fids, f, value);
}
