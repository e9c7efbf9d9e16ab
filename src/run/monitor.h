/* SPDX-License-Identifier: MIT */
/* Watches, in a thread of its own, for what ends a verification early: a signal, the end of the
 * server. Then it interrupts what the others wait for. */
#ifndef VERIFY_MONITOR_H
#define VERIFY_MONITOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct guest;
struct manifest;

struct monitor {
	pthread_t thread;
	int signals, stop, server; /* signalfd, eventfd, pidfd (the caller's; -1: none) */
	pthread_mutex_t lock;	   /* protects the two */
	struct guest *guest;
	struct manifest *manifest;
	atomic_int signal; /* that came; 0: none */
	atomic_bool is_server_gone;
};

/* Blocks SIGINT, SIGTERM and SIGHUP in the caller, and so in all threads it starts later: what
 * comes from now on waits for the monitor. */
void monitor_block_signals(void);

/* Takes these signals, which must be blocked. SERVER_PIDFD may be -1. */
int monitor_start(struct monitor *m, int server_pidfd);

/* What to interrupt from now on; at once if there is a reason already. Each may be NULL. */
void monitor_set(struct monitor *m, struct guest *g, struct manifest *manifest);

/* Ends the thread; the signals stay blocked. */
void monitor_stop(struct monitor *m);

#endif
