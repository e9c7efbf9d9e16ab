/* SPDX-License-Identifier: MIT */
/* Carries, in a thread of its own, what a person or a file gives to a guest's terminal: standard input
 * in frames (frame.h), or a whole terminal in both directions. */
#ifndef VERIFY_FEED_H
#define VERIFY_FEED_H

#include <pthread.h>
#include <stdbool.h>
#include <termios.h>

struct feed {
	pthread_t thread;
	bool is_running;
	bool is_terminal;      /* both ways, byte for byte; ours is in raw mode meanwhile */
	int terminal, stop;    /* the guest's (not owned), eventfd */
	struct termios before; /* of ours */
	bool was_set;
};

/* From standard input to the guest's TERMINAL; with IS_TERMINAL also from there to standard output. */
int feed_start(struct feed *f, int terminal, bool is_terminal);

/* Ends it and makes our terminal what it was; harmless when it does not run. */
void feed_stop(struct feed *f);

#endif
