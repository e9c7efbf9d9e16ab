/* SPDX-License-Identifier: MIT */
/* The program as a server for run-9t: another process, in its sandbox. */
#ifndef TESTS_OUTER_SERVER_H
#define TESTS_OUTER_SERVER_H

#include <stdbool.h>

#include "server.h"
#include "spawn.h"

struct outer_server {
	struct child child;
};

/* Can its command line say what CFG does? */
bool outer_can(const struct server_config *cfg);

/* Starts COMMAND (words with spaces between) as `warren serve` of FOLDER on the N connected sockets
 * FDS, which are closed here. 0 when it serves, or -errno. */
int outer_start(const char *command, const struct server_config *cfg, const char *folder,
		const int *fds, unsigned n, struct outer_server *ret);

/* Waits until it has ended, which it does with its last peer. Its exit code. */
int outer_end(struct outer_server *s);

#endif
