/* SPDX-License-Identifier: MIT */
/* The keeper's process, for the files that it is made of. */
#ifndef LAB_KEEPER_PARTS_H
#define LAB_KEEPER_PARTS_H

#include <sys/types.h>

struct keeper_plan;

struct keeper {
	const struct keeper_plan *plan;
	int owner;  /* pidfd of ours */
	int report; /* carries errno when the program cannot be run; closed by a good exec */
	int signals;
	pid_t main; /* the program, or the namespace's init */
};

/* Reports errno to who started the keeper, and ends. */
_Noreturn void keeper_fail(const struct keeper *k);

/* Sets k->main: the program, where possible in a namespace of its own. 0 or -1, errno is set. */
int keeper_start_program(struct keeper *k);

/* What only the program has from now on. */
void keeper_close_parts(const struct keeper *k);

/* As a shell says it. */
int keeper_exit_code(int status);

#endif
