/* SPDX-License-Identifier: MIT */
/* A sequence of reads as text: what `warren model replay` takes and `explore` prints. A statement a
 * line, # begins a comment:
 *
 *	kernel VERSION		whose rules (6.12.43, 6.12-rc1 ...); default 6.12.43
 *	with-bug NAME		one more bug of kernel-rules.h, or one less
 *	without-bug NAME
 *	msize N			default 16384
 *	iounit N		what the server answered to the open; default 12288, 0: msize decides
 *	cache MODE		none, readahead, mmap (default), loose
 *	memory LAYOUT		scattered (default), ascending, descending, random
 *	page INDEX PFN		where in memory page INDEX of the file goes
 *	reply-limit N		the server answers no more bytes than that
 *	copy-only		a transport without zero-copy, such as TCP
 *	file SIZE		before the first of the following:
 *	open			the file is opened anew (it is open at the start)
 *	advise normal|sequential|random
 *	advise willneed|dontneed OFFSET LENGTH	(LENGTH 0: up to the end)
 *	read OFFSET LENGTH [ADVICE]		after that advice, if there is one
 *	drop			the file leaves the page cache
 */
#ifndef MODEL_READ_TRACE_H
#define MODEL_READ_TRACE_H

#include <stdio.h>

#include "model.h"

struct read_trace {
	struct model_config config; /* pfns belongs to the trace */
	struct step *steps;
	size_t n, cap;
	size_t *pfns;
	size_t n_pfns;
};

/* The configuration may be changed before and after; then steps are added. */
void read_trace_init(struct read_trace *t);
void read_trace_done(struct read_trace *t);

/* 0 or -ENOMEM. */
int read_trace_add(struct read_trace *t, const struct step *s);

/* Takes one statement. On -EINVAL *RET_WHY says in words what is wrong (a string constant). */
int read_trace_line(struct read_trace *t, const char *line, const char **ret_why);

void step_print(FILE *f, const struct step *s);

/* The trace as text that read_trace_line takes. */
void read_trace_print(FILE *f, const struct read_trace *t);

/* Does all steps. 0 or -errno; *RET_M is the caller's then. */
int read_trace_run(struct read_trace *t, struct model **ret_m);

#endif
