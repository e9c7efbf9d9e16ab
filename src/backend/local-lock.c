/* SPDX-License-Identifier: MIT */
/* Byte-range locks: open file description locks of the host, so that other sessions and the host's
 * programs see them.
 *
 * A client's process may lock through one fid and unlock through another, while processes exclude
 * each other: so each owner (session, client's name, process) has a description of its own for each
 * inode. It goes when all its locks are given up at once, or with the last file that the owner
 * locked through. */
#include "local-impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct lock_owner {
	struct list of_inode;
	struct list uses;
	uint64_t client;
	uint32_t proc_id;
	int fd;
	uint16_t id_len;
	char client_id[];
};

/* A file that an owner has locked through. */
struct lock_use {
	struct list of_file, of_owner;
	struct lock_owner *owner;
	struct local_file *file;
};

static bool is_owner(const struct lock_owner *o, uint64_t client, const struct lock_range *l)
{
	return o->client == client && o->proc_id == l->proc_id && o->id_len == l->client_id.len &&
	       !memcmp(o->client_id, l->client_id.p, o->id_len);
}

static struct lock_owner *find_owner(const struct local_file *f, const struct call *c,
				     const struct lock_range *l)
{
	list_for_each (it, &f->node->inode->lock_owners) {
		struct lock_owner *o = list_entry(it, struct lock_owner, of_inode);

		if (is_owner(o, c->client, l))
			return o;
	}
	return NULL;
}

static void free_use(struct lock_use *u)
{
	struct local *l = u->file->node->local;

	atomic_fetch_sub_explicit(&l->n_lock_uses, 1, memory_order_relaxed);
	list_del(&u->of_file);
	list_del(&u->of_owner);
	free(u);
}

/* A client may have as many owners as it likes of one file that is open: so they are a part only of the
 * descriptors, for others need to open files. */
#define PART_OF_LOCKS 4

static int take_owner_slot(struct local *l)
{
	unsigned before = atomic_fetch_add_explicit(&l->n_lock_owners, 1, memory_order_relaxed);
	int r = before < l->max_files / PART_OF_LOCKS ? take_file_slot(l) : -ENFILE;

	if (r)
		atomic_fetch_sub_explicit(&l->n_lock_owners, 1, memory_order_relaxed);
	return r;
}

static void give_owner_slot(struct local *l)
{
	atomic_fetch_sub_explicit(&l->n_lock_owners, 1, memory_order_relaxed);
	give_file_slot(l);
}

/* Gives up its locks. */
static void free_owner(struct local *l, struct lock_owner *o)
{
	while (!list_is_empty(&o->uses))
		free_use(list_first(&o->uses, struct lock_use, of_owner));
	list_del(&o->of_inode);
	close(o->fd);
	give_owner_slot(l);
	free(o);
}

/* Write locks need a description that is open for writing. Whoever has a lease on the file is waited
 * for by a worker. */
static int open_description(const struct local_file *f, const struct call *c, int *ret_fd)
{
	const int flags = O_NOCTTY | (c->in_place ? O_NONBLOCK : 0);
	struct local *l = f->node->local;
	int r;

	act_as_ourselves(l);
	r = reopen_fd(l, f->fd, O_RDWR | flags, ret_fd);
	if (r && r != -EAGAIN)
		r = reopen_fd(l, f->fd, f->access | flags, ret_fd);
	return c->in_place && r == -EAGAIN ? CALL_WOULD_BLOCK : r;
}

static int owner_new(struct local_file *f, const struct call *c, const struct lock_range *l,
		     struct lock_owner **ret_o)
{
	struct local *local = f->node->local;
	struct lock_owner *o;
	int r = take_owner_slot(local);

	if (r)
		return -ENOLCK;
	o = calloc(1, sizeof(*o) + l->client_id.len);
	r = o ? open_description(f, c, &o->fd) : -ENOMEM;
	if (r) {
		free(o);
		give_owner_slot(local);
		return r;
	}
	list_init(&o->uses);
	o->client = c->client;
	o->proc_id = l->proc_id;
	o->id_len = l->client_id.len;
	memcpy(o->client_id, l->client_id.p, o->id_len);
	list_add_tail(&f->node->inode->lock_owners, &o->of_inode);
	*ret_o = o;
	return 0;
}

static int add_use(struct local_file *f, struct lock_owner *o)
{
	struct local *l = f->node->local;
	struct lock_use *u;
	bool has_room;

	list_for_each (it, &f->lock_uses)
		if (list_entry(it, struct lock_use, of_file)->owner == o)
			return 0;
	/* Each owner may use each file that is open: that would be very many. */
	has_room = atomic_fetch_add_explicit(&l->n_lock_uses, 1, memory_order_relaxed) <
		   l->max_files;
	u = has_room ? malloc(sizeof(*u)) : NULL;
	if (!u) {
		atomic_fetch_sub_explicit(&l->n_lock_uses, 1, memory_order_relaxed);
		return has_room ? -ENOMEM : -ENOLCK;
	}
	*u = (struct lock_use){.owner = o, .file = f};
	list_add_tail(&f->lock_uses, &u->of_file);
	list_add_tail(&o->uses, &u->of_owner);
	return 0;
}

void release_locks(struct local_file *f)
{
	struct inode *i = f->node->inode;

	pthread_mutex_lock(&i->lock_mutex);
	while (!list_is_empty(&f->lock_uses)) {
		struct lock_use *u = list_first(&f->lock_uses, struct lock_use, of_file);
		struct lock_owner *o = u->owner;

		free_use(u);
		if (list_is_empty(&o->uses))
			free_owner(f->node->local, o);
	}
	pthread_mutex_unlock(&i->lock_mutex);
}

static int to_flock(const struct lock_range *l, struct flock *ret_fl)
{
	static const short types[] = {F_RDLCK, F_WRLCK, F_UNLCK};

	if (l->type > P9_LOCK_UNLCK || l->start > INT64_MAX ||
	    (l->length && l->length - 1 > INT64_MAX - l->start))
		return -EINVAL;
	*ret_fl = (struct flock){
		.l_type = types[l->type],
		.l_whence = SEEK_SET,
		.l_start = (off_t)l->start,
		/* one that ends at the largest offset is one that has no end */
		.l_len = l->length > INT64_MAX ? 0 : (off_t)l->length,
	};
	return 0;
}

/* #syscalls: fcntl */
static int set_lock(struct local_file *f, struct lock_owner *o, struct flock *fl,
		    uint8_t *ret_status)
{
	int r = fl->l_type == F_UNLCK ? 0 : add_use(f, o);

	if (r)
		return r;
	if (!fcntl(o->fd, F_OFD_SETLK, fl)) {
		*ret_status = P9_LOCK_SUCCESS;
		return 0;
	}
	if (errno != EAGAIN && errno != EACCES)
		return -errno;
	*ret_status = P9_LOCK_BLOCKED;
	return 0;
}

static bool is_everything(const struct flock *fl)
{
	return fl->l_type == F_UNLCK && fl->l_start == 0 && fl->l_len == 0;
}

static int lock_locked(struct local_file *f, const struct call *c, const struct lock_range *l,
		       struct flock *fl, uint8_t *ret_status)
{
	struct lock_owner *o = find_owner(f, c, l);
	bool is_fresh = !o;
	int r;

	if (!o && fl->l_type == F_UNLCK) {
		*ret_status = P9_LOCK_SUCCESS;
		return 0;
	}
	if (!o) {
		r = owner_new(f, c, l, &o);
		if (r)
			return r;
	}
	r = set_lock(f, o, fl, ret_status);
	if (is_everything(fl) || (is_fresh && (r || *ret_status != P9_LOCK_SUCCESS)))
		free_owner(f->node->local, o);
	return r;
}

int local_lock(struct file *file, const struct call *c, const struct lock_range *l,
	       uint8_t *ret_status)
{
	struct local_file *f = local_file(file);
	struct inode *i = f->node->inode;
	struct flock fl;
	uint8_t status = P9_LOCK_ERROR;
	int r = to_flock(l, &fl);

	if (r)
		return r;
	if (c->in_place && i->device->is_remote)
		return CALL_WOULD_BLOCK;
	r = lock_for(c, &i->lock_mutex);
	if (r)
		return r;
	r = lock_locked(f, c, l, &fl, &status);
	pthread_mutex_unlock(&i->lock_mutex);
	if (!r)
		*ret_status = status;
	return r;
}

/* Whose the lock FL is: the one who could write-lock the same range. NULL: a host program's, or
 * read locks of several. */
static const struct lock_owner *find_holder(const struct inode *i, const struct flock *fl)
{
	list_for_each (it, &i->lock_owners) {
		const struct lock_owner *o = list_entry(it, struct lock_owner, of_inode);
		struct flock probe = *fl;

		probe.l_type = F_WRLCK;
		probe.l_pid = 0;
		if (!fcntl(o->fd, F_OFD_GETLK, &probe) && probe.l_type == F_UNLCK)
			return o;
	}
	return NULL;
}

/* Process numbers mean something within their client only. */
static void set_holder(struct lock_range *l, const struct call *c, const struct lock_owner *o)
{
	bool is_same_client = o && o->client == c->client && o->id_len == l->client_id.len &&
			      !memcmp(o->client_id, l->client_id.p, o->id_len);

	l->proc_id = is_same_client ? o->proc_id : 0;
	if (!is_same_client)
		l->client_id = (struct str){"", 0};
}

static int getlock_locked(struct local_file *f, const struct call *c, struct lock_range *l,
			  struct flock *fl)
{
	struct lock_owner *o = find_owner(f, c, l);

	/* A file's own description never has locks: it asks for an owner who has none. */
	if (fcntl(o ? o->fd : f->fd, F_OFD_GETLK, fl))
		return -errno;
	if (fl->l_type == F_UNLCK) {
		l->type = P9_LOCK_UNLCK;
		return 0;
	}
	l->type = fl->l_type == F_RDLCK ? P9_LOCK_RDLCK : P9_LOCK_WRLCK;
	l->start = (uint64_t)fl->l_start;
	l->length = (uint64_t)fl->l_len;
	fl->l_whence = SEEK_SET;
	set_holder(l, c, find_holder(f->node->inode, fl));
	return 0;
}

int local_getlock(struct file *file, const struct call *c, struct lock_range *l)
{
	struct local_file *f = local_file(file);
	struct inode *i = f->node->inode;
	struct flock fl;
	int r = to_flock(l, &fl);

	if (!r && fl.l_type == F_UNLCK)
		r = -EINVAL;
	if (r)
		return r;
	if (c->in_place && i->device->is_remote)
		return CALL_WOULD_BLOCK;
	r = lock_for(c, &i->lock_mutex);
	if (r)
		return r;
	r = getlock_locked(f, c, l, &fl);
	pthread_mutex_unlock(&i->lock_mutex);
	return r;
}
