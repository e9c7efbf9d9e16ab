/* SPDX-License-Identifier: MIT */
/* A source folder with its objects. Those of the debug kernels stay in the cache after a build,
 * build/NAME/, so that a variant costs the files that it changes: the newest two. */
#ifndef LAB_KERNEL_TREE_H
#define LAB_KERNEL_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "cache.h"

struct apt_package;

/* Always at the same place: the compiler's command lines have its path. */
struct kernel_tree {
	char *dir, *src;
	/* Of the source in it; NULL when there is none to go on with. */
	char *package, *version, *suite;
};

#define KERNEL_TREE_INIT \
	{                \
		0        \
	}

/* The tree NAME, whose lock the caller has. HASH is that of the configuration; what was built with
 * another one is removed. From here on, until kernel_tree_keep, nothing of it counts. */
int kernel_tree_open(const char *cache, const char *name, const char *hash,
		     struct kernel_tree *ret_t);

/* It is complete, and the source as Debian has it: the next build may go on from here. The oldest
 * trees beyond two are removed. */
int kernel_tree_keep(const struct kernel_tree *t, const char *hash);

/* Notes the package that its source is from. */
int kernel_tree_set(struct kernel_tree *t, const struct apt_package *p);

int kernel_tree_drop(const struct kernel_tree *t);
void kernel_tree_done(struct kernel_tree *t);

/* The bytes of all trees; removes them when REMOVE is true. A tree that another process builds in
 * stays. */
int kernel_trees_size(bool remove, uint64_t *ret_bytes);

#endif
