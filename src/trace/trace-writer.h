/* SPDX-License-Identifier: MIT */
/* Writes a recording.
 *
 * Theory of operation. Records are encoded into a block in memory, under a lock that is held for
 * no more than that. A full block goes to a thread, which alone touches the disk; a block that does
 * not fill goes there a tenth of a second after its first record, so that a server that is killed
 * takes no more than that with it. When the disk does not keep up, records are thrown away rather
 * than requests held up, and the recording says how many.
 *
 * A recording of limited size has two parts, FILE.1 and FILE: when FILE has half of the size it
 * becomes FILE.1. So the newest half at least is always there.
 */
#ifndef TRACE_TRACE_WRITER_H
#define TRACE_TRACE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "trace-record.h"

struct trace_writer;

struct trace_writer_config {
	const char *path;
	uint64_t max_size;    /* of all parts, 0: unlimited; at least TRACE_MIN_SIZE */
	bool keep_data;	      /* payloads, not only their digests */
	uint64_t max_waiting; /* bytes that may wait for the disk, 0: 64 MiB */
	bool start_later;     /* nothing goes to the disk before trace_writer_start */
	/* PATH's folder, for when paths lead nowhere any more; 0: there is no need. Stays the
	 * caller's, as long as the writer lives. */
	int dir_fd;
	/* The recording ends here, for WHAT: from the writer's thread, once. */
	void (*failed)(void *arg, const char *what);
	void *arg;
};
#define TRACE_MIN_SIZE (1U << 20)

/* Makes the file, replacing one that is there. On failure *RET_WHY (the caller frees it) says in
 * one line what to do. */
int trace_writer_new(const struct trace_writer_config *cfg, struct trace_writer **ret_w,
		     char **ret_why);

/* Starts the thread of a writer with start_later, once. */
int trace_writer_start(struct trace_writer *w);

/* From any thread. The texts' cookies are used under the writer's lock; who changes them must not
 * be in here with the same. */
void trace_write(struct trace_writer *w, const struct trace_record *r);

struct trace_writer_stats {
	uint64_t records, lost, bytes; /* bytes: written, in all parts, old ones too */
};
void trace_writer_get_stats(struct trace_writer *w, struct trace_writer_stats *ret);

/* Writes what is left, and the index. 0, or the -errno that had ended the recording. */
int trace_writer_free(struct trace_writer *w);

#endif
