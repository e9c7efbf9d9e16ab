/* SPDX-License-Identifier: MIT */
#include "fid-paths.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"

/* A name in the tree. It is there while a fid, or a node below it, holds it. */
struct node {
	struct node *parent; /* a reference; NULL: a root */
	struct node *next;   /* in its chain of the table of names */
	uint32_t refs;
	uint32_t hash;
	bool is_listed; /* in the table: it was not removed, nor replaced */
	uint64_t moves; /* fid_paths.moves when TEXT was made */
	char *text;	/* NULL: not made */
	uint32_t text_len;
	struct trace_cookie cookie;
	uint16_t len;
	char *name;
};

struct slot {
	uint32_t number;
	struct node *node; /* NULL: empty */
};

struct fid_paths {
	struct slot *fids; /* open addressing */
	uint32_t n_fids, n_slots;
	struct node **names; /* chains by parent and name */
	uint32_t n_names, n_chains;
	uint64_t moves;
};

#define FIRST 64u /* a power of two, of both tables */

static uint32_t mix(uint64_t v)
{
	v = (v ^ v >> 32) * 0x9e3779b97f4a7c15;
	return (uint32_t)(v >> 32);
}

static uint32_t hash_of(const struct node *parent, const char *name, size_t len)
{
	uint64_t h = (uintptr_t)parent;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 0x100000001b3;
	return mix(h);
}

static void unlist(struct fid_paths *p, struct node *n)
{
	struct node **at = &p->names[n->hash & (p->n_chains - 1)];

	if (!n->is_listed)
		return;
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	n->is_listed = false;
	p->n_names--;
}

static void put_in(struct fid_paths *p, struct node *n)
{
	struct node **at = &p->names[n->hash & (p->n_chains - 1)];

	n->next = *at;
	*at = n;
}

static void grow_names(struct fid_paths *p)
{
	struct node **old = p->names;
	uint32_t n_old = p->n_chains;
	struct node **more = calloc((size_t)n_old * 2, sizeof(struct node *));

	if (!more)
		return;
	p->names = more;
	p->n_chains = n_old * 2;
	for (uint32_t i = 0; i < n_old; i++)
		for (struct node *n = old[i], *next; n; n = next) {
			next = n->next;
			put_in(p, n);
		}
	free(old);
}

static void list_node(struct fid_paths *p, struct node *n)
{
	n->hash = hash_of(n->parent, n->name, n->len);
	if (p->n_names >= p->n_chains)
		grow_names(p);
	put_in(p, n);
	n->is_listed = true;
	p->n_names++;
}

static struct node *find_child(const struct fid_paths *p, const struct node *parent,
			       struct str name)
{
	uint32_t hash = hash_of(parent, name.p, name.len);

	for (struct node *n = p->names[hash & (p->n_chains - 1)]; n; n = n->next)
		if (n->hash == hash && n->parent == parent && n->len == name.len &&
		    !memcmp(n->name, name.p, name.len))
			return n;
	return NULL;
}

static void node_unref(struct fid_paths *p, struct node *n)
{
	while (n && --n->refs == 0) {
		struct node *parent = n->parent;

		unlist(p, n);
		free(n->text);
		free(n->name);
		free(n);
		n = parent;
	}
}

static struct node *new_node(struct node *parent, struct str name)
{
	autofree struct node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->name = malloc(name.len + 1u);
	if (!n->name)
		return NULL;
	if (name.len)
		memcpy(n->name, name.p, name.len);
	n->len = name.len;
	n->refs = 1;
	n->parent = parent;
	if (parent)
		parent->refs++;
	return steal_ptr(&n);
}

/* A reference on NAME in PARENT. NULL when memory is out. */
static struct node *get_child(struct fid_paths *p, struct node *parent, struct str name)
{
	struct node *n;

	if (str_is(name, "..")) {
		n = parent->parent ? parent->parent : parent;
		n->refs++;
		return n;
	}
	n = find_child(p, parent, name);
	if (n) {
		n->refs++;
		return n;
	}
	n = new_node(parent, name);
	if (n)
		list_node(p, n);
	return n;
}

static uint32_t find_slot(const struct fid_paths *p, uint32_t number)
{
	uint32_t i = mix(number) & (p->n_slots - 1);

	while (p->fids[i].node && p->fids[i].number != number)
		i = (i + 1) & (p->n_slots - 1);
	return i;
}

static struct node *node_of(const struct fid_paths *p, uint32_t number)
{
	return p->fids[find_slot(p, number)].node;
}

static bool grow_fids(struct fid_paths *p)
{
	struct slot *old = p->fids, *more;
	uint32_t n_old = p->n_slots;

	if (p->n_fids < n_old / 4 * 3)
		return true;
	more = calloc((size_t)n_old * 2, sizeof(*more));
	if (!more)
		return false;
	p->fids = more;
	p->n_slots = n_old * 2;
	for (uint32_t i = 0; i < n_old; i++)
		if (old[i].node)
			p->fids[find_slot(p, old[i].number)] = old[i];
	free(old);
	return true;
}

static void forget_fid(struct fid_paths *p, uint32_t number)
{
	uint32_t mask = p->n_slots - 1, hole = find_slot(p, number);
	struct node *n = p->fids[hole].node;

	if (!n)
		return;
	for (uint32_t i = (hole + 1) & mask; p->fids[i].node; i = (i + 1) & mask) {
		uint32_t from_home = (i - mix(p->fids[i].number)) & mask;

		if (from_home >= ((i - hole) & mask)) {
			p->fids[hole] = p->fids[i];
			hole = i;
		}
	}
	p->fids[hole].node = NULL;
	p->n_fids--;
	node_unref(p, n);
}

/* Takes over the reference on N; NULL: the fid is not known then. */
static void set_fid(struct fid_paths *p, uint32_t number, struct node *n)
{
	forget_fid(p, number);
	if (!n)
		return;
	if (p->n_fids >= FID_PATHS_MAX || !grow_fids(p)) {
		node_unref(p, n);
		return;
	}
	p->fids[find_slot(p, number)] = (struct slot){.number = number, .node = n};
	p->n_fids++;
}

struct fid_paths *fid_paths_new(void)
{
	struct fid_paths *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->n_slots = p->n_chains = FIRST;
	p->fids = calloc(FIRST, sizeof(*p->fids));
	p->names = calloc(FIRST, sizeof(struct node *));
	if (!p->fids || !p->names) {
		free(p->fids);
		free(p->names);
		free(p);
		return NULL;
	}
	return p;
}

static void forget_all(struct fid_paths *p)
{
	for (uint32_t i = 0; i < p->n_slots; i++) {
		struct node *n = p->fids[i].node;

		p->fids[i].node = NULL;
		node_unref(p, n);
	}
	p->n_fids = 0;
}

void fid_paths_free(struct fid_paths *p)
{
	if (!p)
		return;
	forget_all(p);
	free(p->fids);
	free(p->names);
	free(p);
}

/* The end of a path that is too long is what tells most. */
static uint32_t put_path(const struct node *n, char *to)
{
	uint32_t at = TRACE_MAX_PATH;

	for (; n->parent; n = n->parent) {
		uint32_t slash = at < TRACE_MAX_PATH;

		if (at < n->len + slash)
			break;
		if (slash)
			to[--at] = '/';
		at -= n->len;
		memcpy(to + at, n->name, n->len);
	}
	if (at == TRACE_MAX_PATH)
		to[--at] = '/';
	return at;
}

static void make_text(struct fid_paths *p, struct node *n)
{
	char path[TRACE_MAX_PATH];
	uint32_t start = put_path(n, path), len = TRACE_MAX_PATH - start;
	char *text = realloc(n->text, len);

	n->cookie = (struct trace_cookie){0};
	if (!text) {
		free(n->text);
		n->text = NULL;
		return;
	}
	memcpy(text, path + start, len);
	n->text = text;
	n->text_len = len;
	n->moves = p->moves;
}

struct trace_text fid_path(struct fid_paths *p, uint32_t number)
{
	struct node *n = node_of(p, number);

	if (!n)
		return (struct trace_text){0};
	if (!n->text || n->moves != p->moves)
		make_text(p, n);
	return (struct trace_text){.p = n->text, .len = n->text_len, .cookie = &n->cookie};
}

/* The node N is now NAME in PARENT; what was there is there no more. */
static void move_node(struct fid_paths *p, struct node *n, struct node *parent, struct str name)
{
	struct node *there = find_child(p, parent, name), *old_parent = n->parent;
	char *copy = malloc(name.len + 1u);

	/* a node cannot go below itself */
	for (const struct node *up = parent; up; up = up->parent)
		if (up == n) {
			free(copy);
			return;
		}
	if (!copy || n == there || !old_parent) {
		free(copy);
		return;
	}
	if (there)
		unlist(p, there);
	unlist(p, n);
	memcpy(copy, name.p, name.len);
	free(n->name);
	n->name = copy;
	n->len = name.len;
	n->parent = parent;
	parent->refs++;
	list_node(p, n);
	node_unref(p, old_parent);
	p->moves++;
}

static void walked(struct fid_paths *p, const struct msg_Twalk *m, uint16_t n_walked)
{
	struct node *n = node_of(p, m->fid);

	if (!n || n_walked < m->wname.n)
		return;
	n->refs++;
	for (unsigned i = 0; i < m->wname.n && n; i++) {
		struct node *next = get_child(p, n, m->wname.at[i]);

		node_unref(p, n);
		n = next;
	}
	set_fid(p, m->newfid, n);
}

static void created(struct fid_paths *p, uint32_t fid, struct str name)
{
	struct node *dir = node_of(p, fid);

	if (dir)
		set_fid(p, fid, get_child(p, dir, name));
}

/* "docs/a.txt:user.x": an extended attribute is no name in the tree. */
static void xattr_walked(struct fid_paths *p, uint32_t fid, uint32_t newfid, struct str name)
{
	struct node *of = node_of(p, fid);
	char text[UINT16_MAX + 256];
	struct str as = {.p = text};
	int len;

	if (!of)
		return;
	len = snprintf(text, sizeof(text), "%.*s:%.*s", of->len, of->name, (int)MIN(name.len, 255),
		       name.p);
	if (len < 0 || len > UINT16_MAX)
		return;
	as.len = (uint16_t)len;
	set_fid(p, newfid, new_node(of->parent ? of->parent : of, as));
}

static void renamed(struct fid_paths *p, uint32_t fid, uint32_t dfid, struct str name)
{
	struct node *n = node_of(p, fid), *dir = node_of(p, dfid);

	if (n && dir)
		move_node(p, n, dir, name);
}

static void renamed_at(struct fid_paths *p, const struct msg_Trenameat *m)
{
	struct node *from = node_of(p, m->olddirfid), *to = node_of(p, m->newdirfid);
	struct node *n = from ? find_child(p, from, m->oldname) : NULL;
	struct node *there = to ? find_child(p, to, m->newname) : NULL;

	if (n && to)
		move_node(p, n, to, m->newname);
	else if (there)
		unlist(p, there); /* an unknown file is there now */
}

static void unlinked(struct fid_paths *p, uint32_t dir, struct str name)
{
	struct node *parent = node_of(p, dir), *n = parent ? find_child(p, parent, name) : NULL;

	if (n)
		unlist(p, n);
}

static void removed(struct fid_paths *p, uint32_t fid)
{
	struct node *n = node_of(p, fid);

	if (n)
		unlist(p, n);
}

void msg_fids(const struct msg *m, uint32_t ret[2])
{
	ret[0] = ret[1] = P9_NOFID;
	/* clang-format off */
	switch (m->type) {
#define ONE(Name, field) case Name: ret[0] = m->Name.field; break;
#define TWO(Name, first, second) \
	case Name: ret[0] = m->Name.first; ret[1] = m->Name.second; break;
	ONE(Tstatfs, fid) ONE(Tlopen, fid) ONE(Tlcreate, fid) ONE(Tsymlink, fid) ONE(Tmknod, dfid)
	TWO(Trename, fid, dfid) ONE(Treadlink, fid) ONE(Tgetattr, fid) ONE(Tsetattr, fid)
	ONE(Txattrwalk, fid) ONE(Txattrcreate, fid) ONE(Treaddir, fid) ONE(Tfsync, fid)
	ONE(Tlock, fid) ONE(Tgetlock, fid) TWO(Tlink, dfid, fid) ONE(Tmkdir, dfid)
	TWO(Trenameat, olddirfid, newdirfid) ONE(Tunlinkat, dirfd) ONE(Twalk, fid) ONE(Tread, fid)
	ONE(Twrite, fid) ONE(Tclunk, fid) ONE(Tremove, fid)
#undef ONE
#undef TWO
	default: break;
	}
	/* clang-format on */
}

/* What has an effect on fids even where it fails. */
static void failed(struct fid_paths *p, const struct msg *m)
{
	if (m->type == Tclunk)
		forget_fid(p, m->Tclunk.fid);
	else if (m->type == Tremove)
		forget_fid(p, m->Tremove.fid);
}

void fid_paths_reply(struct fid_paths *p, const struct msg *m, const struct msg *reply)
{
	if (reply->type != Rlerror && reply->type != m->type + 1)
		return; /* no reply to M: who sends that is not believed */
	if (reply->type == Rlerror) {
		failed(p, m);
	} else if (reply->type == Rversion) {
		forget_all(p);
	} else if (reply->type == Rattach) {
		set_fid(p, m->Tattach.fid, new_node(NULL, str_of("", 0)));
	} else if (reply->type == Rwalk) {
		walked(p, &m->Twalk, reply->Rwalk.wqid.n);
	} else if (reply->type == Rlcreate) {
		created(p, m->Tlcreate.fid, m->Tlcreate.name);
	} else if (reply->type == Rxattrwalk) {
		xattr_walked(p, m->Txattrwalk.fid, m->Txattrwalk.newfid, m->Txattrwalk.name);
	} else if (reply->type == Rrename) {
		renamed(p, m->Trename.fid, m->Trename.dfid, m->Trename.name);
	} else if (reply->type == Rrenameat) {
		renamed_at(p, &m->Trenameat);
	} else if (reply->type == Runlinkat) {
		unlinked(p, m->Tunlinkat.dirfd, m->Tunlinkat.name);
	} else if (reply->type == Rremove) {
		removed(p, m->Tremove.fid);
		forget_fid(p, m->Tremove.fid);
	} else if (reply->type == Rclunk) {
		forget_fid(p, m->Tclunk.fid);
	}
}
