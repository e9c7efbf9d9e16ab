/* SPDX-License-Identifier: MIT */
#include "local-reopen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "local-impl.h"

struct saved_handle {
	struct file_handle h; /* ends with its bytes */
};

union any_handle {
	struct file_handle h;
	char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

/* #syscalls: name_to_handle_at */
static int get_handle(int fd, union any_handle *ret_h)
{
	int mount;

	ret_h->h.handle_bytes = MAX_HANDLE_SZ;
	return name_to_handle_at(fd, "", &ret_h->h, &mount, AT_EMPTY_PATH) ? -errno : 0;
}

int open_handle_mount(int root_fd)
{
	autoclose int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int again = -1;
	union any_handle h;

	if (fd < 0 || get_handle(root_fd, &h))
		return -1;
	again = open_by_handle_at(fd, &h.h, O_PATH | O_CLOEXEC);
	return again < 0 ? -1 : steal_fd(&fd);
}

static struct saved_handle *save_handle(int fd)
{
	union any_handle h;
	struct saved_handle *s;
	size_t size;

	if (get_handle(fd, &h))
		return NULL;
	size = sizeof(h.h) + h.h.handle_bytes;
	s = malloc(size);
	if (s)
		memcpy(s, &h, size);
	return s;
}

/* A directory, as long as something is done in it: pinned, or opened for that only. */
struct held_dir {
	struct pin pin;
	int fd, own_fd;
};

#define HELD_DIR_INIT                            \
	{                                        \
		PIN_INIT, .fd = -1, .own_fd = -1 \
	}

static void release_dir(struct held_dir *d)
{
	pin_done(&d->pin);
	if (d->own_fd >= 0)
		close(d->own_fd);
	*d = (struct held_dir)HELD_DIR_INIT;
}

#define autodir cleanup(release_dir)

/* At most LIMIT directories are opened to get there, else -ELOOP. */
static int hold_dir(struct local_node *n, bool cached, size_t limit, struct held_dir *ret_d);

/* A place, its directory counted. */
struct known_place {
	struct local_node *parent;
	char name[NAME_SIZE];
};

#define MAX_PLACES 8

/* Of a chain deeper than this, some directories keep their descriptors: else taking one would cost
 * as much as the chain is long. */
#define MAX_CHECKED_WAY 64

/* The places of the nodes of I; 0 if there are too many. */
static int copy_places(struct local *l, struct inode *i, struct known_place known[MAX_PLACES])
{
	int n = 0;

	pthread_mutex_lock(&l->lock);
	list_for_each (it, &i->nodes) {
		const struct place *p = list_entry(it, struct local_node, of_inode)->place;

		if (!p || n == MAX_PLACES) {
			pthread_mutex_unlock(&l->lock);
			while (n)
				unref_node(&known[--n].parent);
			return 0;
		}
		node_ref(&p->parent->node);
		known[n].parent = p->parent;
		strcpy(known[n++].name, p->name);
	}
	pthread_mutex_unlock(&l->lock);
	return n;
}

static bool leads_to(struct local *l, const struct known_place *p, const struct inode *i)
{
	autodir struct held_dir dir = HELD_DIR_INIT;
	autoclose int fd = -1;
	struct statx st;

	if (hold_dir(p->parent, true, MAX_CHECKED_WAY, &dir) ||
	    open_child(l, dir.fd, p->name, true, &fd) || stat_fd_cached(fd, &st))
		return false;
	return is_same_file(i, &st);
}

static bool can_find_by_place(struct local *l, struct inode *i)
{
	struct known_place known[MAX_PLACES];
	int n = copy_places(l, i, known);
	bool found = n > 0;

	act_as_ourselves(l);
	for (int at = 0; at < n; at++) {
		found = found && leads_to(l, &known[at], i);
		unref_node(&known[at].parent);
	}
	return found;
}

bool can_find_again(struct local *l, const struct pin *pin, struct saved_handle **ret_handle)
{
	struct statx st;

	if (stat_fd_cached(pin->fd, &st) || !st.stx_nlink)
		return false;
	if (l->handle_fd >= 0 && pin->inode->key.mnt == l->root_mnt &&
	    pin->inode->key.dev == l->root_dev) {
		*ret_handle = save_handle(pin->fd);
		if (*ret_handle)
			return true;
	}
	return can_find_by_place(l, pin->inode);
}

static int check_same(const struct inode *want, int fd, struct statx *ret_st)
{
	int r = stat_fd(fd, ret_st);

	return r ? r : is_same_file(want, ret_st) ? 0 : -ESTALE;
}

/* Checks that FD is WANT, and gives it to it. Takes FD. */
static int bring_back(struct local *l, const struct inode *want, int fd, struct pin *ret_pin)
{
	struct statx st;
	int r = check_same(want, fd, &st);

	if (r) {
		close(fd);
		return r;
	}
	return inode_adopt(l, fd, &st, ret_pin);
}

/* #syscalls: open_by_handle_at */
static int reopen_by_handle(struct local *l, struct inode *i, struct pin *ret_pin)
{
	union any_handle h;
	bool has_handle;
	int fd;

	pthread_mutex_lock(&l->lock);
	has_handle = i->handle;
	if (has_handle)
		memcpy(&h, i->handle, sizeof(h.h) + i->handle->h.handle_bytes);
	pthread_mutex_unlock(&l->lock);
	if (!has_handle)
		return -ESTALE;
	fd = open_by_handle_at(l->handle_fd, &h.h, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : bring_back(l, i, fd, ret_pin);
}

/* The way down from the nearest directory that has a descriptor. */
struct way {
	size_t n, cap;
	struct step {
		struct local_node *node; /* counted */
		char name[NAME_SIZE];
	} * steps; /* deepest first */
	struct pin top;
};

static void way_done(struct way *w)
{
	for (size_t i = 0; i < w->n; i++)
		unref_node(&w->steps[i].node);
	free(w->steps);
	pin_done(&w->top);
}

static int add_step(struct way *w, struct local_node *n, struct local_node **ret_parent)
{
	struct step *s;

	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 4;

		s = realloc(w->steps, cap * sizeof(*s));
		if (!s)
			return -ENOMEM;
		w->steps = s;
		w->cap = cap;
	}
	s = &w->steps[w->n];
	if (node_place(n, ret_parent, s->name))
		return -ESTALE;
	node_ref(&n->node);
	s->node = n;
	w->n++;
	return 0;
}

static int find_way(struct local_node *n, size_t limit, struct way *w)
{
	autonode struct local_node *at = n;

	node_ref(&n->node);
	for (;;) {
		struct local_node *parent;
		int r = w->n == limit ? -ELOOP : add_step(w, at, &parent);

		if (r)
			return r;
		unref_node(&at);
		at = parent;
		if (try_pin(n->local, at->inode, &w->top))
			return 0;
	}
}

/* Goes down W. The directories on the way are not given to their inodes: one call on a deep file
 * would bring them all back. */
static int go_down(struct local *l, const struct way *w, bool cached, int *ret_fd)
{
	autoclose int at = -1;

	for (size_t i = w->n; i--;) {
		struct statx st;
		int next,
			r = open_child(l, at < 0 ? w->top.fd : at, w->steps[i].name, cached, &next);

		if (r)
			return r;
		if (at >= 0)
			close(at);
		at = next;
		r = check_same(w->steps[i].node->inode, at, &st);
		if (r)
			return r;
	}
	*ret_fd = steal_fd(&at);
	return 0;
}

static int hold_dir(struct local_node *n, bool cached, size_t limit, struct held_dir *ret_d)
{
	cleanup(way_done) struct way w = {.top = PIN_INIT};
	struct held_dir d = HELD_DIR_INIT;
	int r;

	if (try_pin(n->local, n->inode, &d.pin)) {
		d.fd = d.pin.fd;
	} else {
		r = find_way(n, limit, &w);
		if (!r)
			r = go_down(n->local, &w, cached, &d.own_fd);
		if (r)
			return r;
		d.fd = d.own_fd;
	}
	*ret_d = d;
	return 0;
}

static int reopen_by_place(struct local_node *n, bool cached, struct pin *ret_pin)
{
	autonode struct local_node *parent = NULL;
	autodir struct held_dir dir = HELD_DIR_INIT;
	char name[NAME_SIZE];
	int fd, r = node_place(n, &parent, name);

	if (!r)
		r = hold_dir(parent, cached, SIZE_MAX, &dir);
	if (!r)
		r = open_child(n->local, dir.fd, name, cached, &fd);
	if (!r)
		r = bring_back(n->local, n->inode, fd, ret_pin);
	return r == -ENOENT || r == -ENOTDIR ? -ESTALE : r;
}

static unsigned count_renames(struct local *l)
{
	unsigned n;

	pthread_mutex_lock(&l->lock);
	n = l->n_renames;
	pthread_mutex_unlock(&l->lock);
	return n;
}

int reopen_node(struct local_node *n, bool cached, struct pin *ret_pin)
{
	struct local *l = n->local;
	unsigned renames;
	int r;

	if (!cached && !reopen_by_handle(l, n->inode, ret_pin))
		return 0;
	do {
		renames = count_renames(l);
		r = reopen_by_place(n, cached, ret_pin);
	} while (r == -ESTALE && renames != count_renames(l));
	return cached && r ? CALL_WOULD_BLOCK : r;
}

void pin_victim(struct local *l, int dir_fd, const char *name, struct pin *p)
{
	struct statx st;
	bool reclaimed, used;
	int fd;

	pthread_mutex_lock(&l->lock);
	reclaimed = l->n_reclaimed > 0;
	pthread_mutex_unlock(&l->lock);
	if (!reclaimed)
		return;
	act_as_ourselves(l);
	if (open_child(l, dir_fd, name, false, &fd))
		return;
	if (stat_fd(fd, &st)) {
		close(fd);
		return;
	}
	pthread_mutex_lock(&l->lock);
	used = find_inode_locked(l, &st);
	pthread_mutex_unlock(&l->lock);
	if (used)
		inode_adopt(l, fd, &st, p);
	else
		close(fd);
}
