/* SPDX-License-Identifier: MIT */
/* The guest's side of a file as the attributes user.virtfs.* of the host's file have it. Internal
 * to the filter `mapped`. */
#ifndef FILTER_MAPPED_META_H
#define FILTER_MAPPED_META_H

#include "backend.h"

struct meta {
	uint32_t uid, gid;
	uint32_t mode;	    /* with the type */
	uint32_t host_mode; /* of the host's file */
	uint64_t rdev;
};

/* What LOWER is to the guest. A is what LOWER's getattr says. */
int meta_read(struct node *lower, const struct call *c, const struct attr *a, struct meta *ret_m);

/* Likewise, with getattr. */
int meta_get(struct node *lower, const struct call *c, struct meta *ret_m);

int meta_set_uid(struct node *lower, const struct call *c, uint32_t uid);
int meta_set_gid(struct node *lower, const struct call *c, uint32_t gid);
int meta_set_mode(struct node *lower, const struct call *c, uint32_t mode);

/* The attributes of a new file, for make_args. */
struct meta_attrs {
	struct make_attr at[4];
	size_t n;
	uint8_t bytes[20];
};

/* Without a user or a group (P9_NONUNAME), without its attribute. */
void meta_attrs_of(const struct meta *m, struct meta_attrs *ret_a);

/* The attribute of the host that is the guest's NAME: *RET_NAME may be another one. -ENODATA: none
 * that the guest may see; -EOPNOTSUPP: a kind that has no place. */
int meta_host_name(struct str name, struct str *ret_name);

/* Leaves in LIST (SIZE bytes of names, each with its NUL) what the guest sees; returns its size. */
size_t meta_guest_list(char *list, size_t size);

#endif
