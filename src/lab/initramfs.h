/* SPDX-License-Identifier: MIT */
/* A guest's first file system: /init is the probe, /job what it does, /modules what it inserts, and
 * perhaps programs of the host. */
#ifndef LAB_INITRAMFS_H
#define LAB_INITRAMFS_H

#include <stddef.h>

struct initramfs {
	const char *probe;	    /* a static program */
	const char *const *modules; /* files in the order of insertion, NULL-terminated */
	const char *modules_dir;    /* which those are relative to */
	const char *job;	    /* what follows the "module" statements */
	const char *const
		*files; /* of the host, each where it is there; NULL-terminated, or NULL */
};

/* Writes the archive to PATH (mode 0600). 0, or -errno with *RET_WHAT (the caller frees it) the
 * file that could not be read or written. */
int initramfs_write(const struct initramfs *i, const char *path, char **ret_what);

#endif
