/* SPDX-License-Identifier: MIT */
/* What filters have in common: a backend that passes every operation on to another one. A filter
 * takes pass_ops and puts its own functions in the place of some. Internal to filter. */
#ifndef FILTER_PASS_H
#define FILTER_PASS_H

#include "backend.h"

struct pass {
	struct backend backend; /* first */
	struct backend *lower;
	struct backend_ops ops; /* that nodes and files have: pass_ops, but for the filter's own */
};

struct pass_node {
	struct node node; /* first */
	struct pass *pass;
	struct node *lower; /* a reference */
	char *name;	    /* of the last component, "" for the root */
};

struct pass_file {
	struct file file;	/* first */
	struct pass_node *node; /* a reference */
	struct file *lower;	/* a reference */
};

extern const struct backend_ops pass_ops;

/* P, on LOWER, which it takes over. The filter may change p->ops before the first attach. */
void pass_init(struct pass *p, struct backend *lower);

static inline struct pass_node *pass_node(struct node *n)
{
	return (struct pass_node *)(void *)n;
}

static inline struct pass_file *pass_file(struct file *f)
{
	return (struct pass_file *)(void *)f;
}

#endif
