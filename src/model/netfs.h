/* SPDX-License-Identifier: MIT */
/* A read request of netfs: models fs/netfs/buffered_read.c, direct_read.c and read_collect.c, and
 * v9fs_issue_read of fs/9p/vfs_addr.c. */
#ifndef MODEL_NETFS_H
#define MODEL_NETFS_H

#include "p9-client.h"
#include "page-cache.h"

/* What a mount and an open file of it have; the ctx of a mapping's ops. */
struct v9fs_file {
	struct p9_fid *fid;
	const struct kernel_rules *rules;
	uint64_t zero_point; /* no byte from here on has to be asked for */
	struct recorder *rec;
};

extern const struct address_space_ops netfs_ops;

/* A read past the page cache into the program's memory. Returns how many bytes came, or -errno. */
ssize_t netfs_unbuffered_read(const struct v9fs_file *v, uint64_t pos, size_t count,
			      const struct vbuf *buf);

#endif
