/* SPDX-License-Identifier: MIT */
/* The format of a recording. All numbers are little-endian.
 *
 *	file:   head, blocks, [index block, tail]
 *	head:   magic[8] version[4] flags[4] wall[8] mono[8] id[8] part[4] 0[4] 0[8] sum[8]
 *	block:  magic[4] head_sum[4] length[4] type[4] records[4] 0[4] first_time[8] number[8]
 *	        body_sum[8], then LENGTH bytes
 *	index:  offset[8] first_time[8] length[4] records[4] for each block
 *	tail:   offset[8] of the index block, magic[8]
 *
 * A block stands for itself: the texts that its records name (paths, peers) are in it. So a damaged
 * block takes nothing with it, and a file whose oldest part was thrown away can be read. Its head
 * has a sum of its own: where that is right, the length is, and the next block is found behind it;
 * where it is not, the next right head is looked for. A writer that is killed leaves no index; it
 * is for finding a time quickly, and tells that the end is not missing.
 *
 * A record is a kind[1] flags[1], then numbers as LEB128 (v), times as the difference to the record
 * before, zigzag (z), bytes behind their count (b). Texts are numbered in each block: a number, and
 * the bytes only where it is the next new one.
 *
 *	all:      kind flags time(z) conn(text: conn(v) peer(b))
 *	request:  head(b) [path] [second path] [route] [payload]
 *	reply:    head(b) queue(v) service(v) [payload]
 *	dropped:  head(b)
 *	lost:     count(v)
 *	route:    index(v), out and in: n(v) runs(v) {size(v) n(v)}
 *	payload:  length(v) grid(v), its bytes or digests[8]
 */
#ifndef TRACE_TRACE_FORMAT_H
#define TRACE_TRACE_FORMAT_H

#include <endian.h>
#include <string.h>

#include "trace-record.h"

#define TRACE_MAGIC "\211W9T\r\n\032\n"
#define TRACE_TAIL_MAGIC "W9INDEX\n"
extern const char trace_magic[8], trace_tail_magic[8]; /* without a NUL */
#define TRACE_BLOCK_MAGIC 0x4b423957u
#define TRACE_VERSION 1u
#define TRACE_HEAD_SIZE 64u
#define TRACE_BLOCK_HEAD_SIZE 48u
#define TRACE_INDEX_ENTRY_SIZE 24u
#define TRACE_TAIL_SIZE 16u
/* A block ends when it has reached the first; a single record may make it as long as the second. */
#define TRACE_BLOCK_SIZE (64u << 10)
#define TRACE_MAX_BLOCK (32u << 20)

enum trace_block_type { TRACE_BLOCK_RECORDS, TRACE_BLOCK_INDEX };

enum trace_flag {
	TRACE_HAS_PATH = 1,
	TRACE_HAS_PATH2 = 2,
	TRACE_HAS_ROUTE = 4,
	TRACE_HAS_PAYLOAD = 8,
	TRACE_HAS_DATA = 16, /* not digests */
	TRACE_OVERLAPS = 32, /* as in trace-record.h */
};

struct trace_file_head {
	uint32_t version, flags; /* 1: payloads are recorded */
	uint64_t wall, mono;	 /* the same moment, ns */
	uint64_t id;		 /* of the recording, the same in all its parts */
	uint32_t part;
};

struct trace_block_head {
	uint32_t length, type, n_records;
	uint64_t first_time, number, body_sum;
};

uint64_t trace_sum(const void *p, size_t n);

void trace_put_file_head(const struct trace_file_head *h, uint8_t *to);
/* -EBADMSG when it is none or damaged; -EPROTONOSUPPORT when its version is not ours. */
int trace_get_file_head(const uint8_t *from, struct trace_file_head *ret_h);
void trace_put_block_head(const struct trace_block_head *h, uint8_t *to);
bool trace_get_block_head(const uint8_t *from, struct trace_block_head *ret_h);

/* The block at hand, while it is written. */
struct trace_block {
	struct trace_block *next;
	struct trace_block_head head;
	uint64_t last_time;
	uint32_t n_texts;
	size_t len, cap; /* of bytes, the block's head included */
	uint8_t *bytes;
};

/* Appends R; KEEP_DATA: with its payload, else DIGESTS is what trace_digest_parts made of it.
 * -ENOMEM and nothing is changed. */
int trace_encode(struct trace_block *b, const struct trace_record *r, bool keep_data,
		 const uint8_t *digests);

/* The block at hand, while it is read. */
struct trace_decoder {
	const uint8_t *p, *end;
	uint64_t last_time;
	struct trace_known {
		struct trace_text text;
		uint32_t conn;
	} * texts;
	uint32_t n_texts, cap_texts;
};

/* The next record, whose views are in the block. 1, 0 at its end, -EBADMSG, -ENOMEM. */
int trace_decode(struct trace_decoder *d, struct trace_record *ret_r);

static inline void trace_put32(uint8_t *to, uint32_t v)
{
	v = htole32(v);
	memcpy(to, &v, sizeof(v));
}

static inline void trace_put64(uint8_t *to, uint64_t v)
{
	v = htole64(v);
	memcpy(to, &v, sizeof(v));
}

static inline uint32_t trace_get32(const uint8_t *from)
{
	uint32_t v;

	memcpy(&v, from, sizeof(v));
	return le32toh(v);
}

static inline uint64_t trace_get64(const uint8_t *from)
{
	uint64_t v;

	memcpy(&v, from, sizeof(v));
	return le64toh(v);
}

#endif
