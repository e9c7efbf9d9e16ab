/* SPDX-License-Identifier: MIT */
/* Nodes and their places: attach, walk, and what a rename does to those in use. */
#include "local-impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static struct place *place_new(struct local_node *parent, const char *name)
{
	struct place *p = malloc(sizeof(*p) + strlen(name) + 1);

	if (!p)
		return NULL;
	node_ref(&parent->node);
	p->parent = parent;
	p->next = NULL;
	strcpy(p->name, name);
	return p;
}

static void free_places(struct place *p)
{
	while (p) {
		struct place *next = p->next;

		node_unref(&p->parent->node);
		free(p);
		p = next;
	}
}

int node_new(struct local *l, const struct pin *pin, struct local_node *parent, const char *name,
	     struct local_node **ret_n)
{
	struct local_node *n = malloc(sizeof(*n));

	if (!n)
		return -ENOMEM;
	*n = (struct local_node){.node = {.ops = l->backend.ops, .refs = 1}};
	if (parent && !(n->place = place_new(parent, name))) {
		free(n);
		return -ENOMEM;
	}
	n->local = l;
	n->inode = pin->inode;
	n->node.memory = &n->inode->memory;
	pthread_mutex_lock(&l->lock);
	inode_ref_locked(n->inode, !parent);
	list_add_tail(&n->inode->nodes, &n->of_inode);
	if (parent)
		known_child_set_locked(l, parent, name, n->inode);
	pthread_mutex_unlock(&l->lock);
	*ret_n = n;
	return 0;
}

/* Frees N but for the reference to its parent, which it returns. */
static struct local_node *take_apart(struct local_node *n)
{
	struct local *l = n->local;
	struct local_node *parent = NULL;

	pthread_mutex_lock(&l->lock);
	list_del(&n->of_inode);
	if (n->place)
		parent = n->place->parent;
	else
		inode_drop_user_locked(l, n->inode);
	pthread_mutex_unlock(&l->lock);
	inode_unref(l, n->inode);
	free(n->place);
	free(n);
	return parent;
}

/* A loop, because a chain of parents may be long. */
void local_free_node(struct node *n)
{
	struct local_node *at = local_node(n), *parent;

	while (at) {
		parent = take_apart(at);
		at = parent && atomic_fetch_sub_explicit(&parent->node.refs, 1,
							 memory_order_acq_rel) == 1
			     ? parent
			     : NULL;
	}
}

void unref_node(struct local_node **n)
{
	if (*n)
		node_unref(&(*n)->node);
	*n = NULL;
}

int node_place(struct local_node *n, struct local_node **ret_parent, char name[NAME_SIZE])
{
	int r = -EBUSY;

	pthread_mutex_lock(&n->local->lock);
	if (n->place) {
		node_ref(&n->place->parent->node);
		*ret_parent = n->place->parent;
		strcpy(name, n->place->name);
		r = 0;
	}
	pthread_mutex_unlock(&n->local->lock);
	return r;
}

/* Only somebody else's renames at the same moment could make places a ring. */
static bool is_below_locked(const struct local_node *n, const struct inode *i)
{
	while (n && n->inode != i)
		n = n->place ? n->place->parent : NULL;
	return n;
}

static void move_locked(struct local_node *n, struct local_node *newdir, const char *newname,
			struct place **unused)
{
	struct place *p;

	if (is_below_locked(newdir, n->inode) || !(p = place_new(newdir, newname)))
		return;
	n->place->next = *unused;
	*unused = n->place;
	n->place = p;
}

void nodes_moved(struct local *l, int new_dir_fd, struct local_node *olddir, const char *oldname,
		 struct local_node *newdir, const char *newname)
{
	struct place *unused = NULL;
	struct statx st;
	struct inode *i;
	int r = stat_at(new_dir_fd, newname, &st);

	pthread_mutex_lock(&l->lock);
	l->n_renames++;
	i = r ? NULL : find_inode_locked(l, &st);
	if (i)
		list_for_each (it, &i->nodes) {
			struct local_node *n = list_entry(it, struct local_node, of_inode);

			if (n->place && n->place->parent->inode == olddir->inode &&
			    !strcmp(n->place->name, oldname))
				move_locked(n, newdir, newname, &unused);
		}
	pthread_mutex_unlock(&l->lock);
	free_places(unused);
}

static int walk_up(struct local_node *n, const struct call *c, struct local_node **ret_n,
		   struct qid *ret_qid)
{
	autonode struct local_node *up = NULL;
	autopin struct pin pin = PIN_INIT;
	char name[NAME_SIZE];
	struct statx st;
	int r;

	if (!S_ISDIR(n->inode->type))
		return -ENOTDIR;
	if (node_place(n, &up, name)) {
		up = n;
		node_ref(&n->node);
	}
	r = pin_node(up, c, &pin);
	if (!r)
		r = show_caller(up, c);
	if (!r)
		r = stat_fd(pin.fd, &st);
	if (r)
		return r;
	qid_of(n->local, &st, ret_qid);
	*ret_n = steal_ptr(&up);
	return 0;
}

/* PARENT NULL: what is found becomes a root. */
static int walk_down(struct local *l, int dir_fd, const char *name, bool cached,
		     struct local_node *parent, struct local_node **ret_n, struct qid *ret_qid)
{
	autopin struct pin pin = PIN_INIT;
	autoclose int fd = -1;
	struct statx st;
	int r = open_child(l, dir_fd, name, cached, &fd);

	if (r == CALL_WOULD_BLOCK && parent)
		r = open_child_cold(parent, dir_fd, name, &fd);
	if (!r)
		r = cached ? stat_fd_cached(fd, &st) : stat_fd(fd, &st);
	if (!r && cached && !is_known_local(l, stat_dev(&st)))
		r = CALL_WOULD_BLOCK;
	if (!r)
		r = inode_get(l, steal_fd(&fd), &st, &pin);
	if (!r)
		r = node_new(l, &pin, parent, name, ret_n);
	if (!r)
		qid_of(l, &st, ret_qid);
	return r;
}

/* False: nothing is known, walk_down will tell. */
static bool walk_known(struct local_node *d, int dir_fd, const char *name,
		       struct local_node **ret_n, struct qid *ret_qid)
{
	autopin struct pin pin = PIN_INIT;
	struct statx st;

	if (!known_child_find(d->local, d, dir_fd, name, &pin, &st) ||
	    node_new(d->local, &pin, d, name, ret_n))
		return false;
	qid_of(d->local, &st, ret_qid);
	return true;
}

static int walk_as_caller(struct local_node *d, const struct pin *pin, const struct call *c,
			  const char *name, struct local_node **ret_n, struct qid *ret_qid)
{
	struct local *l = d->local;
	int r = act_as(l, c, GID_UNKNOWN);

	if (r)
		return r;
	if (walk_known(d, pin->fd, name, ret_n, ret_qid))
		return 0;
	do
		r = walk_down(l, pin->fd, name, c->in_place, d, ret_n, ret_qid);
	while (believe_group(l, c, r, pin->fd, MAY_SEARCH));
	return r;
}

int local_walk(struct node *dir, const struct call *c, struct str name, struct node **ret_node,
	       struct qid *ret_qid)
{
	struct local_node *d = local_node(dir), *n;
	autopin struct pin pin = PIN_INIT;
	char buf[NAME_SIZE];
	int r;

	if (name.len == 2 && !memcmp(name.p, "..", 2)) {
		r = walk_up(d, c, &n, ret_qid);
	} else {
		r = copy_name(name, buf);
		if (!r)
			r = pin_node(d, c, &pin);
		if (!r)
			r = walk_as_caller(d, &pin, c, buf, &n, ret_qid);
	}
	if (!r)
		*ret_node = &n->node;
	return r;
}

/* The next component of *PATH; empty at its end. */
static struct str next_component(struct str *path)
{
	struct str part;

	while (path->len && *path->p == '/') {
		path->p++;
		path->len--;
	}
	part = (struct str){path->p, 0};
	while (part.len < path->len && part.p[part.len] != '/')
		part.len++;
	path->p += part.len;
	path->len = (uint16_t)(path->len - part.len);
	return part;
}

/* #syscalls: fcntl */
int local_attach(struct backend *b, const struct call *c, struct str aname, struct node **ret_root,
		 struct qid *ret_qid)
{
	struct local *l = container_of(b, struct local, backend);
	autoclose int fd = c->in_place ? -1 : fcntl(l->root_fd, F_DUPFD_CLOEXEC, 0);
	autopin struct pin pin = PIN_INIT;
	struct local_node *root;
	char name[NAME_SIZE];
	struct statx st;
	int r = c->in_place ? CALL_WOULD_BLOCK : fd < 0 ? -errno : act_as(l, c, GID_UNKNOWN);

	for (struct str part = next_component(&aname); !r && part.len;
	     part = next_component(&aname)) {
		int next;

		r = copy_name(part, name);
		if (r)
			return r;
		do
			r = open_child(l, fd, name, false, &next);
		while (believe_group(l, c, r, fd, MAY_SEARCH));
		if (r)
			return r;
		close(fd);
		fd = next;
	}
	if (!r)
		r = stat_fd(fd, &st);
	if (!r && !S_ISDIR(st.stx_mode))
		r = -ENOTDIR;
	if (!r)
		r = inode_get(l, steal_fd(&fd), &st, &pin);
	if (!r)
		r = node_new(l, &pin, NULL, NULL, &root);
	if (r)
		return r;
	qid_of(l, &st, ret_qid);
	*ret_root = &root->node;
	return 0;
}
