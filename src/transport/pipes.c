/* SPDX-License-Identifier: MIT */
#include "pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "macros.h"

#define USUAL_SIZE ((size_t)256 << 10)

void pipes_init(struct pipes *p, unsigned max)
{
	*p = (struct pipes){.max = max};
	pthread_mutex_init(&p->lock, NULL);
}

static void free_pipe(struct pipe *pipe)
{
	close(pipe->out);
	close(pipe->in);
	free(pipe);
}

void pipes_done(struct pipes *p)
{
	while (p->unused) {
		struct pipe *next = p->unused->next;

		free_pipe(p->unused);
		p->unused = next;
	}
	pthread_mutex_destroy(&p->lock);
}

/* #syscalls: pipe2 */
static struct pipe *new_pipe(void)
{
	struct pipe *pipe = malloc(sizeof(*pipe));
	int ends[2];

	if (!pipe)
		return NULL;
	if (pipe2(ends, O_CLOEXEC)) {
		free(pipe);
		return NULL;
	}
	*pipe = (struct pipe){.out = ends[0], .in = ends[1]};
	return pipe;
}

/* A page of the file takes a page of the pipe, however few of its bytes are wanted. */
/* #syscalls: fcntl */
static bool make_room(struct pipe *pipe, size_t size)
{
	int got;

	if (pipe->size >= size)
		return true;
	got = fcntl(pipe->in, F_SETPIPE_SZ, (int)MAX(size, USUAL_SIZE));
	if (got > 0)
		pipe->size = (size_t)got;
	return pipe->size >= size;
}

static struct pipe *take_unused(struct pipes *p, bool *ret_may_make)
{
	struct pipe *pipe;

	pthread_mutex_lock(&p->lock);
	pipe = p->unused;
	if (pipe)
		p->unused = pipe->next;
	*ret_may_make = !pipe && p->n < p->max;
	p->n += *ret_may_make;
	pthread_mutex_unlock(&p->lock);
	return pipe;
}

static void one_less(struct pipes *p)
{
	pthread_mutex_lock(&p->lock);
	p->n--;
	pthread_mutex_unlock(&p->lock);
}

struct pipe *pipes_get(struct pipes *p, size_t size)
{
	bool may_make;
	struct pipe *pipe = take_unused(p, &may_make);

	if (may_make) {
		pipe = new_pipe();
		if (!pipe)
			one_less(p);
	}
	if (!pipe || make_room(pipe, size))
		return pipe;
	pipes_put(p, pipe);
	return NULL;
}

void pipes_put(struct pipes *p, struct pipe *pipe)
{
	if (!pipe)
		return;
	if (pipe_holds(pipe)) {
		free_pipe(pipe);
		one_less(p);
		return;
	}
	pthread_mutex_lock(&p->lock);
	pipe->next = p->unused;
	p->unused = pipe;
	pthread_mutex_unlock(&p->lock);
}

/* #syscalls: ioctl */
ssize_t pipe_holds(const struct pipe *pipe)
{
	int n;

	return ioctl(pipe->out, FIONREAD, &n) ? -errno : n;
}

/* #syscalls: splice */
ssize_t pipe_send(const struct pipe *pipe, int socket, size_t count)
{
	ssize_t sent;

	do
		sent = splice(pipe->out, NULL, socket, NULL, count, SPLICE_F_NONBLOCK);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}
