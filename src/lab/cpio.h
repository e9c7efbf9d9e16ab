/* SPDX-License-Identifier: MIT */
/* Writes an archive in the format that the kernel unpacks as its first file system: cpio "newc"
 * (Linux Documentation/driver-api/early-userspace/buffer-format.rst). Equal input gives equal
 * bytes: all belongs to root, and time stamps are 0. */
#ifndef LAB_CPIO_H
#define LAB_CPIO_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct cpio {
	FILE *f;	  /* the caller's */
	unsigned entries; /* so far: inode numbers are counted from 1 */
};

/* Each adds one entry. NAME has no leading slash, and the folders that it needs come before it.
 * MODE has the permission bits. 0, or -errno: -ENAMETOOLONG, -EFBIG for what the format cannot
 * hold, else what writing failed with. */
int cpio_add_dir(struct cpio *c, const char *name, mode_t mode);
int cpio_add_file(struct cpio *c, const char *name, mode_t mode, const void *data, size_t n);
int cpio_add_char_device(struct cpio *c, const char *name, mode_t mode, unsigned major,
			 unsigned minor);

int cpio_add_link(struct cpio *c, const char *name, const char *target);

/* The trailer, and everything out to the file. */
int cpio_finish(struct cpio *c);

#endif
