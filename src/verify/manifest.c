/* SPDX-License-Identifier: MIT */
#include "manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "arena.h"
#include "cleanup.h"
#include "clock.h"
#include "host-file.h"
#include "macros.h"
#include "manifest-parts.h"
#include "walk.h"

#define READ_TRIES 3
#define XATTR_MAX 65536

int manifest_new(int root_fd, struct manifest **ret_m)
{
	struct manifest *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	arena_init(&m->arena, NULL, 0);
	m->root_fd = root_fd;
	*ret_m = m;
	return 0;
}

static void free_content(struct node *n)
{
	for (size_t i = 0; i < n->n_children; i++)
		free_content(n->children[i]);
	while (n->xattrs) {
		struct xattr *x = n->xattrs;

		n->xattrs = x->next;
		free(x->name);
		free(x->value);
		free(x);
	}
	free(n->children);
	runs_done(&n->runs);
}

void manifest_free(struct manifest *m)
{
	if (!m)
		return;
	manifest_cancel(m);
	manifest_wait(m);
	if (m->root)
		free_content(m->root);
	tdestroy(m->linked, free);
	arena_done(&m->arena);
	free(m);
}

static char *keep_string(struct manifest *m, const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = arena_alloc(&m->arena, size);

	return copy ? memcpy(copy, s, size) : NULL;
}

static int add_child(struct node *folder, struct node *n)
{
	if (folder->n_children == folder->cap_children) {
		size_t cap = folder->cap_children ? folder->cap_children * 2 : 8;
		struct node **grown = reallocarray(folder->children, cap, sizeof(void *));

		if (!grown)
			return -ENOMEM;
		folder->children = grown;
		folder->cap_children = cap;
	}
	folder->children[folder->n_children++] = n;
	return 0;
}

static int compare_links(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	return x->dev != y->dev	  ? (x->dev < y->dev ? -1 : 1)
	       : x->ino != y->ino ? (x->ino < y->ino ? -1 : 1)
				  : 0;
}

/* The first name of N's inode, N itself if it is that. */
static struct node *first_name(struct manifest *m, struct node *n)
{
	struct link *l = calloc(1, sizeof(*l)), **found;

	if (!l)
		return n;
	*l = (struct link){n->st.dev, n->st.ino, n};
	found = (struct link **)tsearch(l, &m->linked, compare_links);
	if (!found || *found != l)
		free(l);
	return found ? (*found)->node : n;
}

struct node *manifest_add(struct manifest *m, struct node *parent, const char *name, char kind,
			  const struct node_stat *st)
{
	struct node *n = arena_alloc(&m->arena, sizeof(*n));
	char *copy = keep_string(m, name);

	if (!n || !copy)
		return NULL;
	*n = (struct node){.parent = parent, .name = copy, .kind = kind, .st = *st};
	n->same = kind == 'f' && st->nlink > 1 ? first_name(m, n) : n;
	if (!parent)
		m->root = n;
	else if (add_child(parent, n) < 0)
		return NULL;
	if (kind == 'f')
		m->files++;
	return n;
}

int manifest_set_target(struct manifest *m, struct node *n, const char *target)
{
	n->target = keep_string(m, target);
	return n->target ? 0 : -ENOMEM;
}

int manifest_add_xattr(struct node *n, const char *name, const void *value, size_t len)
{
	struct xattr *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->name = strdup(name);
	x->value = malloc(len + 1);
	x->len = len;
	x->next = n->xattrs;
	n->xattrs = x;
	if (!x->name || !x->value)
		return -ENOMEM;
	memcpy(x->value, value, len);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(struct node *const *)a)->name, (*(struct node *const *)b)->name);
}

void manifest_end_folder(struct node *folder)
{
	if (folder->n_children)
		qsort(folder->children, folder->n_children, sizeof(struct node *), compare_names);
}

struct node *manifest_child(const struct node *folder, const char *name)
{
	struct node key = {.name = (char *)name}, *at = &key, **found;

	if (!folder->n_children)
		return NULL;
	found = bsearch(&at, folder->children, folder->n_children, sizeof(struct node *),
			compare_names);
	return found ? *found : NULL;
}

static bool is_same_state(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Reads until the file held still meanwhile, a few times at most. */
static int read_content(struct manifest *m, struct node *n, const struct walk_entry *e)
{
	struct stat before = e->st, after;

	n->is_unstable = true;
	for (int i = 0; i < READ_TRIES && n->is_unstable; i++) {
		int r;

		runs_clear(&n->runs);
		r = host_digest(e->fd, &m->stop, &m->done_bytes, &n->runs, &n->length);
		if (r == -ECANCELED || r == -ENOMEM)
			return r;
		if (r < 0) {
			n->err = -r;
			return 0;
		}
		if (fstat(e->fd, &after) < 0)
			break;
		n->is_unstable = !is_same_state(&before, &after);
		node_stat_from(&after, &n->st);
		before = after;
	}
	m->bytes += n->length;
	return 0;
}

static int read_xattrs(struct manifest *m, struct node *n, int fd)
{
	ssize_t len = flistxattr(fd, m->list, sizeof(m->list));
	int r = 0;

	for (ssize_t at = 0; at < len && !r; at += (ssize_t)strlen(m->list + at) + 1) {
		ssize_t n_value;

		if (strncmp(m->list + at, "user.", 5) != 0)
			continue;
		n_value = fgetxattr(fd, m->list + at, m->value, sizeof(m->value));
		if (n_value >= 0)
			r = manifest_add_xattr(n, m->list + at, m->value, (size_t)n_value);
	}
	return r;
}

static int on_entry(void *ctx, const struct walk_entry *e)
{
	struct manifest *m = ctx;
	mode_t mode = e->st.st_mode;
	char kind = S_ISDIR(mode) ? 'd' : S_ISREG(mode) ? 'f' : S_ISLNK(mode) ? 'l' : 'o';
	struct node_stat ns;
	struct node *n;

	if (m->stop)
		return -ECANCELED;
	if (e->err == ENOENT && m->folder)
		return 0; /* removed since it was listed */
	node_stat_from(&e->st, &ns);
	n = manifest_add(m, m->folder, e->name, kind, &ns);
	if (!n || (e->target && manifest_set_target(m, n, e->target) < 0))
		return -ENOMEM;
	n->err = e->err;
	if (kind == 'd' && e->fd >= 0)
		m->folder = n;
	if (e->fd >= 0 && read_xattrs(m, n, e->fd) < 0)
		return -ENOMEM;
	if (kind == 'f' && e->fd >= 0 && n->same == n) {
		int r = read_content(m, n, e);

		if (r < 0)
			return r;
	}
	m->done_files += kind == 'f';
	return 0;
}

static int on_leave(void *ctx, int err)
{
	struct manifest *m = ctx;

	m->folder->err = err;
	manifest_end_folder(m->folder);
	m->folder = m->folder->parent;
	return 0;
}

static void *run_thread(void *ctx)
{
	static const struct walk_visitor visitor = {on_entry, on_leave};
	struct manifest *m = ctx;

	m->result = walk_tree(m->root_fd, &visitor, m);
	if (!m->result && (!m->root || m->root->err))
		m->result = m->root ? -m->root->err : -EIO;
	return NULL;
}

int manifest_start(int root_fd, struct manifest **ret_m)
{
	struct manifest *m;
	int r = manifest_new(root_fd, &m);

	if (r < 0)
		return r;
	r = -pthread_create(&m->thread, NULL, run_thread, m);
	if (r < 0) {
		manifest_free(m);
		return r;
	}
	m->is_running = true;
	*ret_m = m;
	return 0;
}

int manifest_wait(struct manifest *m)
{
	if (m->is_running)
		pthread_join(m->thread, NULL);
	m->is_running = false;
	return m->result;
}

int manifest_wait_for(struct manifest *m, int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * (long)NS_PER_MS;
	if (until.tv_nsec >= (long)NS_PER_SEC) {
		until.tv_sec++;
		until.tv_nsec -= (long)NS_PER_SEC;
	}
	if (m->is_running && pthread_timedjoin_np(m->thread, NULL, &until) == ETIMEDOUT)
		return -ETIMEDOUT;
	m->is_running = false;
	return m->result;
}

void manifest_cancel(struct manifest *m)
{
	m->stop = true;
}

struct node *manifest_root(struct manifest *m)
{
	return m->root;
}

int manifest_root_fd(const struct manifest *m)
{
	return m->root_fd;
}

uint64_t manifest_files(const struct manifest *m)
{
	return m->files;
}

uint64_t manifest_bytes(const struct manifest *m)
{
	return m->bytes;
}

void manifest_progress(struct manifest *m, uint64_t *ret_files, uint64_t *ret_bytes)
{
	*ret_files = m->done_files;
	*ret_bytes = m->done_bytes;
}

static size_t path_len(const struct node *n)
{
	return n->parent ? path_len(n->parent) + strlen(n->name) + 1 : 0;
}

struct node *manifest_find(struct manifest *m, const char *path)
{
	autofree char *copy = strdup(path);
	struct node *n = copy ? manifest_root(m) : NULL;
	char *rest = copy, *name;

	if (!strcmp(path, "."))
		return n;
	while (n && (name = strsep(&rest, "/")))
		n = manifest_child(n, name);
	return n;
}

char *node_path(const struct node *n)
{
	size_t len = path_len(n);
	char *path = len ? malloc(len + 1) : strdup("."), *at = path + len;

	if (!path || !len)
		return path;
	for (; n->parent; n = n->parent) {
		size_t l = strlen(n->name);

		*--at = '/';
		at -= l;
		memcpy(at, n->name, l);
	}
	path[len - 1] = '\0';
	return path;
}
