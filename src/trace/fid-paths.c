/* SPDX-License-Identifier: MIT */
#include "fid-paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "name-tree.h"

struct slot {
	uint32_t number;
	struct name *node; /* NULL: empty */
};

struct fid_paths {
	struct slot *fids; /* open addressing */
	uint32_t n_fids, n_slots;
	struct name_tree names;
};

#define FIRST 64u /* a power of two */

static uint32_t find_slot(const struct fid_paths *p, uint32_t number)
{
	uint32_t i = name_mix(number) & (p->n_slots - 1);

	while (p->fids[i].node && p->fids[i].number != number)
		i = (i + 1) & (p->n_slots - 1);
	return i;
}

static struct name *node_of(const struct fid_paths *p, uint32_t number)
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
	struct name *n = p->fids[hole].node;

	if (!n)
		return;
	for (uint32_t i = (hole + 1) & mask; p->fids[i].node; i = (i + 1) & mask) {
		uint32_t from_home = (i - name_mix(p->fids[i].number)) & mask;

		if (from_home >= ((i - hole) & mask)) {
			p->fids[hole] = p->fids[i];
			hole = i;
		}
	}
	p->fids[hole].node = NULL;
	p->n_fids--;
	name_unref(&p->names, n);
}

/* Takes over the reference on N; NULL: the fid is not known then. */
static void set_fid(struct fid_paths *p, uint32_t number, struct name *n)
{
	forget_fid(p, number);
	if (!n)
		return;
	if (p->n_fids >= FID_PATHS_MAX || !grow_fids(p)) {
		name_unref(&p->names, n);
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
	p->n_slots = FIRST;
	p->fids = calloc(FIRST, sizeof(*p->fids));
	if (!p->fids || name_tree_init(&p->names)) {
		free(p->fids);
		free(p);
		return NULL;
	}
	return p;
}

static void forget_all(struct fid_paths *p)
{
	for (uint32_t i = 0; i < p->n_slots; i++) {
		struct name *n = p->fids[i].node;

		p->fids[i].node = NULL;
		name_unref(&p->names, n);
	}
	p->n_fids = 0;
}

void fid_paths_free(struct fid_paths *p)
{
	if (!p)
		return;
	forget_all(p);
	free(p->fids);
	name_tree_done(&p->names);
	free(p);
}

struct trace_text fid_path(struct fid_paths *p, uint32_t number)
{
	struct name *n = node_of(p, number);

	return n ? name_path(&p->names, n) : (struct trace_text){0};
}

static void walked(struct fid_paths *p, const struct msg_Twalk *m, uint16_t n_walked)
{
	struct name *n = node_of(p, m->fid);

	if (!n || n_walked < m->wname.n)
		return;
	n->refs++;
	for (unsigned i = 0; i < m->wname.n && n; i++) {
		struct name *next = name_get(&p->names, n, m->wname.at[i]);

		name_unref(&p->names, n);
		n = next;
	}
	set_fid(p, m->newfid, n);
}

static void created(struct fid_paths *p, uint32_t fid, struct str name)
{
	struct name *dir = node_of(p, fid);

	if (dir)
		set_fid(p, fid, name_get(&p->names, dir, name));
}

/* "docs/a.txt:user.x": an extended attribute is no name in the tree. */
static void xattr_walked(struct fid_paths *p, uint32_t fid, uint32_t newfid, struct str name)
{
	struct name *of = node_of(p, fid);
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
	set_fid(p, newfid, name_new(of->parent ? of->parent : of, as));
}

static void renamed(struct fid_paths *p, uint32_t fid, uint32_t dfid, struct str name)
{
	struct name *n = node_of(p, fid), *dir = node_of(p, dfid);

	if (n && dir)
		name_move(&p->names, n, dir, name);
}

static void renamed_at(struct fid_paths *p, const struct msg_Trenameat *m)
{
	struct name *from = node_of(p, m->olddirfid), *to = node_of(p, m->newdirfid);
	struct name *n = from ? name_find(&p->names, from, m->oldname) : NULL;
	struct name *there = to ? name_find(&p->names, to, m->newname) : NULL;

	if (n && to)
		name_move(&p->names, n, to, m->newname);
	else if (there)
		name_unlist(&p->names, there); /* an unknown file is there now */
}

static void unlinked(struct fid_paths *p, uint32_t dir, struct str name)
{
	struct name *parent = node_of(p, dir);
	struct name *n = parent ? name_find(&p->names, parent, name) : NULL;

	if (n)
		name_unlist(&p->names, n);
}

static void removed(struct fid_paths *p, uint32_t fid)
{
	struct name *n = node_of(p, fid);

	if (n)
		name_unlist(&p->names, n);
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
		set_fid(p, m->Tattach.fid, name_new(NULL, str_of("", 0)));
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
