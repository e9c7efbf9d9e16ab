/* SPDX-License-Identifier: MIT */
/* Which files of a package with debug information belong to a kernel, and whether they really do. */
#ifndef LAB_SYMBOLS_CHECK_H
#define LAB_SYMBOLS_CHECK_H

#include <stddef.h>

#include "symbols-unpack.h"

struct kernel;

/* What to look for; the ways to write a path that releases of Debian have come one after another. */
struct symbols_list {
	struct wanted_file *files;
	size_t n;
	char **words; /* what the files point to */
};

/* For the kernel RELEASE: "vmlinux", and "modules/NAME.ko" for each of the module files MODULES
 * ("kernel/fs/9p/9p.ko.xz"). */
int symbols_list_make(const char *release, const char *const *modules, struct symbols_list *ret_l);
void symbols_list_done(struct symbols_list *l);

/* Was all of it found? -ENOENT: not in PACKAGE. */
int symbols_list_check(const struct symbols_list *l, const char *package, char **ret_why);

/* Are the files in DIR those of the kernel and its MODULES, by their build-ids? -ESTALE: not. */
int symbols_check(const struct kernel *k, const char *dir, const char *const *modules,
		  char **ret_why);

#endif
