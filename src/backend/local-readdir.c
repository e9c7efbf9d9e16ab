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
	if (offset == d->offset)
		return 0;
	if (lseek(f->fd, (off_t)offset, SEEK_SET) < 0)
		return -errno;
	d->offset = offset;
	d->at = d->end = 0;
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

static int emit_entries(struct local_file *f, struct dir_buffer *d, emit_fn emit, void *arg)
{
	for (;;) {
		const struct host_entry *h;
		struct dirent9 e;

		if (d->at == d->end) {
			int r = fill(f, d);

			if (r || d->end == 0)
				return r;
		}
		h = (const void *)(d->bytes + d->at);
		e = entry_of(f, h);
		if (!emit(arg, &e))
			return 0;
		d->at += h->size;
		d->offset = h->next;
	}
}

int local_readdir(struct file *file, const struct call *c, uint64_t offset, emit_fn emit, void *arg)
{
	struct local_file *f = local_file(file);
	struct dir_buffer *d;
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
	r = get_buffer(f, &d);
	if (!r)
		r = seek_to(f, d, offset);
	if (!r)
		r = emit_entries(f, d, emit, arg);
	keep_or_free_buffer(f);
	pthread_mutex_unlock(&f->dir_mutex);
	return r;
}
