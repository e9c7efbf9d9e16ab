/* SPDX-License-Identifier: MIT */
/* What is done about a mount whose walk found damage: a second look at the files while the guest is still
 * there, then the blame of each finding, from that and the recording of the server's messages. */
#ifndef RUN_INQUIRY_H
#define RUN_INQUIRY_H

#include <stdbool.h>

#include "known-bugs.h"

struct look;
struct manifest;
struct tally;

struct inquiry {
	struct manifest *manifest;  /* complete */
	const char *recording;	    /* NULL: there is none, and */
	bool is_log;		    /* it is QEMU's, of its server */
	const char *no_recording;   /* ... why, for a person */
	unsigned walk;		    /* its number, from 1 */
	bool has_writes;	    /* a command wrote before the first walk */
	bool is_uncached;	    /* the mount has cache=none */
	struct known_kernel kernel; /* views */
	struct look *look;	    /* once it was asked for */
};

/* The guest waits to be asked: TERMINAL is our end of its terminal. Nothing is asked when T has no
 * findings. 0 or -errno: -EINTR once INTERRUPT is readable, -ETIMEDOUT when the guest takes too long to
 * read it all. */
int inquiry_ask(struct inquiry *q, const struct tally *t, int terminal, int interrupt);

/* Blames T's findings, so many of them. */
#define INQUIRY_BLAMED_MAX 2000
void inquiry_conclude(const struct inquiry *q, const struct tally *t);

/* Forgets the look. */
void inquiry_done(struct inquiry *q);

#endif
