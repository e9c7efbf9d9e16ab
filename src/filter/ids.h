/* SPDX-License-Identifier: MIT */
/* Users and groups as the guest has them, and as the host has them: either ranges of the one are
 * ranges of the other, or all is one user's. */
#ifndef FILTER_IDS_H
#define FILTER_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backend;

#define IDS_MAX_RANGES 32
#define IDS_NOBODY 65534u /* how an id is shown that has no other name */

/* Ids GUEST.. of the guest are HOST.. of the host, N of them. */
struct id_range {
	uint32_t guest, host, n;
};

struct id_map {
	struct id_range at[IDS_MAX_RANGES];
	size_t n; /* 0: each id is the same here and there */
};

/* "A:B:N" into M. False if it is none, reaches beyond the ids, or overlaps one that is there. */
bool id_map_add(struct id_map *m, const char *text);

/* Is ID of the host one of the guest's? */
bool id_map_has_host(const struct id_map *m, uint32_t id);

struct ids_config {
	/* Where there are ranges, an id outside of them is shown as IDS_NOBODY; such a user cannot
	 * attach, and no file can be given to one: -EOVERFLOW. */
	struct id_map uids, gids;
	/* No user has a name below: the server acts as itself for all. */
	bool squash;
	/* And this is how all files appear; -EPERM for giving them to others. */
	bool has_owner;
	uint32_t uid, gid;
};

/* A filter on LOWER, which it takes over if it succeeds. */
int ids_new(struct backend *lower, const struct ids_config *cfg, struct backend **ret);

#endif
