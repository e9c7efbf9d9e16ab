/* SPDX-License-Identifier: MIT */
/* Pipes in which file data go to a socket without being copied: pages of the page cache are put in
 * at one end and sent from the other. A few are kept for reuse. From any thread.
 *
 * What is in a pipe is for one peer only: one that is given back before it is empty is closed.
 * Nothing is ever written to them with write(2), which some kernels let through to the file. */
#ifndef TRANSPORT_PIPES_H
#define TRANSPORT_PIPES_H

#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

struct pipe {
	struct pipe *next;
	int out, in; /* to be read from, to be written to */
	size_t size;
};

struct pipes {
	pthread_mutex_t lock; /* for what follows */
	struct pipe *unused;
	unsigned n, max; /* pipes that there are, and may be */
};

/* At most MAX, two descriptors each. None is made before it is asked for. */
void pipes_init(struct pipes *p, unsigned max);
/* All were put back. */
void pipes_done(struct pipes *p);

/* An empty pipe for SIZE bytes of a file, from a page's start on; NULL when there is none left, or
 * the system gives none. */
struct pipe *pipes_get(struct pipes *p, size_t size);

/* PIPE may be NULL. */
void pipes_put(struct pipes *p, struct pipe *pipe);

/* How many bytes are in it; -errno. */
ssize_t pipe_holds(const struct pipe *pipe);

/* Sends up to COUNT of them to SOCKET, which is O_NONBLOCK: how many, or -errno. */
ssize_t pipe_send(const struct pipe *pipe, int socket, size_t count);

#endif
