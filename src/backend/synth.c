/* SPDX-License-Identifier: MIT */
/* The tree: attach, walk, getattr, readdir. */
#include "synth.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "macros.h"
#include "synth-impl.h"

static const struct {
	const char *name;
	enum synth_kind kind;
} folders[] = {
	{"size", SYNTH_SIZES},	     {"dir", SYNTH_DIRS},     {"error", SYNTH_ERRORS},
	{"ioerror", SYNTH_IOERRORS}, {"block", SYNTH_BLOCKS}, {"tmp", SYNTH_TMP},
};

static bool is_dir(enum synth_kind k)
{
	return k == SYNTH_ROOT || k == SYNTH_SIZES || k == SYNTH_DIRS || k == SYNTH_DIR ||
	       k == SYNTH_ERRORS || k == SYNTH_IOERRORS || k == SYNTH_BLOCKS || k == SYNTH_TMP;
}

static uint32_t mode_of(const struct synth_node *n)
{
	if (n->kind == SYNTH_TMP_FILE)
		return n->tmp->mode;
	return is_dir(n->kind) ? S_IFDIR | 0755 : S_IFREG | 0644;
}

static uint8_t qid_type_of(uint32_t mode)
{
	return S_ISDIR(mode) ? P9_QTDIR : S_ISLNK(mode) ? P9_QTSYMLINK : P9_QTFILE;
}

/* The kind in the upper byte, the rest as different as 56 bits can be. */
static uint64_t path_of(enum synth_kind kind, uint64_t number, uint64_t index)
{
	uint64_t low = number ^ number >> 56 ^ index << 28;

	return ((uint64_t)kind + 1) << 56 | (low & 0xffffffffffffffu);
}

void synth_qid(const struct synth_node *n, struct qid *ret_qid)
{
	*ret_qid = (struct qid){
		.type = qid_type_of(mode_of(n)),
		.version = n->tmp ? (uint32_t)n->tmp->ctime.nsec + 1 : 1,
		.path = path_of(n->kind, n->tmp ? n->tmp->serial : n->number, n->index),
	};
}

int synth_error(const struct synth_node *n)
{
	return n->kind == SYNTH_ERROR ? -(int)n->number : 0;
}

struct synth_node *synth_node_new(struct synth *s, enum synth_kind kind, uint64_t number)
{
	struct synth_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->node.ops = s->backend.ops;
	atomic_init(&n->node.refs, 1);
	n->synth = s;
	n->kind = kind;
	n->number = number;
	return n;
}

static void free_node(struct node *node)
{
	struct synth_node *n = synth_node(node);

	if (n->tmp) {
		pthread_mutex_lock(&n->synth->lock);
		tmp_unref_locked(n->tmp);
		pthread_mutex_unlock(&n->synth->lock);
	}
	free(n);
}

/* A decimal number without leading zeros, up to MAX. */
static bool parse_number(struct str s, uint64_t max, uint64_t *ret_n)
{
	uint64_t n = 0;

	if (!s.len || (s.len > 1 && *s.p == '0'))
		return false;
	for (uint16_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(s.p[i] - '0');

		if (s.p[i] < '0' || s.p[i] > '9' || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*ret_n = n;
	return true;
}

static bool is_str(struct str s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.p, text, s.len);
}

static enum synth_kind kind_above(enum synth_kind k)
{
	switch (k) {
	case SYNTH_SIZE:
		return SYNTH_SIZES;
	case SYNTH_DIR:
		return SYNTH_DIRS;
	case SYNTH_DIR_FILE:
		return SYNTH_DIR;
	case SYNTH_ERROR:
		return SYNTH_ERRORS;
	case SYNTH_IOERROR:
		return SYNTH_IOERRORS;
	case SYNTH_BLOCK:
		return SYNTH_BLOCKS;
	case SYNTH_TMP_FILE:
		return SYNTH_TMP;
	case SYNTH_ROOT:
	case SYNTH_SIZES:
	case SYNTH_DIRS:
	case SYNTH_ERRORS:
	case SYNTH_IOERRORS:
	case SYNTH_BLOCKS:
	case SYNTH_TMP:
		break;
	}
	return SYNTH_ROOT;
}

static bool find_folder(struct str name, enum synth_kind *ret_kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (is_str(name, folders[i].name)) {
			*ret_kind = folders[i].kind;
			return true;
		}
	return false;
}

#define DIR_FILE_FORMAT "f%07llu"

static bool find_dir_file(struct str name, uint64_t count, uint64_t *ret_index)
{
	char text[32];

	if (name.len < 8 || name.len > 20)
		return false;
	memcpy(text, name.p + 1, name.len - 1u);
	text[name.len - 1] = 0;
	*ret_index = strtoull(text, NULL, 10);
	snprintf(text, sizeof(text), DIR_FILE_FORMAT, (unsigned long long)*ret_index);
	return *ret_index < count && is_str(name, text);
}

/* What NAME is in N: its kind, number and index; false if nothing. */
static bool find_child(const struct synth_node *n, struct str name, enum synth_kind *kind,
		       uint64_t *number, uint64_t *index)
{
	switch (n->kind) {
	case SYNTH_ROOT:
		return find_folder(name, kind);
	case SYNTH_SIZES:
		*kind = SYNTH_SIZE;
		return parse_number(name, UINT64_MAX, number);
	case SYNTH_DIRS:
		*kind = SYNTH_DIR;
		return parse_number(name, UINT32_MAX, number);
	case SYNTH_DIR:
		*kind = SYNTH_DIR_FILE;
		*number = n->number;
		return find_dir_file(name, n->number, index);
	case SYNTH_ERRORS:
		*kind = SYNTH_ERROR;
		return parse_number(name, 4095, number) && *number;
	case SYNTH_IOERRORS:
		*kind = SYNTH_IOERROR;
		return parse_number(name, 4095, number) && *number;
	case SYNTH_BLOCKS:
		*kind = SYNTH_BLOCK;
		return true;
	case SYNTH_SIZE:
	case SYNTH_DIR_FILE:
	case SYNTH_ERROR:
	case SYNTH_IOERROR:
	case SYNTH_BLOCK:
	case SYNTH_TMP:
	case SYNTH_TMP_FILE:
		break;
	}
	return false;
}

static int walk_tmp(struct synth *s, struct str name, struct synth_node **ret_n,
		    struct qid *ret_qid)
{
	struct synth_node *n = synth_node_new(s, SYNTH_TMP_FILE, 0);
	struct tmp_entry *e;

	if (!n)
		return -ENOMEM;
	pthread_mutex_lock(&s->lock);
	e = tmp_find_locked(s, name);
	if (e) {
		n->tmp = e->file;
		n->tmp->refs++;
		synth_qid(n, ret_qid);
	}
	pthread_mutex_unlock(&s->lock);
	if (!e) {
		free(n);
		return -ENOENT;
	}
	*ret_n = n;
	return 0;
}

int synth_walk(struct node *dir, const struct call *c, struct str name, struct node **ret_node,
	       struct qid *ret_qid)
{
	struct synth_node *d = synth_node(dir), *n;
	enum synth_kind kind = SYNTH_ROOT;
	uint64_t number = 0, index = 0;
	int r;

	(void)c;
	if (!is_dir(d->kind))
		return -ENOTDIR;
	if (d->kind == SYNTH_TMP && !is_str(name, "..")) {
		r = walk_tmp(d->synth, name, &n, ret_qid);
		if (!r)
			*ret_node = &n->node;
		return r;
	}
	if (is_str(name, "..")) {
		kind = kind_above(d->kind);
		number = kind == SYNTH_DIR ? d->number : 0;
	} else if (!find_child(d, name, &kind, &number, &index)) {
		return -ENOENT;
	}
	n = synth_node_new(d->synth, kind, number);
	if (!n)
		return -ENOMEM;
	n->index = index;
	synth_qid(n, ret_qid);
	*ret_node = &n->node;
	return 0;
}

static int attach(struct backend *b, const struct call *c, struct str aname, struct node **ret_root,
		  struct qid *ret_qid)
{
	struct synth_node *n;

	(void)c;
	if (aname.len && !is_str(aname, "/"))
		return -ENOENT;
	n = synth_node_new(container_of(b, struct synth, backend), SYNTH_ROOT, 0);
	if (!n)
		return -ENOMEM;
	synth_qid(n, ret_qid);
	*ret_root = &n->node;
	return 0;
}

static int getattr(struct node *node, struct file *open, const struct call *c, uint64_t mask,
		   struct attr *ret_attr)
{
	struct synth_node *n = synth_node(node);
	struct attr a = {.valid = P9_GETATTR_BASIC, .blksize = 4096, .nlink = 1};

	(void)open;
	(void)c;
	(void)mask;
	pthread_mutex_lock(&n->synth->lock);
	synth_qid(n, &a.qid);
	a.mode = mode_of(n);
	a.size = synth_size(n);
	a.blocks = a.size / 512 + (a.size % 512 != 0);
	if (n->tmp) {
		a.nlink = n->tmp->nlink;
		a.uid = n->tmp->uid;
		a.gid = n->tmp->gid;
		a.atime = n->tmp->atime;
		a.mtime = n->tmp->mtime;
		a.ctime = n->tmp->ctime;
	}
	pthread_mutex_unlock(&n->synth->lock);
	*ret_attr = a;
	return 0;
}

static int statfs(struct node *node, const struct call *c, struct fs_stat *ret_stat)
{
	(void)c;
	*ret_stat = (struct fs_stat){.type = 0x01021997, /* V9FS_MAGIC */
				     .bsize = 4096,
				     .blocks = 1000,
				     .bfree = 500,
				     .bavail = 400,
				     .files = 300,
				     .ffree = 200,
				     .fsid = 1,
				     .namelen = 255};
	return synth_error(synth_node(node));
}

/* Entry number AT (behind "." and "..") of N. NAME may be used for its name. */
static bool entry_at(const struct synth_node *n, uint64_t at, char name[32], struct dirent9 *e)
{
	if (n->kind == SYNTH_ROOT && at < ARRAY_SIZE(folders)) {
		e->name = (struct str){folders[at].name, (uint16_t)strlen(folders[at].name)};
		e->type = DT_DIR;
		e->qid = (struct qid){P9_QTDIR, 1, path_of(folders[at].kind, 0, 0)};
		return true;
	}
	if (n->kind != SYNTH_DIR || at >= n->number)
		return false;
	e->name.p = name;
	e->name.len = (uint16_t)snprintf(name, 32, DIR_FILE_FORMAT, (unsigned long long)at);
	e->type = DT_REG;
	e->qid = (struct qid){P9_QTFILE, 1, path_of(SYNTH_DIR_FILE, n->number, at)};
	return true;
}

static bool dot_at(const struct synth_node *n, uint64_t at, struct dirent9 *e)
{
	enum synth_kind kind = at ? kind_above(n->kind) : n->kind;

	e->name = (struct str){"..", (uint16_t)(at + 1)};
	e->type = DT_DIR;
	e->qid = (struct qid){P9_QTDIR, 1, path_of(kind, at ? 0 : n->number, 0)};
	return true;
}

/* Offsets are serials there, because entries may go meanwhile. */
static void readdir_tmp_locked(struct synth *s, uint64_t offset, emit_fn emit, void *arg)
{
	list_for_each (it, &s->entries) {
		struct tmp_entry *t = list_entry(it, struct tmp_entry, link);
		uint32_t mode = t->file->mode;
		struct dirent9 e = {
			.qid = {qid_type_of(mode), 0, path_of(SYNTH_TMP_FILE, t->file->serial, 0)},
			.offset = t->serial + 2,
			.type = (uint8_t)IFTODT(mode),
			.name = t->name,
		};

		if (e.offset > offset && !emit(arg, &e))
			return;
	}
}

static int readdir_at(struct file *file, const struct call *c, uint64_t offset, emit_fn emit,
		      void *arg)
{
	struct synth_node *n = synth_file(file)->node;
	char name[32];

	(void)c;
	if (!is_dir(n->kind))
		return -ENOTDIR;
	for (uint64_t at = offset;; at++) {
		struct dirent9 e = {.offset = at + 1};

		if (!(at < 2 ? dot_at(n, at, &e) : entry_at(n, at - 2, name, &e)))
			break;
		if (!emit(arg, &e))
			return 0;
	}
	if (n->kind == SYNTH_TMP) {
		pthread_mutex_lock(&n->synth->lock);
		readdir_tmp_locked(n->synth, offset, emit, arg);
		pthread_mutex_unlock(&n->synth->lock);
	}
	return 0;
}

static void free_synth(struct backend *b)
{
	struct synth *s = container_of(b, struct synth, backend);

	tmp_free_all(s);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s);
}

static const struct backend_ops synth_ops = {
	.name = "synth",
	.free_backend = free_synth,
	.attach = attach,
	.walk = synth_walk,
	.free_node = free_node,
	.getattr = getattr,
	.setattr = tmp_setattr,
	.statfs = statfs,
	.readlink = tmp_readlink,
	.open = synth_open,
	.create = tmp_create,
	.free_file = synth_free_file,
	.read = synth_read,
	.write = synth_write,
	.readdir = readdir_at,
	.fsync = synth_fsync,
	.lock = synth_lock,
	.getlock = synth_getlock,
	.make = tmp_make,
	.link = tmp_link,
	.unlink = tmp_unlink,
	.rename = tmp_rename,
	.remove_node = tmp_remove_node,
	.move_node = tmp_move_node,
	.xattr_get = tmp_xattr_get,
	.xattr_set = tmp_xattr_set,
	.xattr_remove = tmp_xattr_remove,
};

int synth_new(struct backend **ret_b)
{
	struct synth *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->backend.ops = &synth_ops;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	list_init(&s->entries);
	list_init(&s->locks);
	*ret_b = &s->backend;
	return 0;
}

void synth_release(struct backend *b)
{
	struct synth *s = container_of(b, struct synth, backend);

	pthread_mutex_lock(&s->lock);
	s->released = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void synth_wait_blocked(struct backend *b, unsigned n)
{
	struct synth *s = container_of(b, struct synth, backend);

	pthread_mutex_lock(&s->lock);
	while (s->n_blocked < n)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}
