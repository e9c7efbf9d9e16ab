/* SPDX-License-Identifier: MIT */
/* The verbs of the `warren` program, one file each. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

/* Exit codes of every verb. */
enum {
	EXIT_OK = 0,
	EXIT_DIFFERENT = 1, /* differences were found */
	EXIT_USAGE = 2,
	EXIT_ENVIRONMENT = 3, /* the environment cannot do it; what is missing is named */
	EXIT_GUEST = 4,	      /* the guest or a peer failed before a verdict was reached */
};

/* One row a verb: name, function, summary for `warren --help`. */
#define CMD_VERBS(V)                                                             \
	V(bench, cmd_bench, "measure a 9P server, any one")                      \
	V(lab, cmd_lab, "guests: run a command, debug, compare kernels, report") \
	V(model, cmd_model, "the kernel's 9P read path as a model, bug by bug")  \
	V(serve, cmd_serve, "share a folder: vhost-user, unix, tcp, vsock")      \
	V(top, cmd_top, "show what a running server does, live")                 \
	V(trace, cmd_trace, "show what a recording of 9P messages holds")        \
	V(verify, cmd_verify, "prove that a guest reads what the host holds")    \
	V(version, cmd_version, "print the version")

#define V(name, fn, summary) int fn(int argc, char **argv);
CMD_VERBS(V)
#undef V

/* Prints "warren: error: WHAT; see 'warren VERB --help'" and returns EXIT_USAGE. */
int cmd_usage_error(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
