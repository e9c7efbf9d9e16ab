/* SPDX-License-Identifier: MIT */
/* Guest kernels: Debian's stock images and our own builds, each a folder of the cache with a
 * manifest. Nothing is installed, nothing needs root. */
#ifndef LAB_KERNEL_H
#define LAB_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* DIR/image is the kernel (bzImage, or UML's program); DIR/modules/lib/modules/RELEASE (or
 * .../usr/lib/modules/RELEASE) its modules, if it has any; DIR/manifest the fields below as
 * "key value" lines, with sha256, config and origin as well. */
struct kernel {
	char *name;	/* what --kernel takes: "6.12-uml", "6.1", "6.12-bookworm-backports" ... */
	char *release;	/* uname -r: "6.12.95+deb12-amd64" */
	char *version;	/* for people: "6.12.95" */
	char *build_id; /* hex, may be "" */
	char *dir;	/* absolute */
	char *image;	/* absolute */
	char *modules;	/* absolute: the folder that holds modules.dep, NULL if there are none */
	char *vmlinux;	/* absolute: the program with DWARF, NULL if there is none */
	char *gdb_scripts; /* absolute: the folder that holds vmlinux-gdb.py, NULL without */
	char *sources;	   /* absolute: the folder that DWARF calls /linux, NULL without */
	char *edits;	   /* the fixes undone: "folioq-offset,...", or "none", or "" */
	bool is_uml;
	bool is_outside; /* a file of the user's, not of the cache: nothing is put beside it */
};

void kernel_free(struct kernel *k);

/* The cache folder: $WARREN_CACHE, else $XDG_CACHE_HOME/warren, else ~/.cache/warren; created.
 * The caller frees it. 0 or -errno. */
int lab_cache_dir(char **ret_dir);

/* The kernel NAME (a name of kernel-names.h, with the suffixes of kernel-spec.h) from the cache. 0,
 * -ENOENT if it is not there. */
int kernel_find(const char *name, struct kernel **ret_k);

/* The names of the kernels in the cache that have something done to them (-without-..., -kasan,
 * -patch-...), sorted. The caller frees it with strv_free. */
int kernel_find_variants(char ***ret_names);

/* The kernel NAME, fetched or built first if the cache has none, with progress lines on stderr.
 * NULL or "" means the default of the guest: UML's newest, or for !UML Debian's 6.12.
 * On failure *RET_WHY (the caller frees it) says in one line what is missing and what to do.
 * -EINTR when a signal handler ran meanwhile: nothing is left behind. */
int kernel_get(const char *name, bool uml, struct kernel **ret_k, char **ret_why);

/* As kernel_get with a patch FILE besides: the name gets the suffix -patch-HASH. */
int kernel_get_patched(const char *name, bool uml, const char *file, struct kernel **ret_k,
		       char **ret_why);

/* As kernel_get, but asks the mirror for a newer one even if the cache has one. */
int kernel_update(const char *name, bool uml, struct kernel **ret_k, char **ret_why);

/* A folder that holds another Debian release's QEMU, unpacked, not installed: fetched first if the
 * cache has none. RET_ARGV receives the words that start its qemu-system-x86_64 (its own loader and
 * library path included), NULL-terminated; free with strv_free. */
int lab_qemu_get(const char *name, char ***ret_argv, char **ret_why);

#endif
