/* SPDX-License-Identifier: MIT */
#include "ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "msg.h"
#include "number.h"
#include "pass.h"

struct ids {
	struct pass pass; /* first */
	struct ids_config cfg;
};

static const struct ids_config *config(struct pass *p)
{
	return &((struct ids *)(void *)p)->cfg;
}

/* A decimal number at *AT, ended by END. */
static bool take_number(const char **at, char end, uint32_t *ret)
{
	const char *behind = *at;
	uint64_t n;

	if (!number_take(&behind, 0, UINT32_MAX - 1, &n) || *behind != end)
		return false;
	*at = behind + (end != '\0');
	*ret = (uint32_t)n;
	return true;
}

static bool overlap(uint32_t a, uint32_t n, uint32_t b, uint32_t m)
{
	return a < (uint64_t)b + m && b < (uint64_t)a + n;
}

bool id_map_add(struct id_map *m, const char *text)
{
	struct id_range r;

	if (m->n == IDS_MAX_RANGES || !take_number(&text, ':', &r.guest) ||
	    !take_number(&text, ':', &r.host) || !take_number(&text, '\0', &r.n) || !r.n ||
	    (uint64_t)r.guest + r.n > UINT32_MAX || (uint64_t)r.host + r.n > UINT32_MAX)
		return false;
	for (size_t i = 0; i < m->n; i++)
		if (overlap(r.guest, r.n, m->at[i].guest, m->at[i].n) ||
		    overlap(r.host, r.n, m->at[i].host, m->at[i].n))
			return false;
	m->at[m->n++] = r;
	return true;
}

static int to_host(const struct id_map *m, uint32_t id, uint32_t *ret_id)
{
	for (size_t i = 0; i < m->n; i++) {
		if (id - m->at[i].guest < m->at[i].n) {
			*ret_id = id - m->at[i].guest + m->at[i].host;
			return 0;
		}
	}
	if (m->n)
		return -EOVERFLOW;
	*ret_id = id;
	return 0;
}

static const struct id_range *find_host(const struct id_map *m, uint32_t id)
{
	for (size_t i = 0; i < m->n; i++)
		if (id - m->at[i].host < m->at[i].n)
			return &m->at[i];
	return NULL;
}

static uint32_t to_guest(const struct id_map *m, uint32_t id)
{
	const struct id_range *r = find_host(m, id);

	if (r)
		return id - r->host + r->guest;
	return m->n ? IDS_NOBODY : id;
}

bool id_map_has_host(const struct id_map *m, uint32_t id)
{
	return !m->n || find_host(m, id);
}

/* Linux attaches without a name first. Where users have ranges, that must not become the server
 * itself: it is the guest's root, or nobody where that one has no place. */
static int ids_admit(struct backend *b, uint32_t uid, uint32_t *ret_uid)
{
	const struct ids_config *cfg = config((struct pass *)(void *)b);
	int r = 0;

	if (cfg->squash)
		uid = P9_NONUNAME;
	else if (uid == P9_NONUNAME && cfg->uids.n)
		uid = to_host(&cfg->uids, 0, &uid) ? IDS_NOBODY : uid;
	else
		r = to_host(&cfg->uids, uid, &uid);
	return r ? r : pass_ops.admit(b, uid, ret_uid);
}

static int ids_getattr(struct node *n, struct file *open, const struct call *c, uint64_t mask,
		       struct attr *ret_attr)
{
	const struct ids_config *cfg = config(pass_node(n)->pass);
	int r = pass_ops.getattr(n, open, c, mask, ret_attr);

	if (r)
		return r;
	ret_attr->uid = cfg->has_owner ? cfg->uid : to_guest(&cfg->uids, ret_attr->uid);
	ret_attr->gid = cfg->has_owner ? cfg->gid : to_guest(&cfg->gids, ret_attr->gid);
	return 0;
}

/* To give a file to whom it belongs changes nothing, and may be done. */
static int keep_owner(const struct ids_config *cfg, struct attr_change *ch)
{
	if ((ch->valid & P9_SETATTR_UID && ch->uid != cfg->uid) ||
	    (ch->valid & P9_SETATTR_GID && ch->gid != cfg->gid))
		return -EPERM;
	ch->valid &= ~(uint32_t)(P9_SETATTR_UID | P9_SETATTR_GID);
	return 0;
}

static int ids_setattr(struct node *n, struct file *open, const struct call *c,
		       const struct attr_change *change)
{
	const struct ids_config *cfg = config(pass_node(n)->pass);
	struct attr_change ch = *change;
	int r = 0;

	if (cfg->has_owner)
		r = keep_owner(cfg, &ch);
	if (!r && ch.valid & P9_SETATTR_UID)
		r = to_host(&cfg->uids, ch.uid, &ch.uid);
	if (!r && ch.valid & P9_SETATTR_GID)
		r = to_host(&cfg->gids, ch.gid, &ch.gid);
	return r ? r : pass_ops.setattr(n, open, c, &ch);
}

static int ids_create(struct node *dir, const struct call *c, struct str name, uint32_t flags,
		      uint32_t mode, uint32_t gid, struct node **ret_node, struct file **ret_file,
		      struct qid *ret_qid)
{
	const struct ids_config *cfg = config(pass_node(dir)->pass);
	int r = cfg->squash ? 0 : to_host(&cfg->gids, gid, &gid);

	return r ? r : pass_ops.create(dir, c, name, flags, mode, gid, ret_node, ret_file, ret_qid);
}

static int ids_make(struct node *dir, const struct call *c, struct str name,
		    const struct make_args *args, struct qid *ret_qid)
{
	const struct ids_config *cfg = config(pass_node(dir)->pass);
	struct make_args a = *args;
	int r = cfg->squash ? 0 : to_host(&cfg->gids, a.gid, &a.gid);

	return r ? r : pass_ops.make(dir, c, name, &a, ret_qid);
}

/* Access control lists name users and groups: a version (4 bytes), then for each entry a tag and
 * rights (2 each) and an id (4), little-endian; linux/posix_acl_xattr.h. */
#define ACL_HEADER 4
#define ACL_ENTRY 8
#define ACL_USER 2
#define ACL_GROUP 8

static bool is_acl(struct str name)
{
	return str_is(name, "system.posix_acl_access") || str_is(name, "system.posix_acl_default");
}

static uint32_t get_id(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_id(uint8_t *p, uint32_t id)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(id >> 8 * i);
}

static int translate_acl(const struct ids_config *cfg, uint8_t *acl, size_t size, bool for_host)
{
	for (size_t at = ACL_HEADER; at + ACL_ENTRY <= size; at += ACL_ENTRY) {
		uint8_t tag = acl[at], *id = acl + at + 4;
		const struct id_map *m = tag == ACL_USER ? &cfg->uids : &cfg->gids;
		uint32_t other;
		int r;

		if (acl[at + 1] || (tag != ACL_USER && tag != ACL_GROUP))
			continue;
		other = to_guest(m, get_id(id));
		r = for_host ? to_host(m, get_id(id), &other) : 0;
		if (r)
			return r;
		put_id(id, other);
	}
	return 0;
}

static int ids_xattr_get(struct node *n, const struct call *c, struct str name, void *buf,
			 size_t cap, size_t *ret_size)
{
	size_t size;
	int r = pass_ops.xattr_get(n, c, name, buf, cap, &size);

	if (!r && cap && is_acl(name))
		r = translate_acl(config(pass_node(n)->pass), buf, size, false);
	if (!r)
		*ret_size = size;
	return r;
}

static int ids_xattr_set(struct node *n, const struct call *c, struct str name, const void *value,
			 size_t size, uint32_t flags)
{
	autofree uint8_t *copy = NULL;
	int r;

	if (!is_acl(name) || !size)
		return pass_ops.xattr_set(n, c, name, value, size, flags);
	copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, value, size);
	r = translate_acl(config(pass_node(n)->pass), copy, size, true);
	return r ? r : pass_ops.xattr_set(n, c, name, copy, size, flags);
}

int ids_new(struct backend *lower, const struct ids_config *cfg, struct backend **ret)
{
	struct ids *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	pass_init(&f->pass, lower);
	f->cfg = *cfg;
	f->pass.ops.name = "ids";
	f->pass.ops.admit = ids_admit;
	f->pass.ops.getattr = ids_getattr;
	f->pass.ops.setattr = ids_setattr;
	f->pass.ops.create = ids_create;
	f->pass.ops.make = ids_make;
	f->pass.ops.xattr_get = ids_xattr_get;
	f->pass.ops.xattr_set = ids_xattr_set;
	*ret = &f->pass.backend;
	return 0;
}
