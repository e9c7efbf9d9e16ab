/* SPDX-License-Identifier: MIT */
/* The parts of `warren lab`, one file each: lab-NAME.c. */
#ifndef CMD_LAB_H
#define CMD_LAB_H

/* Word after `warren lab`, function, summary. A function gets the words after its own, and has an
 * exit code of enum EXIT_* as its result. */
#define LAB_VERBS(V)                                                             \
	V("bisect", lab_bisect, "the first bad kernel of those at hand")         \
	V("gdb", lab_gdb, "a debugger on a guest")                               \
	V("kernel", lab_kernel, "list, fetch and build guest kernels")           \
	V("matrix", lab_matrix, "verdicts over many kernels, shares and mounts") \
	V("qemu", lab_qemu, "list and fetch QEMUs of other Debian releases")     \
	V("report", lab_report, "write the mail about a recorded run")           \
	V("repro", lab_repro, "pack a recorded run for other machines")          \
	V("run", lab_run, "run a command in a guest, in a shared folder")        \
	V("story", lab_story, "the bug of the 12943-byte file, found once more") \
	V("watch", lab_watch, "show each read of a command in a guest, and those that lose bytes")

#define V(name, fn, summary) int fn(int argc, char **argv);
LAB_VERBS(V)
#undef V

/* `warren lab kernel symbols`, with the words after that. */
int lab_symbols(int argc, char **argv);

/* The signal that came, 0 without one. */
int lab_signal(void);

/* Says REASON, which is freed, or without one what errno -R means. Returns EXIT_ENVIRONMENT. */
int lab_fail(int r, char *reason);

#endif
