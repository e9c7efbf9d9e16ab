/* SPDX-License-Identifier: MIT */
/* The 9P client's read: models p9_client_read and p9_client_read_once of net/9p/client.c, and the
 * zero-copy request of net/9p/trans_virtio.c. */
#ifndef MODEL_P9_CLIENT_H
#define MODEL_P9_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iov-iter.h"
#include "events.h"

#define P9_IOHDRSZ 24U		/* what msize has on top of the data of a read */
#define P9_ZERO_COPY_OVER 1024U /* reads of more bytes go by zero-copy */

/* The far end: a file's bytes. */
struct p9_server {
	const unsigned char *bytes;
	uint64_t size;
	uint32_t reply_limit; /* it answers no more than this; 0: all that is asked for */
};

struct p9_client {
	uint32_t msize;
	bool has_zc_request; /* the transport is virtio */
};

struct p9_fid {
	const struct p9_client *clnt;
	const struct p9_server *server;
	uint32_t iounit;
	struct recorder *rec;
};

/* Bytes of one Tread at most. */
uint32_t p9_client_rsize(const struct p9_fid *fid, size_t count);

/* Both return how many bytes came, or -EFAULT when there was no place for them. */
ssize_t p9_client_read_once(const struct p9_fid *fid, uint64_t offset, struct iov_iter *to);
ssize_t p9_client_read(const struct p9_fid *fid, uint64_t offset, struct iov_iter *to);

/* Fills the next N bytes with zeros; OFFSET is their place in the file. */
size_t iov_iter_zero(struct recorder *rec, uint64_t offset, size_t n, struct iov_iter *i);

#endif
