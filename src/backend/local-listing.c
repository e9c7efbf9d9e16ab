/* SPDX-License-Identifier: MIT */
/* Listings of small folders, kept beyond their readers.
 *
 * A folder whose ctime is what it was lists the same, for each change of its names sets it: on file
 * systems that are known to do so (device.lists_by_ctime), and if the ctime had settled when the
 * listing was read. So a listing costs one statx instead of the host's work for each entry. What is
 * kept belongs to nobody: whoever asks has the folder open, and was allowed to read it then.
 *
 * A slot for each hash, and a budget for all: a walk through more folders than there is room for
 * leaves some of them, where a list by age would lose each just before it is read again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "local-impl.h"

#define N_SLOTS 512u
#define MAX_BYTES (2u << 20) /* of all together */

struct listings {
	pthread_mutex_t lock; /* nothing else is taken under it */
	size_t n_bytes;
	unsigned hand; /* the next to go when there are too many */
	struct kept_listing *slots[N_SLOTS];
};

int listings_new(struct local *l)
{
	l->listings = calloc(1, sizeof(*l->listings));
	if (!l->listings)
		return -ENOMEM;
	pthread_mutex_init(&l->listings->lock, NULL);
	return 0;
}

void listing_unref(struct kept_listing *g)
{
	if (g && atomic_fetch_sub(&g->refs, 1) == 1)
		free(g);
}

static void drop_locked(struct listings *s, unsigned slot)
{
	struct kept_listing *g = s->slots[slot];

	if (!g)
		return;
	s->slots[slot] = NULL;
	s->n_bytes -= sizeof(*g) + g->size;
	listing_unref(g);
}

void listings_free(struct local *l)
{
	struct listings *s = l->listings;

	for (unsigned i = 0; i < N_SLOTS; i++)
		drop_locked(s, i);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static unsigned slot_of(const struct inode_key *k)
{
	uint64_t h = (k->ino ^ k->dev << 40) * 0x9e3779b97f4a7c15u;

	return (unsigned)(h >> 32) % N_SLOTS;
}

bool may_keep_listing(const struct inode *i, const struct statx *st)
{
	/* names of an encrypted folder change with its key, without a trace in its ctime */
	return i->device->lists_by_ctime && !(st->stx_attributes & STATX_ATTR_ENCRYPTED) &&
	       has_settled(st);
}

struct kept_listing *listing_find(struct local *l, const struct inode *i, const struct statx *st)
{
	struct listings *s = l->listings;
	struct kept_listing *g;

	if (!i->device->lists_by_ctime)
		return NULL;
	pthread_mutex_lock(&s->lock);
	g = s->slots[slot_of(&i->key)];
	if (g && is_equal_key(&g->key, &i->key) && g->ctime_sec == st->stx_ctime.tv_sec &&
	    g->ctime_nsec == st->stx_ctime.tv_nsec)
		atomic_fetch_add(&g->refs, 1);
	else
		g = NULL;
	pthread_mutex_unlock(&s->lock);
	return g;
}

/* Without memory nothing is kept. */
void listing_keep(struct local *l, const struct inode *i, const struct statx_timestamp *ctime,
		  const char *bytes, size_t size)
{
	struct listings *s = l->listings;
	struct kept_listing *g = malloc(sizeof(*g) + size);
	unsigned slot = slot_of(&i->key);

	if (!g)
		return;
	atomic_init(&g->refs, 1);
	g->key = i->key;
	g->ctime_sec = ctime->tv_sec;
	g->ctime_nsec = ctime->tv_nsec;
	g->size = size;
	memcpy(g->bytes, bytes, size);
	pthread_mutex_lock(&s->lock);
	drop_locked(s, slot);
	s->slots[slot] = g;
	s->n_bytes += sizeof(*g) + size;
	while (s->n_bytes > MAX_BYTES)
		drop_locked(s, s->hand++ % N_SLOTS);
	pthread_mutex_unlock(&s->lock);
}
