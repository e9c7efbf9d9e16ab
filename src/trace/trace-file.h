/* SPDX-License-Identifier: MIT */
/* The file that a recording is written to: blocks, rotation, the index. Internal to trace. */
#ifndef TRACE_TRACE_FILE_H
#define TRACE_TRACE_FILE_H

#include "trace-format.h"
#include "trace-writer.h"

struct trace_file;

int trace_file_new(const struct trace_writer_config *cfg, struct trace_file **ret_f,
		   char **ret_why);

/* Fills in the block's head and writes it, to a new part if this one has its size. After a failure,
 * which is -errno, every other call fails with the same. */
int trace_file_append(struct trace_file *f, struct trace_block *b);

/* Written so far; from any thread. */
uint64_t trace_file_bytes(const struct trace_file *f);

/* Writes the index. 0, or the first failure. */
int trace_file_close(struct trace_file *f);

#endif
