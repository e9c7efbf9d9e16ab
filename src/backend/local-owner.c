/* SPDX-License-Identifier: MIT */
/* Whose a file is, where statx may not tell: in a user namespace that has no name for its owner.
 *
 * Asking outside takes a hundred times as long as statx, so the answer is kept with the inode. It
 * holds as long as the ctime stays the same, for a new owner changes that. */
#include <errno.h>

#include "local-impl.h"

#define NOBODY 65534 /* whom statx names then */

static bool is_known(struct local *l, const struct inode *i, struct statx *st)
{
	const struct known_owner *o = &i->owner;
	bool known;

	pthread_mutex_lock(&l->lock);
	known = o->is_known && o->ctime_sec == st->stx_ctime.tv_sec &&
		o->ctime_nsec == st->stx_ctime.tv_nsec;
	if (known) {
		st->stx_uid = o->uid;
		st->stx_gid = o->gid;
	}
	pthread_mutex_unlock(&l->lock);
	return known;
}

/* ST was read before the owner was asked for. */
static void keep(struct local *l, struct inode *i, const struct statx *st)
{
	if (!has_settled(st))
		return;
	pthread_mutex_lock(&l->lock);
	i->owner = (struct known_owner){
		.is_known = true,
		.uid = st->stx_uid,
		.gid = st->stx_gid,
		.ctime_sec = st->stx_ctime.tv_sec,
		.ctime_nsec = st->stx_ctime.tv_nsec,
	};
	pthread_mutex_unlock(&l->lock);
}

int learn_owner(struct local_node *n, const struct call *c, int fd, struct statx *st)
{
	struct local *l = n->local;
	uint32_t uid, gid;
	int r;

	if (!l->ask_owner || (st->stx_uid != NOBODY && st->stx_gid != NOBODY) ||
	    is_known(l, n->inode, st))
		return 0;
	if (c->in_place)
		return CALL_WOULD_BLOCK;
	r = l->ask_owner(l->ask_arg, fd, &uid, &gid);
	if (r)
		return r;
	st->stx_uid = uid;
	st->stx_gid = gid;
	keep(l, n->inode, st);
	return 0;
}
