/* SPDX-License-Identifier: MIT */
/* Attributes of the files in /tmp of synth. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "synth-impl.h"

struct tmp_xattr {
	struct list link;
	uint16_t name_len;
	size_t size;
	char bytes[]; /* the name, then the value */
};

static struct tmp_xattr *find_locked(const struct tmp_file *t, struct str name)
{
	list_for_each (it, &t->xattrs) {
		struct tmp_xattr *x = list_entry(it, struct tmp_xattr, link);

		if (x->name_len == name.len && !memcmp(x->bytes, name.p, name.len))
			return x;
	}
	return NULL;
}

static void free_xattr(struct tmp_xattr *x)
{
	list_del(&x->link);
	free(x);
}

void tmp_free_xattrs(struct tmp_file *t)
{
	while (!list_is_empty(&t->xattrs))
		free_xattr(list_first(&t->xattrs, struct tmp_xattr, link));
}

/* Copies if there is room; 0, or -ERANGE when there is some but too little. */
static int append(char *buf, size_t cap, size_t *at, const void *p, size_t n)
{
	if (cap && (*at > cap || n > cap - *at))
		return -ERANGE;
	if (cap)
		memcpy(buf + *at, p, n);
	*at += n;
	return 0;
}

static int list_locked(const struct tmp_file *t, char *buf, size_t cap, size_t *size)
{
	int r = 0;

	list_for_each (it, &t->xattrs) {
		struct tmp_xattr *x = list_entry(it, struct tmp_xattr, link);

		if (!r)
			r = append(buf, cap, size, x->bytes, x->name_len);
		if (!r)
			r = append(buf, cap, size, "", 1);
	}
	return r;
}

static int check(const struct synth_node *n, int otherwise)
{
	int r = synth_error(n);

	return r ? r : n->tmp ? 0 : otherwise;
}

int tmp_xattr_get(struct node *node, const struct call *c, struct str name, void *buf, size_t cap,
		  size_t *ret_size)
{
	struct synth_node *n = synth_node(node);
	const struct tmp_xattr *x;
	size_t size = 0;
	int r = check(n, name.len ? -ENODATA : 1);

	(void)c;
	if (r == 1) {
		*ret_size = 0;
		return 0;
	}
	if (r)
		return r;
	pthread_mutex_lock(&n->synth->lock);
	if (!name.len)
		r = list_locked(n->tmp, buf, cap, &size);
	else if (!(x = find_locked(n->tmp, name)))
		r = -ENODATA;
	else
		r = append(buf, cap, &size, x->bytes + x->name_len, x->size);
	pthread_mutex_unlock(&n->synth->lock);
	if (!r)
		*ret_size = size;
	return r;
}

static int set_locked(struct tmp_file *t, struct str name, const void *value, size_t size,
		      uint32_t flags)
{
	struct tmp_xattr *old = find_locked(t, name), *x;

	if (old && flags & XATTR_CREATE)
		return -EEXIST;
	if (!old && flags & XATTR_REPLACE)
		return -ENODATA;
	x = malloc(sizeof(*x) + name.len + size);
	if (!x)
		return -ENOMEM;
	x->name_len = name.len;
	x->size = size;
	memcpy(x->bytes, name.p, name.len);
	if (size)
		memcpy(x->bytes + name.len, value, size);
	list_add_tail(&t->xattrs, &x->link);
	if (old)
		free_xattr(old);
	return 0;
}

int tmp_xattr_set(struct node *node, const struct call *c, struct str name, const void *value,
		  size_t size, uint32_t flags)
{
	struct synth_node *n = synth_node(node);
	int r = check(n, -EROFS);

	(void)c;
	if (!r && (!name.len || name.len > 255))
		r = -ERANGE;
	if (!r && size > 65536)
		r = -E2BIG;
	if (r)
		return r;
	pthread_mutex_lock(&n->synth->lock);
	r = set_locked(n->tmp, name, value, size, flags);
	if (!r)
		tmp_touch_locked(n->synth, n->tmp);
	pthread_mutex_unlock(&n->synth->lock);
	return r;
}

int tmp_xattr_remove(struct node *node, const struct call *c, struct str name)
{
	struct synth_node *n = synth_node(node);
	struct tmp_xattr *x;
	int r = check(n, -EROFS);

	(void)c;
	if (r)
		return r;
	pthread_mutex_lock(&n->synth->lock);
	x = find_locked(n->tmp, name);
	if (x)
		free_xattr(x);
	pthread_mutex_unlock(&n->synth->lock);
	return x ? 0 : -ENODATA;
}
