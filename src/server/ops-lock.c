/* SPDX-License-Identifier: MIT */
/* Tlock, Tgetlock. */
#include <errno.h>

#include "handlers.h"
#include "session.h"

/* A range must end where a file can; and the name of a machine, which is kept with each lock's owner, must
 * be one. */
static int check_range(const struct lock_range *l)
{
	if (l->client_id.len > P9_NAME_MAX)
		return -ENAMETOOLONG;
	if (l->type > P9_LOCK_UNLCK || l->start > INT64_MAX)
		return -EINVAL;
	if (l->length && l->length - 1 > INT64_MAX - l->start)
		return -EINVAL;
	return 0;
}

/* Tlock and Tgetlock say it by fields of the same names. */
#define RANGE_OF(m)                                   \
	((struct lock_range){.type = (m)->type,       \
			     .start = (m)->start,     \
			     .length = (m)->length,   \
			     .proc_id = (m)->proc_id, \
			     .client_id = (m)->client_id})

int op_lock(struct request *r)
{
	const struct msg_Tlock *m = &r->msg.Tlock;
	struct lock_range range = RANGE_OF(m);
	struct fid *f;
	struct call c;
	int err = handler_fid(r, 0, m->fid, FID_OPEN, &f);

	if (!err)
		err = check_range(&range);
	if (!err && (m->flags & ~(uint32_t)(P9_LOCK_FLAGS_BLOCK | P9_LOCK_FLAGS_RECLAIM)))
		err = -EINVAL;
	if (err)
		return err;
	c = handler_call(r, f);
	return backend_call(f->file, lock, &c, &range, &r->reply.Rlock.status);
}

int op_getlock(struct request *r)
{
	const struct msg_Tgetlock *m = &r->msg.Tgetlock;
	struct lock_range range = RANGE_OF(m);
	struct fid *f;
	struct call c;
	int err = handler_fid(r, 0, m->fid, FID_OPEN, &f);

	if (!err)
		err = check_range(&range);
	if (err)
		return err;
	/* Linux overwrites the type before it asks; an error would fail its fcntl(F_GETLK). */
	if (range.type == P9_LOCK_UNLCK)
		range.type = P9_LOCK_WRLCK;
	c = handler_call(r, f);
	err = backend_call(f->file, getlock, &c, &range);
	if (err)
		return err;
	r->reply.Rgetlock = (struct msg_Rgetlock){
		.type = range.type,
		.start = range.start,
		.length = range.length,
		.proc_id = range.proc_id,
		.client_id = range.client_id,
	};
	return 0;
}
