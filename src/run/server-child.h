/* SPDX-License-Identifier: MIT */
/* `warren serve` as a child process, for the time of one verification. */
#ifndef VERIFY_SERVER_CHILD_H
#define VERIFY_SERVER_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "spawn.h"

struct server_child {
	struct child child, proxy; /* proxy: none, unless it is to damage something */
	char *log;		   /* the file that has its standard error */
	uint16_t port;
};

/* How it serves: all zeros is its default. */
struct server_settings {
	unsigned iounit;	   /* what it answers to open; 0: its default */
	const char *guard;	   /* which guards are on, as in --guard; NULL: its default */
	const char *identity;	   /* as in --identity; NULL: its default */
	const char *const *faults; /* each as in --fault, ended by NULL; may be NULL */
	/* For tests of the detector: payloads are damaged behind the recording, as by --transport-fault,
	 * or by a proxy on the way (by TCP only), as by --fault of `trace record`. May be NULL. */
	const char *const *transport_faults, *const *proxy_faults;
	const char *recording;	/* where it records all messages; NULL: nowhere */
	unsigned recording_mib; /* keep about the newest so many MiB; 0: all */
};

struct server_child_config {
	const char *warren, *dir; /* our program, the folder */
	const char *socket_path;  /* by vhost-user there; NULL: on a free port of 127.0.0.1 */
	const char *log;	  /* the file for its messages */
	unsigned cpu;		  /* as in guest.h */
	struct server_settings settings;
};

/* Starts the server, and returns once peers may come. *RET_WHY says in a line what went wrong. */
int server_child_start(const struct server_child_config *cfg, struct server_child *ret_s,
		       char **ret_why);

/* What it said last, or how it ended; the caller frees it. */
char *server_child_last_line(const struct server_child *s);

/* SIGTERM and a moment to leave, in which it says its counters. */
void server_child_stop(struct server_child *s);

/* The same, then SIGKILL. */
void server_child_done(struct server_child *s);

#endif
