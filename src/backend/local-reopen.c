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

/* A place with its parent pinned. */
struct held_place {
	struct pin parent;
	char name[NAME_SIZE];
};

#define MAX_PLACES 8

/* The places of the nodes of I; 0 if not all can be had: a parent has no descriptor, too many. */
static int hold_places(struct local *l, struct inode *i, struct held_place held[MAX_PLACES])
{
	int n = 0;

	pthread_mutex_lock(&l->lock);
	list_for_each (it, &i->nodes) {
		struct place *p = list_entry(it, struct local_node, of_inode)->place;

		if (!p || n == MAX_PLACES ||
		    !try_pin_locked(l, p->parent->inode, &held[n].parent)) {
			pthread_mutex_unlock(&l->lock);
			while (n)
				pin_done(&held[--n].parent);
			return 0;
		}
		strcpy(held[n++].name, p->name);
	}
	pthread_mutex_unlock(&l->lock);
	return n;
}

static bool leads_to(struct local *l, const struct held_place *p, const struct inode *i)
{
	struct statx st;
	autoclose int fd = -1;

	if (open_child(l, p->parent.fd, p->name, true, &fd) || stat_fd(fd, &st))
		return false;
	return is_same_file(i, &st);
}

static bool can_find_by_place(struct local *l, struct inode *i)
{
	struct held_place held[MAX_PLACES];
	int n = hold_places(l, i, held);
	bool found = n > 0;

	for (int at = 0; at < n; at++) {
		found = found && leads_to(l, &held[at], i);
		pin_done(&held[at].parent);
	}
	return found;
}

bool can_find_again(struct local *l, const struct pin *pin, struct saved_handle **ret_handle)
{
	struct statx st;

	if (stat_fd(pin->fd, &st) || !st.stx_nlink)
		return false;
	if (l->handle_fd >= 0 && pin->inode->key.mnt == l->root_mnt &&
	    pin->inode->key.dev == l->root_dev) {
		*ret_handle = save_handle(pin->fd);
		if (*ret_handle)
			return true;
	}
	return can_find_by_place(l, pin->inode);
}

/* Checks that FD is WANT, and gives it to it. Takes FD. */
static int bring_back(struct local *l, struct inode *want, int fd, struct pin *ret_pin)
{
	struct statx st;
	int r = stat_fd(fd, &st);

	if (r || !is_same_file(want, &st)) {
		close(fd);
		return r ? r : -ESTALE;
	}
	return inode_get(l, fd, &st, ret_pin);
}

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

static int find_way(struct local_node *n, struct way *w)
{
	autonode struct local_node *at = n;

	node_ref(&n->node);
	for (;;) {
		struct local_node *parent;
		int r = add_step(w, at, &parent);

		if (r)
			return r;
		unref_node(&at);
		at = parent;
		if (try_pin(n->local, at->inode, &w->top))
			return 0;
	}
}

static int reopen_by_place(struct local_node *n, bool cached, struct pin *ret_pin)
{
	cleanup(way_done) struct way w = {.top = PIN_INIT};
	struct local *l = n->local;
	int r = find_way(n, &w);

	for (size_t i = w.n; !r && i--;) {
		struct pin next = PIN_INIT;
		int fd;

		r = open_child(l, w.top.fd, w.steps[i].name, cached, &fd);
		if (!r)
			r = bring_back(l, w.steps[i].node->inode, fd, &next);
		pin_done(&w.top);
		w.top = next;
	}
	if (r)
		return r == -ENOENT || r == -ENOTDIR ? -ESTALE : r;
	*ret_pin = w.top;
	w.top = (struct pin)PIN_INIT;
	return 0;
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
