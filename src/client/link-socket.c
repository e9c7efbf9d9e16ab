/* SPDX-License-Identifier: MIT */
/* A link over a stream socket: requests are gathered and sent together, and received replies are
 * cut from one buffer. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "cleanup.h"
#include "link.h"
#include "macros.h"
#include "msg.h"

#define FIRST_MSIZE 8192 /* until Rversion has said it */
#define GATHER (256u << 10)

struct buffer {
	uint8_t *p;
	size_t cap, start, end; /* START to END: to send, or received and not taken */
};

struct socket_link {
	struct link link; /* first */
	int fd;
	uint32_t msize;
	struct buffer out, in;
	size_t taken; /* of the message that was taken last: gone with the next call */
	bool drained; /* the last receive took all that was there */
};

static int buffer_reserve(struct buffer *b, size_t cap)
{
	uint8_t *p = cap > b->cap ? realloc(b->p, cap) : b->p;

	if (!p)
		return -ENOMEM;
	b->p = p;
	b->cap = MAX(b->cap, cap);
	return 0;
}

/* What is in use moves to the front. */
static void buffer_pack(struct buffer *b)
{
	if (b->start)
		memmove(b->p, b->p + b->start, b->end - b->start);
	b->end -= b->start;
	b->start = 0;
}

static int put(struct link *link, const struct msg *m)
{
	struct socket_link *l = container_of(link, struct socket_link, link);
	size_t n;
	int err;

	if (l->out.cap - l->out.end < l->msize) {
		buffer_pack(&l->out);
		if (l->out.cap - l->out.end < l->msize)
			return -EAGAIN;
	}
	err = msg_encode(m, l->out.p + l->out.end, l->msize, &n);
	if (!err)
		l->out.end += n;
	return err;
}

static int flush(struct link *link)
{
	struct socket_link *l = container_of(link, struct socket_link, link);

	while (l->out.start < l->out.end) {
		ssize_t n = send(l->fd, l->out.p + l->out.start, l->out.end - l->out.start,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		l->out.start += (size_t)n;
	}
	l->out.start = l->out.end = 0;
	return 0;
}

/* The size of the whole message at the front: 0 when it is not all here. */
static int next_size(const struct socket_link *l, uint32_t *ret_size)
{
	const uint8_t *p = l->in.p + l->in.start;
	size_t here = l->in.end - l->in.start;
	uint32_t size;

	*ret_size = 0;
	if (here < 4)
		return 0;
	size = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	if (size < P9_HEADER_SIZE || size > l->msize)
		return -EBADMSG;
	if (size <= here)
		*ret_size = size;
	return 0;
}

/* 1 when bytes came, 0 when none were there. */
static int receive(struct socket_link *l)
{
	size_t room;
	ssize_t n;

	if (l->drained) {
		l->drained = false;
		return 0;
	}
	if (l->in.cap - l->in.start < l->msize)
		buffer_pack(&l->in);
	room = l->in.cap - l->in.end;
	do
		n = recv(l->fd, l->in.p + l->in.end, room, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	l->in.end += (size_t)n;
	l->drained = (size_t)n < room;
	return 1;
}

static int take(struct link *link, struct msg *ret_m)
{
	struct socket_link *l = container_of(link, struct socket_link, link);
	uint32_t size;
	int r;

	l->in.start += l->taken;
	l->taken = 0;
	if (l->in.start == l->in.end)
		l->in.start = l->in.end = 0;
	while (!(r = next_size(l, &size)) && !size) {
		r = receive(l);
		if (r <= 0)
			return r;
	}
	if (r)
		return r;
	r = msg_decode(l->in.p + l->in.start, size, 0, MSG_FROM_SERVER, ret_m);
	if (r)
		return r == -EPROTO ? -EBADMSG : r;
	l->taken = size;
	return 1;
}

static int poll_fd(struct link *link, short *ret_events)
{
	struct socket_link *l = container_of(link, struct socket_link, link);

	*ret_events = (short)(POLLIN | (l->out.start < l->out.end ? POLLOUT : 0));
	return l->fd;
}

static void set_msize(struct link *link, uint32_t msize)
{
	container_of(link, struct socket_link, link)->msize = msize;
}

static pid_t peer(struct link *link)
{
	struct socket_link *l = container_of(link, struct socket_link, link);
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);

	if (getsockopt(l->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return 0;
	return cred.pid;
}

static void free_link(struct link *link)
{
	struct socket_link *l = container_of(link, struct socket_link, link);

	close(l->fd);
	free(l->out.p);
	free(l->in.p);
	free(l);
}

static const struct link_ops socket_ops = {
	.name = "socket",
	.put = put,
	.flush = flush,
	.take = take,
	.poll_fd = poll_fd,
	.set_msize = set_msize,
	.peer = peer,
	.free = free_link,
};

int link_socket(int fd, struct link **ret_l)
{
	struct socket_link *l = calloc(1, sizeof(*l));

	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	*l = (struct socket_link){.link.ops = &socket_ops, .fd = fd, .msize = FIRST_MSIZE};
	/* Room for the largest message that may be agreed on, and several small ones. */
	if (buffer_reserve(&l->out, (1u << 20) + GATHER) ||
	    buffer_reserve(&l->in, (2u << 20) + GATHER)) {
		free_link(&l->link);
		return -ENOMEM;
	}
	*ret_l = &l->link;
	return 0;
}

int link_connect(const struct address *a, struct link **ret_l, char **ret_why)
{
	int fd = address_connect(a), err;

	err = fd < 0 ? fd : link_socket(fd, ret_l);
	return err ? why(ret_why, err, "%s", strerror(-err)) : 0;
}
