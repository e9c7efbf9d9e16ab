/* SPDX-License-Identifier: MIT */
/* What a long piece of work is doing, on standard error: one line that is rewritten on a terminal,
 * a line now and then elsewhere. Not locked. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "macros.h"

struct progress {
	const char *what; /* "kernel 6.12", the caller's; begins each line */
	uint64_t start_ns, next_ns;
	bool is_tty, on_line; /* on_line: the terminal's cursor stands behind our text */
};

void progress_init(struct progress *p, const char *what);

/* A step that begins or ended: always printed, on a line of its own. */
void progress_step(struct progress *p, const char *fmt, ...) printf_like(2, 3);

/* How far the step is: printed if the last line is old enough. */
void progress_update(struct progress *p, const char *fmt, ...) printf_like(2, 3);

/* Ends an unfinished line. */
void progress_done(struct progress *p);

double progress_seconds(const struct progress *p);

#endif
