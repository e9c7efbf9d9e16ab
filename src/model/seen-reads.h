/* SPDX-License-Identifier: MIT */
/* A recording of what a debugger saw in a kernel (calls of p9_client_read_once), done once more by
 * the model: does its cursor go where the kernel's went, and which bytes are lost on the way? */
#ifndef MODEL_SEEN_READS_H
#define MODEL_SEEN_READS_H

#include "model.h"

struct seen_cursor {
	uint64_t slot, iov_offset, count;
};

/* One call, over a folio_queue. */
struct seen_read {
	uint64_t offset, asked, count; /* bytes of the Tread, and those that came */
	uint64_t iounit, msize;
	bool zero_copy;
	bool is_first; /* of a netfs request; else it goes on where the one before ended */
	struct seen_cursor before, after;
	const uint64_t *queue; /* sizes of the folios from slot 0 of the cursor's segment on */
	size_t n_queue;
};

/* All N of one file, in order. *RET_M is the caller's; *RET_DIFFERENT is how many of them ended
 * in the model with another cursor, or were another Tread. 0, -EINVAL when they make no sense or
 * are too large for the model, or -errno. */
int seen_reads_run(const struct kernel_rules *rules, const struct seen_read *list, size_t n,
		   struct model **ret_m, size_t *ret_different);

#endif
