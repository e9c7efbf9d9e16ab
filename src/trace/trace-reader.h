/* SPDX-License-Identifier: MIT */
/* Reads a recording, as far as it can be read. Nothing in it is trusted. */
#ifndef TRACE_TRACE_READER_H
#define TRACE_TRACE_READER_H

#include "trace-format.h"

struct trace_reader;

/* Opens FILE and, where FILE.1 is the part before it, that too. On failure *RET_WHY (the caller
 * frees it) says in one line what to do: -EBADMSG when it is no recording. */
int trace_reader_open(const char *path, struct trace_reader **ret_r, char **ret_why);
void trace_reader_free(struct trace_reader *r);

/* Start times, flags; zeroed where the file's head is damaged. */
const struct trace_file_head *trace_reader_head(const struct trace_reader *r);

/* Blocks that end before TIME (of the records' clock) need not be read. Before the first next. */
void trace_reader_skip_to(struct trace_reader *r, uint64_t time);

/* The next record; its views live until the next call. 1, 0 at the end, -errno when reading itself
 * failed. What is damaged is left out, or marked (is_unverified), and told at the end. */
int trace_reader_next(struct trace_reader *r, struct trace_record *ret_r);

struct trace_damage {
	unsigned n;		      /* places that are damaged */
	uint64_t bytes;		      /* in them, whose records are lost or not verified */
	uint64_t n_blocks, n_records; /* that were read well */
	bool has_index;		      /* else the writer did not end well, or has not ended */
	char first[160];	      /* what is wrong at the first place, "" if nothing */
};
const struct trace_damage *trace_reader_damage(const struct trace_reader *r);

#endif
