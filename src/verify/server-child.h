/* SPDX-License-Identifier: MIT */
/* `warren serve` as a child process, for the time of one verification. */
#ifndef VERIFY_SERVER_CHILD_H
#define VERIFY_SERVER_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "spawn.h"

struct server_child {
	struct child child;
	char *log; /* the file that has its standard error */
	uint16_t port;
};

/* Starts the program WARREN to serve DIR: at SOCKET_PATH by vhost-user, or on a free port of
 * 127.0.0.1 when that is NULL. Returns once peers may come. CPU: as in guest.h. IOUNIT: what
 * it answers to open, 0 for its default. RECORDING: where it records its messages, or NULL. LOG is the path for its messages. *RET_WHY says in a line what went wrong. */
int server_child_start(const char *warren, const char *dir, const char *socket_path,
		       const char *log, unsigned cpu, unsigned iounit, const char *guard,
		       const char *recording, struct server_child *ret_s, char **ret_why);

/* What it said last, or how it ended; the caller frees it. */
char *server_child_last_line(const struct server_child *s);

/* SIGTERM and a moment to leave, in which it says its counters. */
void server_child_stop(struct server_child *s);

/* The same, then SIGKILL. */
void server_child_done(struct server_child *s);

#endif
