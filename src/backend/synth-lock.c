/* SPDX-License-Identifier: MIT */
/* Locks of synth: one list for all files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "synth-impl.h"

struct synth_lock {
	struct list link;
	struct synth_file *file; /* that it was taken through */
	uint64_t path, client;
	struct lock_range range; /* the bytes of client_id follow */
	char client_id[];
};

static uint64_t last_of(const struct lock_range *l)
{
	return l->length ? l->start + l->length - 1 : UINT64_MAX;
}

static bool does_overlap(const struct lock_range *a, const struct lock_range *b)
{
	return a->start <= last_of(b) && b->start <= last_of(a);
}

static bool is_of(const struct synth_lock *k, const struct call *c, const struct lock_range *l)
{
	return k->client == c->client && k->range.proc_id == l->proc_id &&
	       k->range.client_id.len == l->client_id.len &&
	       !memcmp(k->client_id, l->client_id.p, l->client_id.len);
}

static struct synth_lock *find_conflict_locked(const struct synth *s, uint64_t path,
					       const struct call *c, const struct lock_range *l)
{
	list_for_each (it, &s->locks) {
		struct synth_lock *k = list_entry(it, struct synth_lock, link);

		if (k->path == path && does_overlap(&k->range, l) && !is_of(k, c, l) &&
		    (k->range.type == P9_LOCK_WRLCK || l->type == P9_LOCK_WRLCK))
			return k;
	}
	return NULL;
}

static void drop_own_locked(struct synth *s, uint64_t path, const struct call *c,
			    const struct lock_range *l)
{
	list_for_each_safe (it, &s->locks) {
		struct synth_lock *k = list_entry(it, struct synth_lock, link);

		if (k->path == path && does_overlap(&k->range, l) && is_of(k, c, l)) {
			list_del(it);
			free(k);
		}
	}
}

static int add_locked(struct synth_file *f, uint64_t path, const struct call *c,
		      const struct lock_range *l)
{
	struct synth_lock *k = malloc(sizeof(*k) + l->client_id.len);

	if (!k)
		return -ENOMEM;
	k->file = f;
	k->path = path;
	k->client = c->client;
	k->range = *l;
	if (l->client_id.len)
		memcpy(k->client_id, l->client_id.p, l->client_id.len);
	k->range.client_id.p = k->client_id;
	list_add_tail(&f->node->synth->locks, &k->link);
	return 0;
}

static int check(const struct synth_file *f, const struct lock_range *l)
{
	if (f->node->kind == SYNTH_IOERROR)
		return -(int)f->node->number;
	return l->type > P9_LOCK_UNLCK || (l->length && last_of(l) < l->start) ? -EINVAL : 0;
}

int synth_lock(struct file *file, const struct call *c, const struct lock_range *l,
	       uint8_t *ret_status)
{
	struct synth_file *f = synth_file(file);
	struct synth *s = f->node->synth;
	uint8_t status = P9_LOCK_SUCCESS;
	struct qid qid;
	int r = check(f, l);

	if (r)
		return r;
	pthread_mutex_lock(&s->lock);
	synth_qid(f->node, &qid);
	if (l->type != P9_LOCK_UNLCK && find_conflict_locked(s, qid.path, c, l)) {
		status = P9_LOCK_BLOCKED;
	} else {
		drop_own_locked(s, qid.path, c, l);
		if (l->type != P9_LOCK_UNLCK)
			r = add_locked(f, qid.path, c, l);
	}
	pthread_mutex_unlock(&s->lock);
	if (!r)
		*ret_status = status;
	return r;
}

/* The other's client_id might go before the answer is made: ours, if it is the same. */
static void describe(const struct synth_lock *k, const struct call *c, struct lock_range *l)
{
	struct str id = l->client_id;
	bool is_same = k->client == c->client && k->range.client_id.len == id.len &&
		       !memcmp(k->client_id, id.p, id.len);

	*l = k->range;
	l->client_id = is_same ? id : (struct str){"", 0};
}

int synth_getlock(struct file *file, const struct call *c, struct lock_range *l)
{
	struct synth_file *f = synth_file(file);
	struct synth *s = f->node->synth;
	struct synth_lock *k;
	struct qid qid;
	int r = check(f, l);

	if (r)
		return r;
	pthread_mutex_lock(&s->lock);
	synth_qid(f->node, &qid);
	k = find_conflict_locked(s, qid.path, c, l);
	if (k)
		describe(k, c, l);
	else
		l->type = P9_LOCK_UNLCK;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

void synth_free_locks(struct synth_file *f)
{
	struct synth *s = f->node->synth;

	pthread_mutex_lock(&s->lock);
	list_for_each_safe (it, &s->locks) {
		struct synth_lock *k = list_entry(it, struct synth_lock, link);

		if (k->file == f) {
			list_del(it);
			free(k);
		}
	}
	pthread_mutex_unlock(&s->lock);
}
