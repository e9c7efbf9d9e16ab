/* SPDX-License-Identifier: MIT */
/* As whom a call is done on the host.
 *
 * With passthrough the host's kernel decides as for the user who asks. In which groups that user is
 * nobody can tell but the client: 9P does not carry it. So the client is believed that the user is in
 * the group of the file, if its users can be in that group at all. What this group, the owner and
 * others may, lists of access control included, is the host's decision. */
#include <errno.h>
#include <fcntl.h>

#include "local-impl.h"

int act_as(const struct local *l, const struct call *c, uint32_t gid)
{
	if (!l->has_identity)
		return 0;
	if (c->uid == P9_NONUNAME) {
		identity_become_ourselves();
		return 0;
	}
	if (gid == GID_UNKNOWN)
		gid = c->uid ? IDENTITY_NO_GROUP : IDENTITY_OWN_GROUP;
	return identity_become(c->uid, gid);
}

int show_caller(const struct local_node *n, const struct call *c)
{
	return n->inode->device->is_remote ? act_as(n->local, c, GID_UNKNOWN) : 0;
}

void act_as_ourselves(const struct local *l)
{
	if (l->has_identity)
		identity_become_ourselves();
}

uint32_t group_of_new(const struct local *l, int dir_fd, uint32_t mode, uint32_t gid)
{
	struct statx st;

	if (!l->has_identity || (mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP) ||
	    stat_fd(dir_fd, &st) || !(st.stx_mode & S_ISGID))
		return gid;
	return GID_UNKNOWN;
}

struct groups {
	uint32_t at[IDENTITY_MAX_JOINED];
	unsigned n;
};

static bool has_group(const struct local *l, uint32_t gid)
{
	return !l->has_group || l->has_group(l->group_arg, gid);
}

/* Might the caller get WANT (MAY_ bits) of the file of ST? Then its group, if that is what it takes, is
 * in G. */
static bool might_get(const struct local *l, const struct call *c, const struct statx *st,
		      unsigned want, struct groups *g)
{
	unsigned mode = st->stx_mode;

	if (st->stx_uid == c->uid)
		return (mode >> 6 & want) == want;
	if ((mode >> 3 & want) == want && has_group(l, st->stx_gid)) {
		g->at[g->n++] = st->stx_gid;
		return true;
	}
	return (mode & want) == want;
}

static bool is_to_believe(const struct local *l, const struct call *c, int r)
{
	return r == -EACCES && l->has_identity && c->uid != P9_NONUNAME && c->uid;
}

bool believe_group(const struct local *l, const struct call *c, int r, int fd, unsigned want)
{
	struct groups g = {.n = 0};
	struct statx st;

	return is_to_believe(l, c, r) && !stat_fd(fd, &st) && might_get(l, c, &st, want, &g) &&
	       g.n && identity_join(g.at, g.n);
}

bool believe_groups(const struct local *l, const struct call *c, int r, int from_fd,
		    const char *name, int to_fd)
{
	const unsigned want = MAY_WRITE | MAY_SEARCH;
	struct groups g = {.n = 0};
	struct statx st;

	if (!is_to_believe(l, c, r) || stat_fd(from_fd, &st) || !might_get(l, c, &st, want, &g) ||
	    stat_fd(to_fd, &st) || !might_get(l, c, &st, want, &g))
		return false;
	if (!stat_at(from_fd, name, &st))
		might_get(l, c, &st, MAY_WRITE, &g);
	return g.n && identity_join(g.at, g.n);
}

static bool may_write(struct local *l, const struct call *c, int fd)
{
	autoclose int writable = -1;
	int r;

	do
		r = reopen_fd(l, fd, O_WRONLY | O_NOCTTY | O_NONBLOCK, &writable);
	while (believe_group(l, c, r, fd, MAY_WRITE));
	return !r;
}

bool may_strip_set_id(struct local *l, const struct call *c, int fd, uint32_t mode)
{
	const uint32_t set_id = S_ISUID | S_ISGID;
	struct statx st;

	return l->has_identity && !stat_fd(fd, &st) && S_ISREG(st.stx_mode) &&
	       !((st.stx_mode ^ mode) & 07777 & ~set_id) && !(mode & ~st.stx_mode & set_id) &&
	       may_write(l, c, fd);
}
