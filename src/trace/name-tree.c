/* SPDX-License-Identifier: MIT */
#include "name-tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"

#define FIRST 64u /* a power of two */

int name_tree_init(struct name_tree *t)
{
	*t = (struct name_tree){.chains = calloc(FIRST, sizeof(struct name *)), .n_chains = FIRST};
	return t->chains ? 0 : -ENOMEM;
}

void name_tree_done(struct name_tree *t)
{
	free(t->chains);
}

uint32_t name_mix(uint64_t v)
{
	v = (v ^ v >> 32) * 0x9e3779b97f4a7c15;
	return (uint32_t)(v >> 32);
}

static uint32_t hash_of(const struct name *parent, const char *name, size_t len)
{
	uint64_t h = (uintptr_t)parent;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 0x100000001b3;
	return name_mix(h);
}

void name_unlist(struct name_tree *t, struct name *n)
{
	struct name **at = &t->chains[n->hash & (t->n_chains - 1)];

	if (!n->is_listed)
		return;
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	n->is_listed = false;
	t->n_names--;
}

static void put_in(struct name_tree *t, struct name *n)
{
	struct name **at = &t->chains[n->hash & (t->n_chains - 1)];

	n->next = *at;
	*at = n;
}

static void grow_names(struct name_tree *t)
{
	struct name **old = t->chains;
	uint32_t n_old = t->n_chains;
	struct name **more = calloc((size_t)n_old * 2, sizeof(struct name *));

	if (!more)
		return;
	t->chains = more;
	t->n_chains = n_old * 2;
	for (uint32_t i = 0; i < n_old; i++)
		for (struct name *n = old[i], *next; n; n = next) {
			next = n->next;
			put_in(t, n);
		}
	free(old);
}

static void list_node(struct name_tree *t, struct name *n)
{
	n->hash = hash_of(n->parent, n->name, n->len);
	if (t->n_names >= t->n_chains)
		grow_names(t);
	put_in(t, n);
	n->is_listed = true;
	t->n_names++;
}

struct name *name_find(const struct name_tree *t, const struct name *parent, struct str name)
{
	uint32_t hash = hash_of(parent, name.p, name.len);

	for (struct name *n = t->chains[hash & (t->n_chains - 1)]; n; n = n->next)
		if (n->hash == hash && n->parent == parent && n->len == name.len &&
		    !memcmp(n->name, name.p, name.len))
			return n;
	return NULL;
}

void name_unref(struct name_tree *t, struct name *n)
{
	while (n && --n->refs == 0) {
		struct name *parent = n->parent;

		name_unlist(t, n);
		free(n->text);
		free(n->name);
		free(n);
		n = parent;
	}
}

struct name *name_new(struct name *parent, struct str name)
{
	autofree struct name *n = calloc(1, sizeof(*n));

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

struct name *name_get(struct name_tree *t, struct name *parent, struct str name)
{
	struct name *n;

	if (str_is(name, "..")) {
		n = parent->parent ? parent->parent : parent;
		n->refs++;
		return n;
	}
	n = name_find(t, parent, name);
	if (n) {
		n->refs++;
		return n;
	}
	n = name_new(parent, name);
	if (n)
		list_node(t, n);
	return n;
}

/* The end of a path that is too long is what tells most. */
static uint32_t put_path(const struct name *n, char *to)
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

static void make_text(struct name_tree *t, struct name *n)
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
	n->moves = t->moves;
}

struct trace_text name_path(struct name_tree *t, struct name *n)
{
	if (!n->text || n->moves != t->moves)
		make_text(t, n);
	return (struct trace_text){.p = n->text, .len = n->text_len, .cookie = &n->cookie};
}

void name_move(struct name_tree *t, struct name *n, struct name *parent, struct str name)
{
	struct name *there = name_find(t, parent, name), *old_parent = n->parent;
	char *copy = malloc(name.len + 1u);

	/* a node cannot go below itself */
	const struct name *up = parent;
	while (up != n && up->parent)
		up = up->parent;
	if (!copy || up == n || n == there || !old_parent) {
		free(copy);
		return;
	}
	if (there)
		name_unlist(t, there);
	name_unlist(t, n);
	memcpy(copy, name.p, name.len);
	free(n->name);
	n->name = copy;
	n->len = name.len;
	n->parent = parent;
	parent->refs++;
	list_node(t, n);
	name_unref(t, old_parent);
	t->moves++;
}
