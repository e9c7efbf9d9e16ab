/* SPDX-License-Identifier: MIT */
/* Keeps a program and all that it starts from outliving us: a small process of ours between the
 * two, which ends them when told, when the program ends, or when we are gone for whatever reason
 * (SIGKILL included), and then removes the folders that they used. */
#ifndef LAB_KEEPER_H
#define LAB_KEEPER_H

#include <stdbool.h>
#include <stddef.h>

#include "spawn.h"

#define KEEPER_FOLDERS 3

struct keeper_plan {
	const char *const *argv; /* argv[0] is looked up in PATH */
	const char *const *env;	 /* the whole environment */
	int log;		 /* the program's standard output and error */
	int input;		 /* its standard input, if above 2; else that is /dev/null */
	unsigned cpu;		 /* N > 0: it runs on CPU N - 1 only */
	bool own_pids; /* in a process namespace with its own /proc where the system allows it */
	/* With own_pids: in it all file systems are read-only but for FOLDERS. */
	bool read_only;
	bool no_randomize; /* the program's addresses are the same each time */
	/* It is stopped before its first instruction, for a debugger: SIGCONT lets it run. */
	bool stopped;
	const char *folders[KEEPER_FOLDERS]; /* removed when we are gone; may be NULL */
	int locks[KEEPER_FOLDERS];	     /* descriptors that the keeper holds open; or -1 */
};

/* Starts the program. RET_KEEPER's pidfd is readable once the program and all its children are
 * gone. 0, or -errno of what kept the program from running. */
int keeper_start(const struct keeper_plan *p, struct child *ret_keeper);

/* The program's process; 0 when it has ended already. */
pid_t keeper_program(const struct child *keeper);

/* Has the program file systems of its own? False also when it has ended. */
bool keeper_has_own_mounts(const struct child *keeper);

/* Ends them all and waits for it; harmless when they have ended. */
void keeper_end(struct child *keeper);

#endif
