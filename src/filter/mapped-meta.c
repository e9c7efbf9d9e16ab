/* SPDX-License-Identifier: MIT */
#include "mapped-meta.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "msg.h"

#define PREFIX "user.virtfs."
#define ATTR_UID PREFIX "uid"
#define ATTR_GID PREFIX "gid"
#define ATTR_MODE PREFIX "mode"
#define ATTR_RDEV PREFIX "rdev"

static const struct {
	const char *guest, *host;
} acl_names[] = {
	{"system.posix_acl_access", PREFIX "system.posix_acl_access"},
	{"system.posix_acl_default", PREFIX "system.posix_acl_default"},
};

#define N_ACL_NAMES (sizeof(acl_names) / sizeof(*acl_names))

static struct str name_of(const char *s)
{
	return str_of(s, strlen(s));
}

static void put_le(uint8_t *p, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

/* Not there, or on a file that cannot have it. */
static bool is_absent(int r)
{
	return r == -ENODATA || r == -EOPNOTSUPP || r == -EPERM || r == -EACCES || r == -ERANGE;
}

/* *VALUE stays as it is where the attribute is missing, or of another size than N. */
static int get_le(struct node *lower, const struct call *c, const char *name, size_t n,
		  uint64_t *value)
{
	uint8_t bytes[8];
	uint64_t v = 0;
	size_t size;
	int r = backend_call(lower, xattr_get, c, name_of(name), bytes, sizeof(bytes), &size);

	if (r)
		return is_absent(r) ? 0 : r;
	if (size != n)
		return 0;
	while (n--)
		v = v << 8 | bytes[n];
	*value = v;
	return 0;
}

static int get_u32(struct node *lower, const struct call *c, const char *name, uint32_t *value)
{
	uint64_t v = *value;
	int r = get_le(lower, c, name, 4, &v);

	*value = (uint32_t)v;
	return r;
}

/* What the host has a directory for is one; a name for it that is none of a type is not believed. */
static uint32_t believed_mode(uint32_t mode, uint32_t host_mode)
{
	if (S_ISDIR(host_mode) || S_ISDIR(mode) || !(mode & S_IFMT))
		return (mode & 07777) | (host_mode & S_IFMT);
	return mode;
}

int meta_read(struct node *lower, const struct call *c, const struct attr *a, struct meta *ret_m)
{
	struct meta m = {a->uid, a->gid, a->mode, a->mode, a->rdev};
	int r = 0;

	if (S_ISREG(a->mode) || S_ISDIR(a->mode)) {
		r = get_u32(lower, c, ATTR_UID, &m.uid);
		if (!r)
			r = get_u32(lower, c, ATTR_GID, &m.gid);
		if (!r)
			r = get_u32(lower, c, ATTR_MODE, &m.mode);
		m.mode = believed_mode(m.mode, a->mode);
		if (!r && (S_ISCHR(m.mode) || S_ISBLK(m.mode)))
			r = get_le(lower, c, ATTR_RDEV, 8, &m.rdev);
	}
	if (!r)
		*ret_m = m;
	return r;
}

int meta_get(struct node *lower, const struct call *c, struct meta *ret_m)
{
	struct attr a;
	int r = backend_call(lower, getattr, NULL, c, P9_GETATTR_BASIC, &a);

	return r ? r : meta_read(lower, c, &a, ret_m);
}

static int set_u32(struct node *lower, const struct call *c, const char *name, uint32_t value)
{
	uint8_t bytes[4];

	put_le(bytes, value, sizeof(bytes));
	return backend_call(lower, xattr_set, c, name_of(name), bytes, sizeof(bytes), 0);
}

int meta_set_uid(struct node *lower, const struct call *c, uint32_t uid)
{
	return set_u32(lower, c, ATTR_UID, uid);
}

int meta_set_gid(struct node *lower, const struct call *c, uint32_t gid)
{
	return set_u32(lower, c, ATTR_GID, gid);
}

int meta_set_mode(struct node *lower, const struct call *c, uint32_t mode)
{
	return set_u32(lower, c, ATTR_MODE, mode);
}

static void add_attr(struct meta_attrs *a, uint8_t **at, const char *name, uint64_t value, size_t n)
{
	put_le(*at, value, n);
	a->at[a->n++] = (struct make_attr){name, *at, n};
	*at += n;
}

void meta_attrs_of(const struct meta *m, struct meta_attrs *ret_a)
{
	uint8_t *at = ret_a->bytes;

	ret_a->n = 0;
	if (m->uid != P9_NONUNAME)
		add_attr(ret_a, &at, ATTR_UID, m->uid, 4);
	if (m->gid != P9_NONUNAME)
		add_attr(ret_a, &at, ATTR_GID, m->gid, 4);
	add_attr(ret_a, &at, ATTR_MODE, m->mode, 4);
	if (S_ISCHR(m->mode) || S_ISBLK(m->mode))
		add_attr(ret_a, &at, ATTR_RDEV, m->rdev, 8);
}

static bool begins_with(struct str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.len >= n && !memcmp(s.p, prefix, n);
}

int meta_host_name(struct str name, struct str *ret_name)
{
	for (size_t i = 0; i < N_ACL_NAMES; i++) {
		if (str_is(name, acl_names[i].guest)) {
			*ret_name = name_of(acl_names[i].host);
			return 0;
		}
	}
	if (begins_with(name, PREFIX))
		return -ENODATA;
	if (!begins_with(name, "user."))
		return -EOPNOTSUPP;
	*ret_name = name;
	return 0;
}

size_t meta_guest_list(char *list, size_t size)
{
	size_t out = 0, n;

	for (size_t at = 0; at < size; at += n) {
		const char *name = list + at, *shown = name;

		n = strnlen(name, size - at) + 1;
		if (!strncmp(name, PREFIX, strlen(PREFIX)))
			shown = NULL;
		else if (strncmp(name, "user.", 5) != 0)
			continue;
		for (size_t i = 0; !shown && i < N_ACL_NAMES; i++)
			if (!strcmp(name, acl_names[i].host))
				shown = acl_names[i].guest;
		if (!shown)
			continue;
		/* never longer than what it stands for */
		memmove(list + out, shown, strlen(shown) + 1);
		out += strlen(shown) + 1;
	}
	return out;
}
