/* SPDX-License-Identifier: MIT */
/* /tmp of synth. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "macros.h"
#include "synth-impl.h"

#define MAX_SIZE (64u << 20)
#define MAX_ENTRIES 4096

struct tmp_entry *tmp_find_locked(struct synth *s, struct str name)
{
	list_for_each (it, &s->entries) {
		struct tmp_entry *e = list_entry(it, struct tmp_entry, link);

		if (e->name.len == name.len && !memcmp(e->name.p, name.p, name.len))
			return e;
	}
	return NULL;
}

void tmp_unref_locked(struct tmp_file *t)
{
	if (--t->refs)
		return;
	tmp_free_xattrs(t);
	free(t->data);
	free(t);
}

static void change_locked(struct synth *s, struct tmp_file *t)
{
	uint64_t ns = ++s->now;

	t->ctime = (struct attr_time){ns / 1000000000, ns % 1000000000};
}

void tmp_touch_locked(struct synth *s, struct tmp_file *t)
{
	change_locked(s, t);
	t->mtime = t->ctime;
}

int tmp_resize_locked(struct tmp_file *t, uint64_t size)
{
	uint8_t *data;

	if (size > MAX_SIZE)
		return -ENOSPC;
	data = realloc(t->data, size ? size : 1);
	if (!data)
		return -ENOMEM;
	if (size > t->size)
		memset(data + t->size, 0, size - t->size);
	t->data = data;
	t->size = size;
	return 0;
}

static int add_entry_locked(struct synth *s, struct str name, struct tmp_file *t)
{
	struct tmp_entry *e;
	char *bytes;

	if (s->n_entries == MAX_ENTRIES)
		return -ENOSPC;
	e = malloc(sizeof(*e) + name.len);
	if (!e)
		return -ENOMEM;
	bytes = (char *)(e + 1);
	memcpy(bytes, name.p, name.len);
	e->name = (struct str){bytes, name.len};
	e->serial = ++s->serial;
	e->file = t;
	t->refs++;
	t->nlink++;
	list_add_tail(&s->entries, &e->link);
	s->n_entries++;
	return 0;
}

static void remove_entry_locked(struct synth *s, struct tmp_entry *e)
{
	list_del(&e->link);
	s->n_entries--;
	e->file->nlink--;
	change_locked(s, e->file);
	tmp_unref_locked(e->file);
	free(e);
}

void tmp_free_all(struct synth *s)
{
	list_for_each_safe (it, &s->entries)
		remove_entry_locked(s, list_entry(it, struct tmp_entry, link));
}

/* A new file NAME; one reference is the caller's. */
static int add_file_locked(struct synth *s, const struct call *c, struct str name, uint32_t mode,
			   uint32_t gid, struct tmp_file **ret_t)
{
	struct tmp_file *t;
	int r;

	if (tmp_find_locked(s, name))
		return -EEXIST;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->refs = 1;
	t->serial = s->serial + 1;
	t->mode = mode;
	t->uid = c->uid == P9_NONUNAME ? 0 : c->uid;
	t->gid = gid;
	list_init(&t->xattrs);
	tmp_touch_locked(s, t);
	t->atime = t->mtime;
	r = add_entry_locked(s, name, t);
	if (r) {
		tmp_unref_locked(t);
		return r;
	}
	*ret_t = t;
	return 0;
}

static int check_dir(const struct node *dir)
{
	const struct synth_node *d = container_of(dir, const struct synth_node, node);

	return d->kind == SYNTH_TMP ? 0 : d->kind == SYNTH_TMP_FILE ? -ENOTDIR : -EROFS;
}

static struct attr_time time_of(const struct attr_change *ch, uint32_t set_bit, struct attr_time t,
				const struct tmp_file *f)
{
	return ch->valid & set_bit ? t : f->ctime;
}

static int setattr_locked(struct synth *s, struct tmp_file *t, const struct attr_change *ch)
{
	int r = 0;

	if (ch->valid & P9_SETATTR_SIZE)
		r = S_ISREG(t->mode) ? tmp_resize_locked(t, ch->size) : -EINVAL;
	if (r)
		return r;
	change_locked(s, t);
	if (ch->valid & P9_SETATTR_SIZE)
		t->mtime = t->ctime;
	if (ch->valid & P9_SETATTR_MODE)
		t->mode = (t->mode & S_IFMT) | (ch->mode & 07777);
	if (ch->valid & P9_SETATTR_UID)
		t->uid = ch->uid;
	if (ch->valid & P9_SETATTR_GID)
		t->gid = ch->gid;
	if (ch->valid & P9_SETATTR_ATIME)
		t->atime = time_of(ch, P9_SETATTR_ATIME_SET, ch->atime, t);
	if (ch->valid & P9_SETATTR_MTIME)
		t->mtime = time_of(ch, P9_SETATTR_MTIME_SET, ch->mtime, t);
	return 0;
}

int tmp_setattr(struct node *node, struct file *open, const struct call *c,
		const struct attr_change *change)
{
	struct synth_node *n = synth_node(node);
	int r = synth_error(n);

	(void)open;
	(void)c;
	if (r || !n->tmp)
		return r ? r : -EROFS;
	pthread_mutex_lock(&n->synth->lock);
	r = setattr_locked(n->synth, n->tmp, change);
	pthread_mutex_unlock(&n->synth->lock);
	return r;
}

int tmp_readlink(struct node *node, const struct call *c, char *buf, size_t cap, size_t *ret_len)
{
	struct synth_node *n = synth_node(node);
	int r = synth_error(n);

	(void)c;
	if (r || !n->tmp || !S_ISLNK(n->tmp->mode))
		return r ? r : -EINVAL;
	if (n->tmp->size > cap)
		return -ENAMETOOLONG;
	memcpy(buf, n->tmp->data, n->tmp->size);
	*ret_len = n->tmp->size;
	return 0;
}

/* Adds the file, unless it is there and need not be new. */
static int ensure_file(struct synth *s, const struct call *c, struct str name, uint32_t flags,
		       uint32_t mode, uint32_t gid)
{
	struct tmp_file *t;
	int r;

	pthread_mutex_lock(&s->lock);
	r = add_file_locked(s, c, name, S_IFREG | (mode & 07777), gid, &t);
	if (!r)
		tmp_unref_locked(t);
	pthread_mutex_unlock(&s->lock);
	return r == -EEXIST && !(flags & P9_O_EXCL) ? 0 : r;
}

int tmp_create(struct node *dir, const struct call *c, struct str name, uint32_t flags,
	       uint32_t mode, uint32_t gid, struct node **ret_node, struct file **ret_file,
	       struct qid *ret_qid)
{
	struct synth *s = synth_node(dir)->synth;
	struct node *n;
	struct qid qid;
	int r = check_dir(dir);

	if (!r)
		r = ensure_file(s, c, name, flags, mode, gid);
	if (!r)
		r = synth_walk(dir, c, name, &n, &qid);
	if (r)
		return r;
	r = synth_open(n, c, flags & ~(uint32_t)P9_O_EXCL, ret_file, ret_qid);
	if (r)
		node_unref(n);
	else
		*ret_node = n;
	return r;
}

static int make_locked(struct synth *s, const struct call *c, struct str name,
		       const struct make_args *a)
{
	uint32_t mode = a->kind == MAKE_SYMLINK ? S_IFLNK | 0777 : a->mode;
	struct tmp_file *t;
	int r = add_file_locked(s, c, name, mode, a->gid, &t);

	if (r)
		return r;
	if (a->kind == MAKE_SYMLINK) {
		r = tmp_resize_locked(t, a->target.len);
		if (!r)
			memcpy(t->data, a->target.p, a->target.len);
	}
	tmp_unref_locked(t);
	return r;
}

int tmp_make(struct node *dir, const struct call *c, struct str name, const struct make_args *args,
	     struct qid *ret_qid)
{
	struct synth *s = synth_node(dir)->synth;
	struct node *n;
	int r = check_dir(dir);

	if (!r && args->kind == MAKE_DIRECTORY)
		r = -EPERM;
	if (r)
		return r;
	pthread_mutex_lock(&s->lock);
	r = make_locked(s, c, name, args);
	pthread_mutex_unlock(&s->lock);
	if (!r)
		r = synth_walk(dir, c, name, &n, ret_qid);
	if (!r)
		node_unref(n);
	return r;
}

int tmp_link(struct node *dir, const struct call *c, struct str name, struct node *target)
{
	struct synth_node *t = synth_node(target);
	int r = check_dir(dir);

	(void)c;
	if (r)
		return r;
	if (!t->tmp)
		return -EXDEV;
	pthread_mutex_lock(&t->synth->lock);
	if (tmp_find_locked(t->synth, name))
		r = -EEXIST;
	else
		r = add_entry_locked(t->synth, name, t->tmp);
	if (!r)
		change_locked(t->synth, t->tmp);
	pthread_mutex_unlock(&t->synth->lock);
	return r;
}

int tmp_unlink(struct node *dir, const struct call *c, struct str name, uint32_t flags)
{
	struct synth *s = synth_node(dir)->synth;
	struct tmp_entry *e;
	int r = check_dir(dir);

	(void)c;
	if (r)
		return r;
	pthread_mutex_lock(&s->lock);
	e = tmp_find_locked(s, name);
	r = !e ? -ENOENT : flags & P9_AT_REMOVEDIR ? -ENOTDIR : 0;
	if (!r)
		remove_entry_locked(s, e);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int rename_locked(struct synth *s, struct tmp_entry *from, struct str newname)
{
	struct tmp_entry *over = tmp_find_locked(s, newname);
	int r;

	if (!from)
		return -ENOENT;
	if (over && over->file == from->file)
		return 0;
	r = add_entry_locked(s, newname, from->file);
	if (r)
		return r;
	if (over)
		remove_entry_locked(s, over);
	remove_entry_locked(s, from);
	return 0;
}

int tmp_rename(struct node *olddir, const struct call *c, struct str oldname, struct node *newdir,
	       struct str newname)
{
	struct synth *s = synth_node(olddir)->synth;
	int r = check_dir(olddir);

	(void)c;
	if (!r)
		r = check_dir(newdir);
	if (r)
		return r;
	pthread_mutex_lock(&s->lock);
	r = rename_locked(s, tmp_find_locked(s, oldname), newname);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static struct tmp_entry *find_of_file_locked(struct synth *s, const struct tmp_file *t)
{
	list_for_each (it, &s->entries) {
		struct tmp_entry *e = list_entry(it, struct tmp_entry, link);

		if (e->file == t)
			return e;
	}
	return NULL;
}

int tmp_remove_node(struct node *node, const struct call *c)
{
	struct synth_node *n = synth_node(node);
	struct tmp_entry *e;

	(void)c;
	if (!n->tmp)
		return -EROFS;
	pthread_mutex_lock(&n->synth->lock);
	e = find_of_file_locked(n->synth, n->tmp);
	if (e)
		remove_entry_locked(n->synth, e);
	pthread_mutex_unlock(&n->synth->lock);
	return e ? 0 : -ESTALE;
}

int tmp_move_node(struct node *node, const struct call *c, struct node *newdir, struct str newname,
		  struct node **ret_node)
{
	struct synth_node *n = synth_node(node);
	struct tmp_entry *e;
	int r = check_dir(newdir);

	(void)c;
	if (!r && !n->tmp)
		r = -EROFS;
	if (r)
		return r;
	pthread_mutex_lock(&n->synth->lock);
	e = find_of_file_locked(n->synth, n->tmp);
	r = e ? rename_locked(n->synth, e, newname) : -ESTALE;
	pthread_mutex_unlock(&n->synth->lock);
	if (!r)
		*ret_node = node_ref(node);
	return r;
}
