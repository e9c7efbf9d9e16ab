/* SPDX-License-Identifier: MIT */
/* What the server says to the process outside, and what that answers: packets on a socket pair. */
#ifndef SANDBOX_OUTSIDE_H
#define SANDBOX_OUTSIDE_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

/* From the server. */
struct outside_call {
	enum outside_kind {
		OUTSIDE_STARTED = 1, /* pid: the server, as the supervisor sees it */
		OUTSIDE_REMOVE,	     /* path, dev, ino: at the end, if it is still that one */
		OUTSIDE_SEALED,	     /* from now on nothing but OWNER is accepted */
		OUTSIDE_OWNER,	     /* with a descriptor: whose is it? */
	} kind;
	pid_t pid;
	uint64_t dev, ino;
	char path[PATH_MAX]; /* no more of it is sent than it has */
};

/* To all but REMOVE. */
struct outside_reply {
	int32_t error; /* 0 or -errno */
	uint32_t uid, gid;
};

#endif
