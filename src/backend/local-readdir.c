/* SPDX-License-Identifier: MIT */
/* readdir: entries as the kernel gives them, without a look at the files.
 *
 * Where another file system is mounted on an entry, its qid is of the directory below the mount;
 * walk gives the right one. Versions are 0: unknown. */
#include "local-impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define BUFFER_SIZE (32u << 10)

#define NOWHERE UINT64_MAX /* an offset that is none */

/* Of folders that are being read, so many keep what was read ahead; others read it again. */
#define MAX_BUFFERS 1024

/* As getdents64(2) has it. */
struct host_entry {
	uint64_t ino, next;
	uint16_t size;
	uint8_t type;
	char name[];
};

struct dir_buffer {
	uint64_t offset; /* of the entry AT */
	size_t at, end;	 /* the entries that are not yet taken */
	size_t size;	 /* of all that came since the start of the folder, if `keep` */
	bool keep;	 /* it is worth it if that was all of the folder, */
	struct statx_timestamp ctime; /* which had this then */
	_Alignas(uint64_t) char bytes[BUFFER_SIZE];
};

void free_dir_buffer(struct local_file *f)
{
	free(f->dir);
	f->dir = NULL;
	if (f->dir_counted)
		atomic_fetch_sub(&f->node->local->n_dir_buffers, 1);
	f->dir_counted = false;
}

static int get_buffer(struct local_file *f, struct dir_buffer **ret_d)
{
	if (!f->dir) {
		f->dir = malloc(sizeof(*f->dir));
		if (!f->dir)
			return -ENOMEM;
		f->dir->offset = NOWHERE;
		f->dir->at = f->dir->end = 0;
		f->dir->keep = false;
	}
	*ret_d = f->dir;
	return 0;
}

/* #syscalls: lseek */
/* Nothing is kept at the end of the folder either. */
static void keep_or_free_buffer(struct local_file *f)
{
	struct local *l = f->node->local;

	if (!f->dir)
		return;
	if (!f->dir_counted) {
		atomic_fetch_add(&l->n_dir_buffers, 1);
		f->dir_counted = true;
	}
	if (f->dir->end && atomic_load(&l->n_dir_buffers) <= MAX_BUFFERS)
		return;
	free_dir_buffer(f);
}

static int seek_to(struct local_file *f, struct dir_buffer *d, uint64_t offset)
{
	if (offset > INT64_MAX)
		return -EINVAL;
	/* who starts anew wants to see what is there now */
	if (offset && offset == d->offset)
		return 0;
	if (lseek(f->fd, (off_t)offset, SEEK_SET) < 0)
		return -errno;
	d->offset = offset;
	d->at = d->end = 0;
	d->keep = false;
	return 0;
}

/* 0 also at the end, which leaves the buffer empty. */
/* #syscalls: getdents64 */
static int fill(struct local_file *f, struct dir_buffer *d)
{
	long n = syscall(SYS_getdents64, f->fd, d->bytes, sizeof(d->bytes));

	if (n < 0)
		return -errno;
	d->at = 0;
	d->end = (size_t)n;
	if (d->keep && !n)
		listing_keep(f->node->local, f->node->inode, &d->ctime, d->bytes, d->size);
	d->keep = d->keep && n && !d->size;
	d->size = d->end;
	return 0;
}

/* The inode of ".." as the client may know it: what is above a root is the root. */
static struct inode_key parent_key(struct local_node *n)
{
	struct inode_key k;

	pthread_mutex_lock(&n->local->lock);
	k = n->place ? n->place->parent->inode->key : n->inode->key;
	pthread_mutex_unlock(&n->local->lock);
	return k;
}

static uint8_t type_of(const struct local_file *f, const struct host_entry *h)
{
	struct statx st;

	if (h->type != DT_UNKNOWN || stat_at(f->fd, h->name, &st))
		return h->type;
	return (uint8_t)IFTODT(st.stx_mode);
}

static struct dirent9 entry_of(struct local_file *f, const struct host_entry *h)
{
	struct dirent9 e = {
		.offset = h->next,
		.type = type_of(f, h),
		.name = {h->name, (uint16_t)strlen(h->name)},
	};
	struct inode_key k = {.dev = f->node->inode->key.dev, .ino = h->ino};

	if (!strcmp(h->name, ".."))
		k = parent_key(f->node);
	e.qid.path = qid_path(f->node->local, k.dev, k.ino);
	e.qid.type = qid_type((uint32_t)e.type << 12);
	return e;
}

/* Those from *AT to END. False: the reply is full. */
static bool emit_some(struct local_file *f, const char *bytes, size_t *at, size_t end,
		      uint64_t *offset, emit_fn emit, void *arg)
{
	while (*at < end) {
		const struct host_entry *h = (const void *)(bytes + *at);
		struct dirent9 e = entry_of(f, h);

		if (!emit(arg, &e))
			return false;
		*at += h->size;
		*offset = h->next;
	}
	return true;
}

static int emit_entries(struct local_file *f, struct dir_buffer *d, emit_fn emit, void *arg)
{
	int r;

	while (emit_some(f, d->bytes, &d->at, d->end, &d->offset, emit, arg)) {
		r = fill(f, d);
		if (r || !d->end)
			return r;
	}
	return 0;
}

/* Where in G the entry at OFFSET is, which may be the end. */
static bool find_offset(const struct kept_listing *g, uint64_t offset, size_t *ret_at)
{
	size_t at = 0;
	uint64_t here = 0;

	while (here != offset && at < g->size) {
		const struct host_entry *h = (const void *)(g->bytes + at);

		at += h->size;
		here = h->next;
	}
	*ret_at = at;
	return here == offset;
}

/* False: there is none, or not with this offset. */
static bool emit_kept(struct local_file *f, const struct statx *st, uint64_t offset, emit_fn emit,
		      void *arg)
{
	struct kept_listing *g = listing_find(f->node->local, f->node->inode, st);
	size_t at;

	f->dir_kept = g && find_offset(g, offset, &at);
	if (f->dir_kept)
		emit_some(f, g->bytes, &at, g->size, &offset, emit, arg);
	listing_unref(g);
	return f->dir_kept;
}

static int emit_read(struct local_file *f, const struct statx *st, uint64_t offset, emit_fn emit,
		     void *arg)
{
	struct dir_buffer *d;
	int r = get_buffer(f, &d);

	if (!r)
		r = seek_to(f, d, offset);
	if (!r && !offset && st && may_keep_listing(f->node->inode, st)) {
		d->keep = true;
		d->size = 0;
		d->ctime = st->stx_ctime;
	}
	if (!r)
		r = emit_entries(f, d, emit, arg);
	keep_or_free_buffer(f);
	return r;
}

int local_readdir(struct file *file, const struct call *c, uint64_t offset, emit_fn emit, void *arg)
{
	struct local_file *f = local_file(file);
	bool has_stat = false;
	struct statx st;
	int r;

	if (!S_ISDIR(f->node->inode->type))
		return -ENOTDIR;
	if (c->in_place && f->node->inode->device->is_remote)
		return CALL_WOULD_BLOCK;
	r = show_caller(f->node, c);
	if (!r)
		r = lock_for(c, &f->dir_mutex);
	if (r)
		return r;
	if (f->node->inode->device->lists_by_ctime && (!offset || f->dir_kept))
		has_stat = !stat_fd(f->fd, &st);
	if (!has_stat || !emit_kept(f, &st, offset, emit, arg))
		r = emit_read(f, has_stat ? &st : NULL, offset, emit, arg);
	pthread_mutex_unlock(&f->dir_mutex);
	return r;
}
