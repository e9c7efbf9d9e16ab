/* SPDX-License-Identifier: MIT */
/* The load generator: many requests in flight on many connections to any 9P2000.L server, and how
 * long they took.
 *
 * Theory of operation
 *
 * A connection has as many lanes as its depth. A lane repeats one operation: a row of load_ops,
 * which is one request or a few, one after the other (open is Twalk, Tlopen, Tclunk). One thread
 * drives all lanes; a reply starts the next step of its lane, and everything that one round of
 * replies has started leaves in one system call.
 *
 * Closed loop: a lane starts again at once. Paced: operations are due at even intervals, whether
 * the server keeps up or not, and an operation's latency counts from the time it was due; so a
 * server that stalls is charged for all that waited (no coordinated omission).
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "histogram.h"

struct link;
struct load_op;

struct load_plan {
	/* A new connection, for DEPTH requests in flight. 0, or -errno and a line in *RET_WHY,
	 * which the caller frees. */
	int (*connect)(void *ctx, unsigned depth, struct link **ret_l, char **ret_why);
	bool one_at_a_time; /* the server takes no second connection */
	void *ctx;
	uint32_t msize, uid;
	const char *aname;
	const char *file;    /* an existing one in the share, "/"-separated; NULL: make files */
	uint64_t file_bytes; /* of the file that is made */
	unsigned entries;    /* of the folder that is made */
	unsigned timeout;    /* seconds without any answer, 0: 30 */
	/* Whose CPU time counts, with that of its children; 0: as the kernel tells, or unknown. */
	pid_t server;
};

struct load_cell {
	const struct load_op *op;
	unsigned depth, connections;
	uint32_t size; /* of a read or write, 0: what the operation does by itself */
	bool sequential;
	double seconds, warm_up; /* seconds; the latter's operations are not counted */
	double rate;		 /* operations a second over all connections; 0: closed loop */
	bool count_syscalls;	 /* of the server, which is slower then */
};

struct load_result {
	uint64_t operations, requests, bytes, entries, errors;
	int first_error; /* an errno; 0: none had any */
	double seconds;
	double server_cpu_us, own_cpu_us; /* per request; -1: not known */
	double server_syscalls;		  /* the same; -1 unless they were counted */
	uint32_t msize, size;		  /* size: of reads and writes */
	/* Of operations, ns: also of those that were in flight at the end of the time. */
	struct histogram latency;
};

struct load;

/* Connects, and makes the files that operations work on, in a folder of its own in the share's
 * root; it is removed by load_free. On failure *RET_WHY, which the caller frees, says what to do. */
int load_new(const struct load_plan *plan, struct load **ret_l, char **ret_why);
/* *RET_LEFT, which the caller frees, is what could not be removed from the share, else NULL. */
void load_free(struct load *l, char **ret_left);

/* 0 also when some operations had errors: they are counted. -EINTR after load_stop: what was
 * measured until then is in *RET_R. -errno when the server is gone or has said nothing for the
 * plan's timeout, a file could not be opened, or it may not be traced. */
int load_run(struct load *l, const struct load_cell *cell, struct load_result *ret_r,
	     char **ret_why);

/* Safe in a signal handler: load_run, or load_new, returns soon. */
void load_stop(void);

/* NULL: no such operation. */
const struct load_op *load_op_find(const char *name);
/* The I-th, NULL behind the last. */
const struct load_op *load_op_at(unsigned i);
const char *load_op_name(const struct load_op *op);
const char *load_op_summary(const struct load_op *op);
/* Needs to write in the share? */
bool load_op_writes(const struct load_op *op);

#endif
