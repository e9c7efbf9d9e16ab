/* SPDX-License-Identifier: MIT */
/* Writes a folder as a tar archive (POSIX pax, of which nothing but long names is used), plain or packed
 * with Zstandard. Equal content gives equal bytes: names are sorted, all belongs to root, and every time is
 * the same. */
#ifndef LAB_TAR_H
#define LAB_TAR_H

#include <signal.h>
#include <stdio.h>

/* Folders, regular files and symbolic links beneath DIR, with TOP in place of DIR's own name; of modes only the
 * owner's x counts. 0 or -errno: -EINTR once *STOP (may be NULL) is not 0, -EFBIG for
 * a file of 8 GiB or more. */
int tar_write_tree(FILE *f, const char *dir, const char *top, const volatile sig_atomic_t *stop);

/* A stream that packs what is written to it into OUT, which stays the caller's and open. fclose ends it; errors
 * show there at the latest. NULL with errno. */
FILE *zstd_open(FILE *out, int level);

#endif
