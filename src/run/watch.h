/* SPDX-License-Identifier: MIT */
/* A command in a guest, with gdb on the guest's kernel, which records each read of its 9P client. */
#ifndef VERIFY_WATCH_H
#define VERIFY_WATCH_H

#include <stddef.h>

#include "command.h"
#include "read-record.h"

struct watch_plan {
	/* The guest starts stopped, whatever this says; guest_started is ours. */
	struct command_plan command;
	const char *scripts; /* from gdb_find */
};

struct watch_result {
	/* Its end is RUN_ENVIRONMENT or RUN_FAILED as well when gdb could not take the guest or left
	 * it early. */
	struct command_result command;
	struct read_record *reads;
	size_t n_reads;
	char *recording; /* what gdb wrote: the reads as JSON lines; NULL when there are none */
	size_t n_recording;
};

void watch_run(const struct watch_plan *plan, struct watch_result *ret_r);
void watch_result_done(struct watch_result *r);

#endif
