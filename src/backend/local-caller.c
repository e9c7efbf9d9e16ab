/* SPDX-License-Identifier: MIT */
/* As whom a call is done on the host.
 *
 * With passthrough the host's kernel decides as for the user who asks. In which groups that user is
 * nobody can tell but the client: 9P does not carry it. So what the group of a file may, the client
 * is believed about. What the owner and others may is the host's decision. */
#include <errno.h>

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

/* Would UID get WANT (MAY_ bits) of the file FD, if it were in the file's group? */
static bool may_by_group(int fd, uint32_t uid, unsigned want)
{
	struct statx st;
	unsigned mode;

	if (stat_fd(fd, &st))
		return false;
	mode = st.stx_mode;
	if (st.stx_uid == uid)
		return (mode >> 6 & want) == want;
	return (mode >> 3 & want) == want || (mode & want) == want;
}

bool believe_group(const struct local *l, const struct call *c, int r, int fd, unsigned want)
{
	return r == -EACCES && l->has_identity && c->uid != P9_NONUNAME && c->uid &&
	       may_by_group(fd, c->uid, want) && identity_override_modes();
}

bool may_strip_set_id(const struct local *l, const struct call *c, int fd, uint32_t mode)
{
	const uint32_t set_id = S_ISUID | S_ISGID;
	struct statx st;

	return l->has_identity && !stat_fd(fd, &st) && !((st.stx_mode ^ mode) & 07777 & ~set_id) &&
	       !(mode & ~st.stx_mode & set_id) && may_by_group(fd, c->uid, MAY_WRITE);
}

bool believe_groups(const struct local *l, const struct call *c, int r, int fd, int other_fd,
		    unsigned want)
{
	return r == -EACCES && may_by_group(other_fd, c->uid, want) &&
	       believe_group(l, c, r, fd, want);
}
