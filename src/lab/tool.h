/* SPDX-License-Identifier: MIT */
/* Runs the tools that fetch and build (apt-get, tar, make ...): output followed line by line, its
 * end kept for the message when the tool fails. All of a tool's processes end with us. */
#ifndef LAB_TOOL_H
#define LAB_TOOL_H

#include <stddef.h>

#include "cache.h"

struct tool {
	const char *const *argv;
	const char *dir; /* NULL: ours */
	const char *const *env;
	int in; /* standard input; 0: /dev/null */
	/* For each line of output (standard error included), and about every second with NULL. */
	void (*line)(void *arg, const char *line);
	void *arg;
};

/* Runs it in the C locale. 0 when it exited with 0. Otherwise -errno, with *RET_WHY set when the
 * reason could be told: -ENOSPC, -ENETUNREACH, -ENOENT (no such program), -EINTR (a signal
 * handler ran; the tool was ended), -EIO for any other failure. W (may be NULL) names the log. */
int tool_run(const struct tool *t, const struct cache_work *w, char **ret_why);

/* As tool_run; standard output goes to *RET_OUT instead, which the caller frees. */
int tool_capture(const struct tool *t, const struct cache_work *w, char **ret_out, char **ret_why);

/* "A program is missing" for all of PROGRAMS that are: pairs of program and Debian package, ended
 * by NULL. 0 or -ENOENT with *RET_WHY, which begins with PURPOSE. */
int tool_need(const char *purpose, const char *const *programs, char **ret_why);

/* What the output TEXT of a failed tool means: the errno as above, and in *RET_LINE the line of it
 * that tells most (the caller frees it), NULL when TEXT is empty. */
int tool_diagnose(const char *text, char **ret_line);

#endif
