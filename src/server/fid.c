/* SPDX-License-Identifier: MIT */
#include "fid.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "backend.h"
#include "budget.h"
#include "clock.h"
#include "xattr-value.h"

#define FIRST_SLOTS 64u

struct fid *fid_new(uint32_t number, enum fid_kind kind, const struct fid *like)
{
	/* calloc takes no memory from the cache that a thread has in the C library */
	struct fid *f = malloc(sizeof(*f));

	if (!f)
		return NULL;
	*f = (struct fid){.refs = 1, .number = number, .kind = kind};
	if (like) {
		f->uid = like->uid;
		f->root = like->root;
		f->qid = like->qid;
	}
	return f;
}

void fid_unref(struct fid *f)
{
	if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
		return;
	xattr_value_free(f->xattr);
	file_unref(f->file);
	if (f->n_opened)
		atomic_fetch_sub(f->n_opened, 1);
	node_unref(f->node);
	free(f);
}

int fid_table_init(struct fid_table *t, uint32_t max)
{
	*t = (struct fid_table){.max = max, .n_slots = FIRST_SLOTS, .secret = clock_now_ns()};
	t->slots = calloc(FIRST_SLOTS, sizeof(struct fid *));
	if (!t->slots)
		return -ENOMEM;
	(void)!getrandom(&t->secret, sizeof(t->secret), GRND_NONBLOCK);
	pthread_mutex_init(&t->lock, NULL);
	return 0;
}

void fid_table_done(struct fid_table *t)
{
	fid_table_clear(t);
	pthread_mutex_destroy(&t->lock);
	free(t->slots);
}

/* The fid in slot I, which is empty then; callers empty all slots. */
static struct fid *empty_slot(struct fid_table *t, uint32_t i)
{
	struct fid *f;

	pthread_mutex_lock(&t->lock);
	f = t->slots[i];
	t->slots[i] = NULL;
	if (f)
		pool_give(t->pool, --t->n, 1);
	pthread_mutex_unlock(&t->lock);
	return f;
}

void fid_table_clear(struct fid_table *t)
{
	for (uint32_t i = 0; i < t->n_slots; i++)
		fid_unref(empty_slot(t, i));
}

/* splitmix64's finalizer */
static uint32_t home(const struct fid_table *t, uint32_t number)
{
	uint64_t z = t->secret + number * 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)(z ^ z >> 31) & (t->n_slots - 1);
}

/* The slot of NUMBER, or the empty one where it belongs. There always is one. */
static uint32_t find_slot(const struct fid_table *t, uint32_t number)
{
	uint32_t i = home(t, number);

	while (t->slots[i] && t->slots[i]->number != number)
		i = (i + 1) & (t->n_slots - 1);
	return i;
}

/* At most three quarters are used. */
static int make_room_locked(struct fid_table *t)
{
	struct fid **old = t->slots;
	uint32_t n_old = t->n_slots;

	if (t->n < n_old / 4 * 3)
		return 0;
	t->slots = calloc((size_t)n_old * 2, sizeof(struct fid *));
	if (!t->slots) {
		t->slots = old;
		return -ENOMEM;
	}
	t->n_slots = n_old * 2;
	for (uint32_t i = 0; i < n_old; i++)
		if (old[i])
			t->slots[find_slot(t, old[i]->number)] = old[i];
	free(old);
	return 0;
}

/* Empties slot HOLE; fids behind it that would not be found any more move up. */
static void remove_locked(struct fid_table *t, uint32_t hole)
{
	uint32_t mask = t->n_slots - 1;

	for (uint32_t i = (hole + 1) & mask; t->slots[i]; i = (i + 1) & mask) {
		uint32_t from_home = (i - home(t, t->slots[i]->number)) & mask;

		if (from_home >= ((i - hole) & mask)) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole] = NULL;
	pool_give(t->pool, --t->n, 1);
}

struct fid *fid_table_get(struct fid_table *t, uint32_t number)
{
	struct fid *f;

	pthread_mutex_lock(&t->lock);
	f = t->slots[find_slot(t, number)];
	if (f)
		fid_ref(f);
	pthread_mutex_unlock(&t->lock);
	return f;
}

static int add_locked(struct fid_table *t, struct fid *f)
{
	int err;

	if (t->slots[find_slot(t, f->number)])
		return -EBADF;
	if (t->n >= t->max)
		return -EMFILE;
	err = make_room_locked(t);
	if (err)
		return err;
	if (!pool_take(t->pool, t->n, 1))
		return -ENFILE;
	t->slots[find_slot(t, f->number)] = fid_ref(f);
	t->n++;
	return 0;
}

int fid_table_add(struct fid_table *t, struct fid *f)
{
	int err;

	if (f->number == P9_NOFID)
		return -EINVAL;
	pthread_mutex_lock(&t->lock);
	err = add_locked(t, f);
	pthread_mutex_unlock(&t->lock);
	return err;
}

int fid_table_replace(struct fid_table *t, const struct fid *old, struct fid *f)
{
	struct fid *replaced = NULL;
	uint32_t i;

	pthread_mutex_lock(&t->lock);
	i = find_slot(t, old->number);
	if (t->slots[i] == old) {
		replaced = t->slots[i];
		t->slots[i] = fid_ref(f);
	}
	pthread_mutex_unlock(&t->lock);
	fid_unref(replaced);
	return replaced ? 0 : -EBADF;
}

struct fid *fid_table_take(struct fid_table *t, uint32_t number)
{
	struct fid *f;
	uint32_t i;

	pthread_mutex_lock(&t->lock);
	i = find_slot(t, number);
	f = t->slots[i];
	if (f)
		remove_locked(t, i);
	pthread_mutex_unlock(&t->lock);
	return f;
}
