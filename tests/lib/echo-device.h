/* SPDX-License-Identifier: MIT */
/* A vhost-user device on a thread of its own, with a server that does as the messages say:
 *	Tversion	echo: the body comes back
 *	Tread		count[4] at byte 19 bytes of the offset's pattern
 *	Twrite		the sum of its bytes comes back in Rwrite
 *	Tflush		is held until the test says reply or drop
 *	Tclunk		makes the server give the session up
 */
#ifndef TESTS_ECHO_DEVICE_H
#define TESTS_ECHO_DEVICE_H

#include <pthread.h>
#include <stdbool.h>

#include "loop.h"
#include "transport.h"
#include "vhost-user.h"

#define ECHO_MAX_HELD 2048

struct echo {
	struct loop *loop;
	struct vhost_user *vu;
	pthread_t thread;
	struct handler handler;
	char path[64];

	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned opened, closed, received, ended;
	bool refuse; /* opened says no */
	struct frame *held[ECHO_MAX_HELD];
	unsigned n_held;
	struct channel *to_release; /* closed while frames were held */
	uint32_t msize;		    /* set in the channel when it opens, unless 0 */
};

/* Listens on a socket of its own; FD >= 0: is a connected socket that it takes instead. */
struct echo *echo_new(int fd);
void echo_free(struct echo *e);

/* Wait until that many there are. */
void echo_wait_held(struct echo *e, unsigned n);
void echo_wait_closed(struct echo *e, unsigned n);
void echo_wait_ended(struct echo *e);

/* The oldest held frame gets its reply from this thread (an empty Rflush), or is dropped. */
void echo_reply_held(struct echo *e);
void echo_drop_held(struct echo *e);

/* The byte of a read at OFFSET. */
static inline unsigned char echo_byte(unsigned long offset)
{
	return (unsigned char)(offset * 7 + (offset >> 8));
}

#endif
