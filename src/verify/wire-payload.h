/* SPDX-License-Identifier: MIT */
/* Judges messages that carry bytes of a file, for one finding.
 *
 * Payloads are recorded as digests of the blocks of their file that they cover; the first and the last
 * block may be covered in part. Each is compared with the digest of exactly those bytes of the host's
 * file. */
#ifndef VERIFY_WIRE_PAYLOAD_H
#define VERIFY_WIRE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire-listing.h"
#include "wire-request.h"

struct exchange;
struct manifest;
struct node;
struct trace_record;
struct wire_facts;

#define WIRE_LOST_MAX 64 /* blocks of Twrites that the host does not hold, of one finding */

/* A finding, and what is needed to judge requests about it. */
struct wire_asked {
	struct wire_facts *facts;
	char *path; /* as a recording has it; of the folder, when its listings are asked for */
	bool is_folder;
	struct wire_listing listing;
	const struct node *node;
	struct manifest *m;
	int fd; /* the host's file; -1: it has no bytes, or not yet opened */
	bool is_opened;
	struct wire_request last; /* Tread */
	bool has_last;
	struct wire_lost {
		uint64_t from, to;
		struct wire_request by;
	} lost[WIRE_LOST_MAX];
	size_t n_lost;
};

/* Of its walk: a Tread that was answered. Q is E's request. */
void wire_take_read(struct wire_asked *a, const struct exchange *e, const struct wire_request *q);

/* Of before the walk: a Twrite that was answered. What a later one covers anew is not lost. */
void wire_take_write(struct wire_asked *a, const struct exchange *e, const struct wire_request *q);

/* Did this message, of before the walk, carry the block that the guest still has? */
void wire_look_for_old(struct wire_asked *a, const struct wire_request *q,
		       const struct trace_record *r);

/* There are no more Twrites. */
void wire_end_writes(struct wire_asked *a);

#endif
