/* SPDX-License-Identifier: MIT */
/* Where names led to when they were walked last: a walk to a file that is in use needs one statx,
 * not a descriptor that is closed again.
 *
 * This only says which file is worth a look. That the name still leads to it is what statx, asked
 * as the caller, says; whatever else it says, the name is walked as if nothing were known. */
#include <errno.h>
#include <stdlib.h>

#include "local-impl.h"

#define N_KNOWN 256u /* a power of two; 14 KiB */

struct known_child {
	uint64_t hash; /* of directory and name */
	struct inode_key key;
};

static uint64_t hash_child(const struct inode *dir, const char *name)
{
	uint64_t h = 0xcbf29ce484222325u ^ dir->key.ino ^ dir->key.dev << 32;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3u;
	return h ^ h >> 32;
}

int known_children_new(struct local *l)
{
	l->known = calloc(N_KNOWN, sizeof(*l->known));
	return l->known ? 0 : -ENOMEM;
}

void known_child_set_locked(struct local *l, const struct local_node *dir, const char *name,
			    const struct inode *i)
{
	uint64_t hash = hash_child(dir->inode, name);
	struct known_child *k = &l->known[hash & (N_KNOWN - 1)];

	k->hash = hash;
	k->key = i->key;
}

static bool pin_known(struct local *l, const struct local_node *dir, const char *name,
		      struct pin *ret_pin)
{
	uint64_t hash = hash_child(dir->inode, name);
	const struct known_child *k = &l->known[hash & (N_KNOWN - 1)];
	bool pinned;

	pthread_mutex_lock(&l->lock);
	pinned = k->hash == hash && try_pin_key_locked(l, &k->key, ret_pin);
	pthread_mutex_unlock(&l->lock);
	return pinned;
}

bool known_child_find(struct local *l, const struct local_node *dir, int dir_fd, const char *name,
		      struct pin *ret_pin, struct statx *ret_st)
{
	struct pin pin;

	if (!pin_known(l, dir, name, &pin))
		return false;
	if (!pin.inode->device->is_remote && !stat_at_cached(dir_fd, name, ret_st) &&
	    is_same_file(pin.inode, ret_st)) {
		*ret_pin = pin;
		return true;
	}
	pin_done(&pin);
	return false;
}
