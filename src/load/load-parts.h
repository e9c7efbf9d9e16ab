/* SPDX-License-Identifier: MIT */
/* What the engine, the operations and the files of the load generator know of each other. */
#ifndef LOAD_LOAD_PARTS_H
#define LOAD_LOAD_PARTS_H

#include "async.h"
#include "load.h"
#include "msg.h"

/* Fids of each connection. */
enum {
	FID_ROOT,
	FID_FOLDER, /* that the files are in */
	FID_FILE,   /* walked */
	FID_OPENED, /* the file, opened */
	FID_SPARE,  /* while preparing */
	FID_LANES,  /* from here: two for each lane */
};

struct lane {
	struct async_call call;
	struct lane_conn *conn;
	const struct load_op *op; /* what it does now: of a mix, one of its parts */
	uint32_t fid;		  /* for what a step walks to or opens */
	uint32_t dir_fid;	  /* the folder with many entries, opened */
	unsigned step;
	bool failed; /* a step had an error: the operation only cleans up */
	bool is_idle;
	bool is_waiting; /* the link had no room for its request */
	uint64_t began;	 /* or was due */
	uint64_t random;
	uint64_t offset; /* of the next sequential read or write, or the cookie of readdir */
	char name[40];
};

struct lane_conn {
	struct load_run *run;
	struct async *async;
	unsigned index, n_lanes;
	struct lane *lanes;
	bool readable_only; /* FID_OPENED is not for writing */
};

/* One load_run. */
struct load_run {
	const struct load_cell *cell;
	const struct load *load;
	struct load_result *result;
	struct syscalls *syscalls; /* of the server; NULL unless they are counted */
	uint32_t size;		   /* of reads and writes */
	bool is_started;	   /* closed loop: all lanes have begun */
	bool is_counting, is_stopping;
	bool is_draining;    /* what has begun ends: its latency counts, its number does not */
	bool is_any_waiting; /* is_waiting of some lane */
	uint64_t heard_ns;   /* when the server last said something, or owed nothing */
	int err;	     /* why it ended early */
};

/* THE table of operations is in load-ops.c. A step fills in the request, or says that the
 * operation is over; its reply comes to `reply` before the next step. */
struct load_op {
	const char *name, *summary;
	bool (*step)(struct lane *l, struct msg *ret_m);
	void (*reply)(struct lane *l, const struct msg *reply); /* may be NULL */
	bool writes, reads_folder;
	/* Of a mix: the operation that comes next. */
	const struct load_op *(*choose)(struct lane *l);
};

/* Begins an operation that is due at DUE; sends a lane's next request, or ends its operation. */
void lane_begin(struct lane *l, uint64_t due);
void lane_go_on(struct lane *l);

struct pollfd;
/* The cell, on N connections, FDS being as many: load-drive.c. As load_run. */
int load_drive(struct load_run *r, struct lane_conn *conns, struct pollfd *fds, unsigned n);

/* How long a server may say nothing. */
uint64_t load_patience_ns(const struct load *l);

uint64_t lane_random(struct lane *l);

/* What a reply brought, if the cell is being measured. */
void lane_count(struct lane *l, uint64_t bytes, uint64_t entries);

struct load {
	struct load_plan plan;
	struct async *control; /* made the files, and removes them */
	char folder[64];       /* in the root; "" when plan.file is used */
	char *names;	       /* a copy of plan.file, cut at the slashes */
	struct names walk_folder, walk_file;
	uint64_t file_bytes;
	bool has_many;
	uint32_t msize;
};

/* Walks from the root to NAMES (at most 16) as FID. */
int load_walk(struct async *a, uint32_t from, uint32_t fid, const struct names *names);
int load_open(struct async *a, uint32_t fid, uint32_t flags);
int load_clunk(struct async *a, uint32_t fid);

/* The files: load-files.c. Errors with a line in *RET_WHY. */
int files_make(struct load *l, char **ret_why);
int files_make_many(struct load *l, char **ret_why);
/* 0, or why the folder is still there. */
int files_remove(struct load *l);

extern volatile int load_stopped; /* by load_stop */

#endif
