/* SPDX-License-Identifier: MIT */
/* A record: what a recording says of one message, or of a connection. */
#ifndef TRACE_TRACE_RECORD_H
#define TRACE_TRACE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "route.h"

/* Payloads are digested in blocks of so many bytes of the *file*: where Tread or Twrite start in
 * the middle of one, the first digest is of its rest. So they compare with a file's. */
#define TRACE_BLOCK 4096U
/* Of a message without its payload so much is recorded. */
#define TRACE_MAX_HEAD 65536U
/* Longer payloads are recorded as if they were no longer. */
#define TRACE_MAX_PAYLOAD (16U << 20)
#define TRACE_MAX_PATH 4096U

enum trace_kind {
	TRACE_OPENED = 1, /* a connection */
	TRACE_CLOSED,
	TRACE_REQUEST,
	TRACE_REPLY,
	TRACE_DROPPED, /* a request will get no reply: it was flushed, or its session is over */
	TRACE_LOST,    /* records that are not here: the disk was too slow */
	TRACE_KINDS,
};

/* Where a text stands in the block that is written; zeroed: nowhere. */
struct trace_cookie {
	uint64_t block;
	uint32_t index;
};

/* A view. P is NULL when there is none. */
struct trace_text {
	const char *p;
	uint32_t len;
	struct trace_cookie *cookie; /* for the writer, may be NULL */
};

struct trace_record {
	enum trace_kind kind;
	bool is_unverified;	/* read from a damaged block */
	bool is_reply_unlogged; /* only its failure would be told: from a log of QEMU */
	uint64_t time;		/* ns of the writer's CLOCK_MONOTONIC */
	uint32_t conn;
	struct trace_text peer; /* "tcp 127.0.0.1:4711" */

	/* TRACE_REQUEST, TRACE_REPLY, TRACE_DROPPED (the header of the request). */
	const uint8_t *head; /* the message without its payload */
	uint32_t head_len;
	uint32_t payload_len;
	uint32_t grid;		 /* offset of the payload in its file, modulo TRACE_BLOCK */
	const uint8_t *data;	 /* the payload if it is recorded, else NULL and */
	const uint8_t *digest;	 /* its digests: trace_digest reads them */
	const struct iovec *iov; /* for the writer: the payload */
	int n_iov;
	/* Parts of the payload lay in the same memory of the guest, who gave it: the digests are of what was
	 * there at the end, not of what was sent. */
	bool overlaps;

	struct trace_text path[2]; /* TRACE_REQUEST: of its first and second fid */
	bool has_route;		   /* TRACE_REQUEST */
	struct route route;
	uint64_t queue, service; /* TRACE_REPLY: ns before and after its handler (last) began */
	uint64_t lost;		 /* TRACE_LOST: how many */
};

/* The digests of a payload of LEN bytes. */
static inline uint32_t trace_n_digests(uint32_t grid, uint32_t len)
{
	return len ? (grid + len + TRACE_BLOCK - 1) / TRACE_BLOCK : 0;
}

/* Is anything of R's payload known? */
static inline bool trace_has_digests(const struct trace_record *r)
{
	return r->payload_len && (r->data || r->digest);
}

/* The I-th digest of R's payload, also where the payload itself is recorded. */
uint64_t trace_digest(const struct trace_record *r, uint32_t i);

/* Digests the N_IOV parts, LEN bytes of them, to RET as bytes, 8 for each of trace_n_digests. */
void trace_digest_parts(const struct iovec *iov, int n_iov, uint32_t grid, uint32_t len,
			uint8_t *ret);

/* Do the first LEN bytes of the N_IOV parts lie in the same memory anywhere? */
bool trace_parts_overlap(const struct iovec *iov, int n_iov, uint32_t len);

#endif
