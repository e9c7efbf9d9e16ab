/* SPDX-License-Identifier: MIT */
#include "toy-backend.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#undef NDEBUG
#include <assert.h>

#include "backend.h"
#include "list.h"
#include "macros.h"
#include "msg.h"

#define N_ENTRIES 100u

struct toy {
	struct backend backend;
	atomic_uint n_live, n_made;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t changed;
	unsigned n_blocked, n_released;
	struct list waiters; /* of struct waiter: the calls at the gate */
	char last_xattr[512];
};

struct toy_node {
	struct node node;
	struct toy *toy;
	char name[P9_NAME_MAX + 1];
};

struct toy_file {
	struct file file;
	struct toy_node *node;
};

struct waiter {
	struct list link;
	const struct toy_node *node;
};

static const struct backend_ops ops;

static struct toy_node *toy_node(struct node *n)
{
	return container_of(n, struct toy_node, node);
}

static struct toy_file *toy_file(struct file *f)
{
	return container_of(f, struct toy_file, file);
}

static bool is_named(const struct toy_node *n, const char *prefix)
{
	return !strncmp(n->name, prefix, strlen(prefix));
}

static bool is_dir(const struct toy_node *n)
{
	return !n->name[0] || is_named(n, "dir");
}

static struct qid qid_of(const struct toy_node *n)
{
	struct qid q = {.type = is_dir(n) ? P9_QTDIR : P9_QTFILE, .path = 5381};

	for (const char *p = n->name; *p; p++)
		q.path = q.path * 33 + (uint8_t)*p;
	return q;
}

static struct node *new_node(struct toy *t, struct str name, struct qid *ret_qid)
{
	struct toy_node *n = calloc(1, sizeof(*n));

	assert(n && name.len <= P9_NAME_MAX);
	n->node.ops = &ops;
	atomic_init(&n->node.refs, 1);
	n->toy = t;
	memcpy(n->name, name.p, name.len);
	t->n_live++;
	*ret_qid = qid_of(n);
	return &n->node;
}

static struct file *new_file(struct toy_node *n)
{
	struct toy_file *f = calloc(1, sizeof(*f));

	assert(f);
	f->file.ops = &ops;
	atomic_init(&f->file.refs, 1);
	node_ref(&n->node);
	f->node = n;
	n->toy->n_live++;
	return &f->file;
}

/* The gate. */
static int pass(struct toy_node *n, const struct call *c)
{
	struct toy *t = n->toy;
	struct waiter w = {.node = n};

	if (!is_named(n, "slow"))
		return 0;
	if (c->in_place)
		return CALL_WOULD_BLOCK;
	pthread_mutex_lock(&t->lock);
	t->n_blocked++;
	list_add_tail(&t->waiters, &w.link);
	pthread_cond_broadcast(&t->changed);
	while (!t->n_released)
		pthread_cond_wait(&t->changed, &t->lock);
	t->n_released--;
	t->n_blocked--;
	list_del(&w.link);
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	return 0;
}

static void free_backend(struct backend *b)
{
	struct toy *t = container_of(b, struct toy, backend);

	assert(t->n_live == 0);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void free_node(struct node *n)
{
	toy_node(n)->toy->n_live--;
	free(toy_node(n));
}

static void free_file(struct file *f)
{
	toy_file(f)->node->toy->n_live--;
	node_unref(&toy_file(f)->node->node);
	free(toy_file(f));
}

static int attach(struct backend *b, const struct call *c, struct str aname, struct node **ret_root,
		  struct qid *ret_qid)
{
	(void)c;
	if (aname.len && !str_is(aname, "/"))
		return -ENOENT;
	*ret_root = new_node(container_of(b, struct toy, backend), str_of("", 0), ret_qid);
	return 0;
}

static int walk(struct node *dir, const struct call *c, struct str name, struct node **ret_node,
		struct qid *ret_qid)
{
	struct toy_node *n = toy_node(dir);

	(void)c;
	if (!is_dir(n))
		return -ENOTDIR;
	if (name.len >= 7 && !memcmp(name.p, "missing", 7))
		return -ENOENT;
	if (str_is(name, ".."))
		name = n->name[0] ? str_of("", 0) : str_of("dir above", 9);
	*ret_node = new_node(n->toy, name, ret_qid);
	return 0;
}

static int getattr(struct node *n, struct file *open, const struct call *c, uint64_t mask,
		   struct attr *ret_attr)
{
	(void)open;
	(void)c;
	*ret_attr = (struct attr){.valid = mask & P9_GETATTR_BASIC,
				  .qid = qid_of(toy_node(n)),
				  .mode = is_dir(toy_node(n)) ? 040755 : 0100644,
				  .nlink = 1,
				  .size = TOY_FILE_SIZE};
	return 0;
}

static int open_node(struct node *n, const struct call *c, uint32_t flags, struct file **ret_file,
		     struct qid *ret_qid)
{
	(void)c;
	(void)flags;
	*ret_qid = qid_of(toy_node(n));
	*ret_file = new_file(toy_node(n));
	return 0;
}

static int create(struct node *dir, const struct call *c, struct str name, uint32_t flags,
		  uint32_t mode, uint32_t gid, struct node **ret_node, struct file **ret_file,
		  struct qid *ret_qid)
{
	struct toy *t = toy_node(dir)->toy;

	(void)c;
	(void)flags;
	(void)mode;
	(void)gid;
	t->n_made++;
	*ret_node = new_node(t, name, ret_qid);
	*ret_file = new_file(toy_node(*ret_node));
	return 0;
}

static int make(struct node *dir, const struct call *c, struct str name,
		const struct make_args *args, struct qid *ret_qid)
{
	(void)c;
	(void)name;
	(void)args;
	toy_node(dir)->toy->n_made++;
	*ret_qid = (struct qid){.path = 1};
	return 0;
}

static int read_file(struct file *f, const struct call *c, const struct iovec *iov, int n,
		     uint64_t offset, size_t *ret_count)
{
	size_t done = 0;
	int err = pass(toy_file(f)->node, c);

	if (err)
		return err;
	for (int i = 0; i < n; i++) {
		uint8_t *p = iov[i].iov_base;

		for (size_t j = 0; j < iov[i].iov_len && offset < TOY_FILE_SIZE; j++, done++)
			p[j] = (uint8_t)offset++;
	}
	*ret_count = done;
	return 0;
}

static int write_file(struct file *f, const struct call *c, const struct iovec *iov, int n,
		      uint64_t offset, size_t *ret_count)
{
	size_t done = 0;
	int err = pass(toy_file(f)->node, c);

	if (err)
		return err;
	for (int i = 0; i < n; i++) {
		const uint8_t *p = iov[i].iov_base;

		for (size_t j = 0; j < iov[i].iov_len; j++, done++)
			if (p[j] != (uint8_t)offset++)
				return -EILSEQ;
	}
	*ret_count = done;
	return 0;
}

static int sync_file(struct file *f, const struct call *c, bool datasync)
{
	(void)datasync;
	return pass(toy_file(f)->node, c);
}

static int readdir(struct file *f, const struct call *c, uint64_t offset, emit_fn emit, void *arg)
{
	char name[32];

	(void)c;
	if (!is_dir(toy_file(f)->node))
		return -ENOTDIR;
	for (uint64_t i = offset; i < N_ENTRIES; i++) {
		int n = snprintf(name, sizeof(name), "f%03u", (unsigned)i);
		struct dirent9 e = {.offset = i + 1, .name = str_of(name, (size_t)n)};

		if (!emit(arg, &e))
			break;
	}
	return 0;
}

/* user.N has N bytes "x"; the list is one name. */
static int xattr_get(struct node *n, const struct call *c, struct str name, void *buf, size_t cap,
		     size_t *ret_size)
{
	char text[P9_NAME_MAX + 1] = "";
	size_t size = sizeof("user.5");

	(void)n;
	(void)c;
	memcpy(text, name.p, name.len);
	if (name.len && strncmp(text, "user.", 5) != 0)
		return -ENODATA;
	if (name.len)
		size = strtoul(text + 5, NULL, 10);
	*ret_size = size;
	if (!cap)
		return 0;
	if (cap < size)
		return -ERANGE;
	memset(buf, 'x', size);
	if (!name.len)
		memcpy(buf, "user.5", size);
	return 0;
}

static int xattr_set(struct node *n, const struct call *c, struct str name, const void *value,
		     size_t size, uint32_t flags)
{
	struct toy *t = toy_node(n)->toy;

	(void)c;
	(void)flags;
	pthread_mutex_lock(&t->lock);
	snprintf(t->last_xattr, sizeof(t->last_xattr), "%.*s=%.*s", name.len, name.p,
		 (int)MIN(size, 100), (const char *)value);
	pthread_mutex_unlock(&t->lock);
	return 0;
}

static int xattr_remove(struct node *n, const struct call *c, struct str name)
{
	struct toy *t = toy_node(n)->toy;

	(void)c;
	pthread_mutex_lock(&t->lock);
	snprintf(t->last_xattr, sizeof(t->last_xattr), "-%.*s", name.len, name.p);
	pthread_mutex_unlock(&t->lock);
	return 0;
}

static int move_node(struct node *n, const struct call *c, struct node *newdir, struct str newname,
		     struct node **ret_node)
{
	struct qid qid;

	(void)n;
	(void)c;
	*ret_node = new_node(toy_node(newdir)->toy, newname, &qid);
	return 0;
}

static int remove_node(struct node *n, const struct call *c)
{
	(void)c;
	return is_dir(toy_node(n)) ? -ENOTEMPTY : 0;
}

/* The other ops are missing: a backend need not have them. */
static const struct backend_ops ops = {
	.name = "toy",
	.free_backend = free_backend,
	.attach = attach,
	.walk = walk,
	.free_node = free_node,
	.getattr = getattr,
	.open = open_node,
	.create = create,
	.free_file = free_file,
	.read = read_file,
	.write = write_file,
	.readdir = readdir,
	.fsync = sync_file,
	.make = make,
	.remove_node = remove_node,
	.move_node = move_node,
	.xattr_get = xattr_get,
	.xattr_set = xattr_set,
	.xattr_remove = xattr_remove,
};

struct backend *toy_new(void)
{
	struct toy *t = calloc(1, sizeof(*t));

	assert(t);
	t->backend.ops = &ops;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	list_init(&t->waiters);
	return &t->backend;
}

unsigned toy_n_live(struct backend *b)
{
	return container_of(b, struct toy, backend)->n_live;
}

unsigned toy_n_made(struct backend *b)
{
	return container_of(b, struct toy, backend)->n_made;
}

void toy_wait_blocked(struct backend *b, unsigned n)
{
	struct toy *t = container_of(b, struct toy, backend);

	pthread_mutex_lock(&t->lock);
	while (t->n_blocked < n + t->n_released)
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

static bool is_waiting_locked(struct toy *t, const char *name)
{
	list_for_each (l, &t->waiters) {
		if (!strcmp(list_entry(l, struct waiter, link)->node->name, name))
			return true;
	}
	return false;
}

void toy_wait_blocked_on(struct backend *b, const char *name)
{
	struct toy *t = container_of(b, struct toy, backend);

	pthread_mutex_lock(&t->lock);
	while (!is_waiting_locked(t, name))
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

void toy_release(struct backend *b, unsigned n)
{
	struct toy *t = container_of(b, struct toy, backend);

	pthread_mutex_lock(&t->lock);
	t->n_released += n;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

const char *toy_last_xattr(struct backend *b)
{
	return container_of(b, struct toy, backend)->last_xattr;
}
