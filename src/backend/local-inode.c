/* SPDX-License-Identifier: MIT */
/* Inodes: the table of files in use, their descriptors and the budget of these. */
#include "local-impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "local-reopen.h"

static uint64_t hash_key(const struct inode_key *k)
{
	uint64_t h = k->ino * 0x9e3779b97f4a7c15u ^ k->dev;

	return h ^ h >> 32;
}

static struct inode_key key_of(const struct statx *st, const struct device *d)
{
	struct inode_key k = {.dev = stat_dev(st), .ino = st->stx_ino};

	if (st->stx_mask & STATX_MNT_ID)
		k.mnt = st->stx_mnt_id;
	if (d->has_btime && st->stx_mask & STATX_BTIME) {
		k.btime_sec = st->stx_btime.tv_sec;
		k.btime_nsec = st->stx_btime.tv_nsec;
	}
	return k;
}

bool is_equal_key(const struct inode_key *a, const struct inode_key *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->mnt == b->mnt &&
	       a->btime_sec == b->btime_sec && a->btime_nsec == b->btime_nsec;
}

bool is_same_file(const struct inode *i, const struct statx *st)
{
	struct inode_key k = key_of(st, i->device);

	return is_equal_key(&i->key, &k) && i->type == (st->stx_mode & S_IFMT);
}

static struct inode **bucket_locked(struct local *l, const struct inode_key *k)
{
	return &l->buckets[hash_key(k) & (l->n_buckets - 1)];
}

static struct inode *find_key_locked(struct local *l, const struct inode_key *k)
{
	struct inode *i = *bucket_locked(l, k);

	while (i && !is_equal_key(&i->key, k))
		i = i->hash_next;
	return i;
}

static void insert_locked(struct local *l, struct inode *i)
{
	struct inode **at = bucket_locked(l, &i->key);

	i->hash_next = *at;
	*at = i;
	l->n_inodes++;
}

static void remove_locked(struct local *l, struct inode *i)
{
	struct inode **at = bucket_locked(l, &i->key);

	while (*at != i)
		at = &(*at)->hash_next;
	*at = i->hash_next;
	l->n_inodes--;
}

/* Without memory the table stays small and slow. */
static void grow_locked(struct local *l)
{
	size_t n_old = l->n_buckets;
	struct inode **old = l->buckets, **buckets;

	if (l->n_inodes < n_old || !(buckets = calloc(n_old * 2, sizeof(struct inode *))))
		return;
	l->buckets = buckets;
	l->n_buckets = n_old * 2;
	for (size_t b = 0; b < n_old; b++) {
		for (struct inode *i = old[b], *next; i; i = next) {
			next = i->hash_next;
			l->n_inodes--;
			insert_locked(l, i);
		}
	}
	free(old);
}

static struct inode *inode_new(const struct statx *st, struct device *d)
{
	struct inode *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->key = key_of(st, d);
	i->device = d;
	i->type = st->stx_mode & S_IFMT;
	i->fd = -1;
	list_init(&i->nodes);
	list_init(&i->files);
	list_init(&i->lru);
	list_init(&i->lock_owners);
	pthread_mutex_init(&i->lock_mutex, NULL);
	return i;
}

static void inode_free(struct inode *i)
{
	if (i->fd >= 0)
		close(i->fd);
	free(i->handle);
	pthread_mutex_destroy(&i->lock_mutex);
	free(i);
}

static void set_fd_locked(struct local *l, struct inode *i, int fd)
{
	i->fd = fd;
	l->n_fds++;
}

static void pin_locked(struct local *l, struct inode *i, struct pin *ret_pin)
{
	list_del(&i->lru);
	i->refs++;
	i->users++;
	*ret_pin = (struct pin){l, i, i->fd};
}

void inode_drop_user_locked(struct local *l, struct inode *i)
{
	if (--i->users == 0 && i->fd >= 0)
		list_add_tail(&l->lru, &i->lru);
}

/* True: the caller frees I after unlocking. */
static bool drop_ref_locked(struct local *l, struct inode *i)
{
	if (--i->refs)
		return false;
	remove_locked(l, i);
	list_del(&i->lru);
	if (i->fd >= 0)
		l->n_fds--;
	else
		l->n_reclaimed--;
	return true;
}

void inode_ref_locked(struct inode *i, bool as_user)
{
	i->refs++;
	if (as_user && i->users++ == 0)
		list_del(&i->lru);
}

void inode_unref(struct local *l, struct inode *i)
{
	bool dead;

	pthread_mutex_lock(&l->lock);
	dead = drop_ref_locked(l, i);
	pthread_mutex_unlock(&l->lock);
	if (dead)
		inode_free(i);
}

void pin_done(struct pin *p)
{
	pin_done_and_leave(p, NULL);
}

void pin_done_and_leave(struct pin *p, struct list *member)
{
	int saved = errno;
	bool dead;

	if (!p->inode)
		return;
	pthread_mutex_lock(&p->local->lock);
	if (member)
		list_del(member);
	inode_drop_user_locked(p->local, p->inode);
	dead = drop_ref_locked(p->local, p->inode);
	pthread_mutex_unlock(&p->local->lock);
	if (dead)
		inode_free(p->inode);
	*p = (struct pin)PIN_INIT;
	errno = saved;
}

/* Leaves in *HANDLE what is to be freed. */
static void replace_handle_locked(struct inode *i, struct saved_handle **handle)
{
	struct saved_handle *old = i->handle;

	if (!*handle)
		return;
	i->handle = *handle;
	*handle = old;
}

/* Takes the descriptor of the inode least recently used, if it can be found again. */
static bool reclaim_one(struct local *l)
{
	struct saved_handle *handle = NULL;
	struct pin victim;
	int fd = -1;

	pthread_mutex_lock(&l->lock);
	if (l->n_fds <= l->max_fds || list_is_empty(&l->lru)) {
		pthread_mutex_unlock(&l->lock);
		return false;
	}
	pin_locked(l, list_first(&l->lru, struct inode, lru), &victim);
	pthread_mutex_unlock(&l->lock);

	bool can_return = can_find_again(l, &victim, &handle);

	pthread_mutex_lock(&l->lock);
	if (can_return && victim.inode->users == 1) {
		fd = steal_fd(&victim.inode->fd);
		replace_handle_locked(victim.inode, &handle);
		l->n_fds--;
		l->n_reclaimed++;
	}
	pthread_mutex_unlock(&l->lock);
	pin_done(&victim);
	free(handle);
	if (fd >= 0)
		close(fd);
	return true;
}

/* More than one try, because some inodes cannot give theirs; not many, because all may be so. */
static void keep_budget(struct local *l)
{
	for (int tries = 4; tries && reclaim_one(l); tries--)
		continue;
}

/* The inode KEY, if it is in use, pinned; it gets *FD if it has lost its own. */
static bool adopt_known_locked(struct local *l, const struct inode_key *key, int *fd,
			       struct pin *ret_pin)
{
	struct inode *i = find_key_locked(l, key);

	if (!i)
		return false;
	if (i->fd < 0) {
		set_fd_locked(l, i, steal_fd(fd));
		l->n_reclaimed--;
	}
	pin_locked(l, i, ret_pin);
	return true;
}

/* FRESH, unless another thread was faster. */
static void adopt_new(struct local *l, struct inode *fresh, int *fd, struct pin *ret_pin)
{
	bool known;

	pthread_mutex_lock(&l->lock);
	known = adopt_known_locked(l, &fresh->key, fd, ret_pin);
	if (!known) {
		grow_locked(l);
		insert_locked(l, fresh);
		set_fd_locked(l, fresh, steal_fd(fd));
		pin_locked(l, fresh, ret_pin);
	}
	pthread_mutex_unlock(&l->lock);
	if (known)
		inode_free(fresh);
}

int inode_adopt(struct local *l, int taken_fd, const struct statx *st, struct pin *ret_pin)
{
	autoclose int fd = taken_fd;
	struct device *d = device_get(l, fd, stat_dev(st));
	struct inode_key key;
	struct inode *fresh;
	bool known;

	if (!d)
		return -ENOMEM;
	key = key_of(st, d);
	pthread_mutex_lock(&l->lock);
	known = adopt_known_locked(l, &key, &fd, ret_pin);
	pthread_mutex_unlock(&l->lock);
	if (known)
		return 0;
	fresh = inode_new(st, d);
	if (!fresh)
		return -ENOMEM;
	adopt_new(l, fresh, &fd, ret_pin);
	return 0;
}

/* So many inodes that cannot give their descriptors back (deleted files, say) that the rest of the
 * program might get none. */
static bool is_exhausted(struct local *l)
{
	bool exhausted;

	pthread_mutex_lock(&l->lock);
	exhausted = l->n_fds >= l->max_fds + l->max_fds / 4;
	pthread_mutex_unlock(&l->lock);
	return exhausted;
}

int inode_get(struct local *l, int fd, const struct statx *st, struct pin *ret_pin)
{
	struct pin pin;
	int r = inode_adopt(l, fd, st, &pin);

	if (r)
		return r;
	keep_budget(l);
	if (is_exhausted(l)) {
		pin_done(&pin);
		return -ENFILE;
	}
	*ret_pin = pin;
	return 0;
}

struct inode *find_inode_locked(struct local *l, const struct statx *st)
{
	const struct device *d = find_device_locked(l, stat_dev(st));
	struct inode_key k;

	if (!d)
		return NULL;
	k = key_of(st, d);
	return find_key_locked(l, &k);
}

bool try_pin(struct local *l, struct inode *i, struct pin *ret_pin)
{
	bool has_fd;

	pthread_mutex_lock(&l->lock);
	has_fd = i->fd >= 0;
	if (has_fd)
		pin_locked(l, i, ret_pin);
	pthread_mutex_unlock(&l->lock);
	return has_fd;
}

bool try_pin_key_locked(struct local *l, const struct inode_key *key, struct pin *ret_pin)
{
	struct inode *i = find_key_locked(l, key);

	if (!i || i->fd < 0)
		return false;
	pin_locked(l, i, ret_pin);
	return true;
}

int pin_node(struct local_node *n, const struct call *c, struct pin *ret_pin)
{
	int r;

	if (c->in_place && n->inode->device->is_remote)
		return CALL_WOULD_BLOCK;
	if (try_pin(n->local, n->inode, ret_pin))
		return 0;
	act_as_ourselves(n->local);
	r = reopen_node(n, c->in_place, ret_pin);
	if (!r)
		keep_budget(n->local);
	return r;
}

void inodes_done(struct local *l)
{
	assert(l->n_inodes == 0);
	free(l->buckets);
}
