/* SPDX-License-Identifier: MIT */
/* The command line of `warren lab run`. */
#ifndef CMD_LAB_RUN_H
#define CMD_LAB_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "instrument-wish.h"
#include "ready.h"

#define LAB_RUN_VERB "lab run"

/* The words of --share. */
enum lab_run_share { LAB_RUN_BY_ANY = -1, LAB_RUN_BY_WARREN, LAB_RUN_BY_QEMU, LAB_RUN_BY_TCP };

struct run_options {
	struct wish wish;
	int guest, share; /* as words of the command line, -1: not given; what counts is in wish */
	const char *dir;
	const char *cache;
	uint32_t msize, iounit, memory_mib, timeout_s;
	int cpu;
	struct instrument_wish instruments;
	const char *guard, *identity, *recording, *with;
	bool writable_root, keep, quiet, help;
	char **argv; /* NULL: a shell */
};

/* ARGV[0] is not looked at. EXIT_OK, or the exit code after it said what is wrong. */
int lab_run_parse(int argc, char **argv, struct run_options *o);

void lab_run_help(void);

#endif
