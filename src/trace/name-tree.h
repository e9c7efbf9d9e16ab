/* SPDX-License-Identifier: MIT */
/* The tree of the names that a connection's messages told, as far as fids, or names below, hold it: a
 * rename moves a name, and with it what is below. Not locked. */
#ifndef TRACE_NAME_TREE_H
#define TRACE_NAME_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "msg.h"
#include "trace-record.h"

/* A name in the tree. It is there while a fid, or a node below it, holds it. */
struct name {
	struct name *parent; /* a reference; NULL: a root */
	struct name *next;   /* in its chain of the table of names */
	uint32_t refs;
	uint32_t hash;
	bool is_listed; /* in the table: it was not removed, nor replaced */
	uint64_t moves; /* name_tree.moves when TEXT was made */
	char *text;	/* NULL: not made */
	uint32_t text_len;
	struct trace_cookie cookie;
	uint16_t len;
	char *name;
};

struct name_tree {
	struct name **chains; /* by parent and name */
	uint32_t n_names, n_chains;
	uint64_t moves;
};

/* 0 or -ENOMEM. */
int name_tree_init(struct name_tree *t);

/* All references were given back. */
void name_tree_done(struct name_tree *t);

/* A name that is not in the table, with one reference; PARENT may be NULL. NULL when memory is out. */
struct name *name_new(struct name *parent, struct str name);

/* A reference on NAME in PARENT. NULL when memory is out. */
struct name *name_get(struct name_tree *t, struct name *parent, struct str name);
void name_unref(struct name_tree *t, struct name *n);

/* No reference; NULL when there is none. */
struct name *name_find(const struct name_tree *t, const struct name *parent, struct str name);

/* It was removed, or replaced: who holds it keeps it. */
void name_unlist(struct name_tree *t, struct name *n);

/* N is now NAME in PARENT; what was there is there no more. */
void name_move(struct name_tree *t, struct name *n, struct name *parent, struct str name);

/* From its root on, which is "/". Valid until the tree changes. */
struct trace_text name_path(struct name_tree *t, struct name *n);

/* A hash of V. */
uint32_t name_mix(uint64_t v);

#endif
