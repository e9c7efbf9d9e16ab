/* SPDX-License-Identifier: MIT */
/* The few files that we need of a package with debug information, out of a stream of some GB that
 * never touches the disk. */
#ifndef LAB_SYMBOLS_UNPACK_H
#define LAB_SYMBOLS_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache_work;
struct progress;

/* A file to look for. */
struct wanted_file {
	const char *end; /* its path in the archive ends with this, from a slash on */
	const char *to;	 /* its name in our folder; with several ends for one, any will do */
	bool is_found;
};

/* Writes those files of the tar archive that can be read from FD into the folder DIR, until all
 * are there, or the archive ends: what is missing then is not is_found, and no error. PROGRESS may be
 * NULL; TOTAL is the archive's size in bytes, 0 if unknown. 0, or -errno: -EBADMSG when it is no
 * tar archive, -EINTR after a signal. */
int untar_wanted(int fd, const char *dir, struct wanted_file *wanted, size_t n,
		 struct progress *progress, uint64_t total);

/* The same from the Debian package DEB. */
int deb_unpack_wanted(const char *deb, const char *dir, struct wanted_file *wanted, size_t n,
		      struct progress *progress, uint64_t total, char **ret_why);

#endif
