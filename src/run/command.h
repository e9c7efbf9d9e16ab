/* SPDX-License-Identifier: MIT */
/* A command that is run in a guest, in the mounted share. */
#ifndef VERIFY_COMMAND_H
#define VERIFY_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "stage.h"

struct command_plan {
	struct stage_plan stage;
	const char *cache;
	unsigned msize;
	const char *const *argv; /* NULL: a shell at our terminal */
	bool has_input;		 /* it gets our standard input */
	unsigned limit_s;	 /* 0: it may run for ever */
	/* Called when the guest has started, before the command does; may be NULL. */
	void (*guest_started)(void *ctx, struct guest *g);
	/* What the command writes, PIPE_BUF bytes at most, as soon as FD (1 or 2) takes them. 0, or
	 * -errno, which ends the run. */
	int (*output)(void *ctx, int fd, const void *bytes, size_t n);
	void *ctx;
};

struct command_result {
	enum run_end end;
	char *why;			/* in one line, when not RUN_DONE */
	char *console;			/* the end of the guest's, when that may help; or NULL */
	struct console_reports reports; /* of its kernel */
	char *options;			/* as the guest's kernel shows the mount; or NULL */
	bool is_unconfined;		/* as in stage.h */
	bool has_exited, is_missing;	/* there is no such program */
	int status;			/* the exit code, 128 + N after signal N */
	int output_error;		/* what output returned */
	int signal;			/* that ended the run */
	double boot_seconds;
};

void command_run(const struct command_plan *plan, struct command_result *ret_r);
void command_result_done(struct command_result *r);

#endif
