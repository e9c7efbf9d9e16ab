/* SPDX-License-Identifier: MIT */
/* The host's side of one name: opened component by component, digested with its holes skipped. */
#ifndef VERIFY_HOST_FILE_H
#define VERIFY_HOST_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "runs.h"

struct node;

/* Opens node N beneath ROOT_FD; no symbolic link is followed. FLAGS as for openat; O_PATH for what
 * may be no file or folder. A descriptor or -errno. */
int host_open(int root_fd, const struct node *n, int flags);
int host_stat(int root_fd, const struct node *n, struct stat *ret_st);

/* Digests all of FD, in pieces; ends with -ECANCELED when *STOP gets true. DONE, if not NULL, is
 * raised by the bytes as they pass. */
int host_digest(int fd, atomic_bool *stop, _Atomic uint64_t *done, struct runs *runs,
		uint64_t *ret_length);

enum host_state {
	HOST_SAME,    /* as the manifest says */
	HOST_CHANGED, /* gone, or of another type, size or mtime: it was changed meanwhile */
	HOST_SILENT,  /* other bytes, though size and mtime are what they were */
};

/* Compares the host's N with what the manifest says of it, now; with its bytes if WITH_CONTENT.
 * RET_NOW, if not NULL, gets the digests as they are now; runs_done it. */
enum host_state host_recheck(int root_fd, const struct node *n, bool with_content,
			     struct runs *ret_now);

#endif
