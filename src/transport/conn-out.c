/* SPDX-License-Identifier: MIT */
/* Connections: what is sent. See conn.h. */
#include "conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "macros.h"
#include "pipes.h"
#include "pool.h"

#define MAX_PARTS 128 /* of one system call */
#define MAX_SENDS 8   /* in a row by one thread, while others keep adding */

static void give_pipe_back(struct conn *c, struct conn_frame *f)
{
	if (!f->pipe)
		return;
	pipes_put(c->pipes, f->pipe);
	f->pipe = NULL;
	atomic_fetch_sub_explicit(&c->n_pipes, 1, memory_order_relaxed);
}

static void free_frame(struct conn *c, struct conn_frame *f)
{
	give_pipe_back(c, f);
	chunk_unref(f->chunk, c->pool);
	pool_put(c->pool, f->payload);
	pool_put(c->pool, f->long_head);
	pool_put(c->pool, f);
}

/* Frees a list of frames that are in no queue any more. */
static void free_frames(struct conn *c, struct conn_frame *f)
{
	while (f) {
		struct conn_frame *next = f->next;

		free_frame(c, f);
		f = next;
	}
}

/* Half of the bounds is free again: not every reply that is sent wakes the loop's thread. */
static bool has_much_room_locked(const struct conn *c)
{
	uint32_t msize = atomic_load_explicit(&c->channel.msize, memory_order_relaxed);

	return c->n_queued <= CONN_MAX_QUEUED / 2 && c->n_frames <= CONN_MAX_FRAMES / 2 &&
	       c->held <= MAX((size_t)CONN_MIN_HELD, (size_t)CONN_HELD_MSIZES * msize) / 2;
}

/* N messages are through, which weighed HELD together. */
static void uncharge_locked(struct conn *c, unsigned n, size_t held)
{
	c->n_frames -= n;
	c->held -= held;
	if (c->waiting == WAIT_NOTHING)
		return;
	if (!c->n_frames || (c->waiting == WAIT_ROOM && has_much_room_locked(c))) {
		c->waiting = WAIT_NOTHING;
		conn_post_locked(c);
	}
}

void conn_uncharge(struct conn *c, size_t held)
{
	pthread_mutex_lock(&c->lock);
	uncharge_locked(c, 1, held);
	pthread_mutex_unlock(&c->lock);
}

static struct conn_frame *take_all_locked(struct conn *c)
{
	struct conn_frame *all = c->first;

	c->first = NULL;
	c->last = &c->first;
	c->first_sent = 0;
	c->n_queued = 0;
	for (struct conn_frame *f = all; f; f = f->next)
		uncharge_locked(c, 1 + f->n_joined, f->held);
	return all;
}

void conn_mute(struct conn *c)
{
	struct conn_frame *unsent = NULL;

	pthread_mutex_lock(&c->lock);
	c->mute = true;
	c->blocked = false;
	/* A thread that is sending looks at `mute` when it is through. */
	if (!c->sending)
		unsent = take_all_locked(c);
	pthread_mutex_unlock(&c->lock);
	free_frames(c, unsent);
}

static size_t size_of(const struct conn_frame *f)
{
	return f->out[0].iov_len + f->out[1].iov_len + f->piped;
}

/* The parts of the queue that one system call may send; their bytes in *RET_SIZE. Up to the first
 * pipe: none if what is in it comes next. */
static int gather_locked(const struct conn *c, struct iovec *iov, size_t *ret_size,
			 bool *ret_pipe_follows)
{
	size_t skip = c->first_sent, size = 0;
	int n = 0;

	*ret_pipe_follows = false;
	for (const struct conn_frame *f = c->first; f && n + 2 <= MAX_PARTS; f = f->next) {
		for (int i = 0; i < 2; i++) {
			size_t len = f->out[i].iov_len, skipped = MIN(skip, len);

			skip -= skipped;
			if (len == skipped)
				continue;
			iov[n].iov_base = (char *)f->out[i].iov_base + skipped;
			iov[n++].iov_len = len - skipped;
			size += len - skipped;
		}
		*ret_pipe_follows = f->piped;
		if (f->piped)
			break;
	}
	*ret_size = size;
	return n;
}

/* SENT bytes of the queue are on their way: the replies that are complete, for free_frames. */
static struct conn_frame *take_sent_locked(struct conn *c, size_t sent)
{
	struct conn_frame *done = c->first, **end = &done;

	sent += c->first_sent;
	while (*end && sent >= size_of(*end)) {
		sent -= size_of(*end);
		c->n_queued -= 1 + (*end)->n_joined;
		uncharge_locked(c, 1 + (*end)->n_joined, (*end)->held);
		end = &(*end)->next;
	}
	c->first = *end;
	c->first_sent = sent;
	if (!c->first)
		c->last = &c->first;
	*end = NULL;
	return done;
}

/* #syscalls: sendmsg sendto */
static ssize_t send_parts(int fd, struct iovec *iov, int n, bool more)
{
	const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)n};
	ssize_t sent;

	do
		sent = n == 1 ? send(fd, iov->iov_base, iov->iov_len, flags)
			      : sendmsg(fd, &m, flags);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

/* ERR is why nothing can be sent any more. Who has left is waited for no longer, but what it asked
 * for is done; a peer that is there must not wait for ever. */
static void give_up_locked(struct conn *c, int err)
{
	c->mute = true;
	if (err == -EPIPE || err == -ECONNRESET || c->shutdown)
		return;
	c->shutdown = "a reply could not be sent";
	conn_post_locked(c);
}

/* One system call for what is queued. Takes the lock away meanwhile. */
static struct conn_frame *send_some_locked(struct conn *c)
{
	struct iovec iov[MAX_PARTS];
	size_t size;
	bool pipe_follows;
	int n = gather_locked(c, iov, &size, &pipe_follows);
	const struct pipe *pipe = n ? NULL : c->first->pipe;
	ssize_t sent;

	if (pipe)
		size = size_of(c->first) - c->first_sent;
	pthread_mutex_unlock(&c->lock);
	sent = pipe ? pipe_send(pipe, c->fd, size) : send_parts(c->fd, iov, n, pipe_follows);
	pthread_mutex_lock(&c->lock);
	if (sent < 0 && sent != -EAGAIN)
		give_up_locked(c, (int)sent);
	if (c->mute)
		return take_all_locked(c);
	c->blocked = sent < (ssize_t)size;
	return take_sent_locked(c, (size_t)MAX(sent, 0));
}

static void flush_locked(struct conn *c, bool in_loop)
{
	if (c->sending || c->blocked)
		return;
	c->sending = true;
	for (int i = 0; c->first && !c->blocked; i++) {
		struct conn_frame *done = send_some_locked(c);

		pthread_mutex_unlock(&c->lock);
		free_frames(c, done);
		pthread_mutex_lock(&c->lock);
		/* Do not keep a worker, nor the other peers, from their work for ever. */
		if (i == MAX_SENDS && c->first)
			c->blocked = true;
	}
	c->sending = false;
	if (c->blocked && !in_loop)
		conn_post_locked(c);
}

void conn_flush(struct conn *c, bool in_loop)
{
	if (in_loop)
		c->unsent = 0;
	pthread_mutex_lock(&c->lock);
	flush_locked(c, in_loop);
	pthread_mutex_unlock(&c->lock);
}

int conn_pipe(struct frame *frame, size_t count, int *ret_fd)
{
	struct conn_frame *f = container_of(frame, struct conn_frame, frame);
	struct conn *c = container_of(frame->channel, struct conn, channel);

	if (!f->pipe && (!c->pipes || f->payload))
		return -EOPNOTSUPP;
	if (!f->pipe) {
		unsigned n = atomic_fetch_add_explicit(&c->n_pipes, 1, memory_order_relaxed);

		f->pipe = n < CONN_MAX_PIPES ? pipes_get(c->pipes, count) : NULL;
		if (!f->pipe) {
			atomic_fetch_sub_explicit(&c->n_pipes, 1, memory_order_relaxed);
			return -EOPNOTSUPP;
		}
	}
	*ret_fd = f->pipe->in;
	return 0;
}

int conn_payload(struct frame *frame, uint32_t head, uint32_t count, struct iovec *iov, int cap,
		 int *ret_n)
{
	struct conn_frame *f = container_of(frame, struct conn_frame, frame);
	struct conn *c = container_of(frame->channel, struct conn, channel);

	if (head > CONN_MSIZE || count > CONN_MSIZE - head)
		return -EMSGSIZE;
	if (!count || cap < 1) {
		*ret_n = 0;
		return count ? -EINVAL : 0;
	}
	give_pipe_back(c, f);
	f->payload = pool_get(c->pool, (size_t)head + count);
	if (!f->payload)
		return -ENOMEM;
	f->payload_at = head;
	iov[0] = (struct iovec){.iov_base = f->payload + head, .iov_len = count};
	*ret_n = 1;
	return 0;
}

/* Where the head goes: right in front of the payload, so that both are one part; but a large block
 * must not wait in the queue for the sake of a few bytes. */
static uint8_t *place_head(struct conn *c, struct conn_frame *f, size_t head_len,
			   size_t payload_len)
{
	bool fits = head_len <= sizeof(f->bytes);

	if (payload_len && head_len <= f->payload_at && head_len + payload_len > sizeof(f->bytes))
		return f->payload + f->payload_at - head_len;
	if (!fits)
		f->long_head = pool_get(c->pool, head_len);
	return fits ? f->bytes : f->long_head;
}

/* Notes the data that are in the frame's pipe. They must be as many as the head says, or the peer
 * would take what follows for something else. */
static int place_pipe(struct conn *c, struct conn_frame *f, size_t *payload_len)
{
	if (!*payload_len)
		give_pipe_back(c, f);
	if (!f->pipe)
		return 0;
	if (pipe_holds(f->pipe) != (ssize_t)*payload_len)
		return -EIO;
	f->piped = *payload_len;
	*payload_len = 0;
	return 0;
}

/* The head is copied first: it may be a view of the message. */
static int place(struct conn *c, struct conn_frame *f, const void *head, size_t head_len,
		 size_t payload_len)
{
	uint8_t *to = place_head(c, f, head_len, payload_len);
	uint8_t *data = f->payload ? f->payload + f->payload_at : NULL;

	if (!to)
		return -ENOMEM;
	memmove(to, head, head_len);
	f->out[0] = (struct iovec){.iov_base = to, .iov_len = head_len};
	f->out[1] = (struct iovec){.iov_base = data, .iov_len = payload_len};
	if (payload_len && to + head_len == data) {
		f->out[0].iov_len += payload_len;
		f->out[1].iov_len = 0;
	} else if (head_len + payload_len <= sizeof(f->bytes)) {
		if (payload_len && data)
			memcpy(to + head_len, data, payload_len);
		f->out[0].iov_len += payload_len;
		f->out[1].iov_len = 0;
		pool_put(c->pool, f->payload);
		f->payload = NULL;
	}
	chunk_unref(f->chunk, c->pool);
	f->chunk = NULL;
	return 0;
}

static void enqueue_locked(struct conn *c, struct conn_frame *f)
{
	size_t size = size_of(f);

	c->held += size - f->held;
	f->held = size;
	f->next = NULL;
	*c->last = f;
	c->last = &f->next;
	c->n_queued++;
}

/* The last reply of the queue, if others may be appended: one without data. */
static struct conn_frame *joint_locked(struct conn *c)
{
	struct conn_frame *last = c->first ? container_of(c->last, struct conn_frame, next) : NULL;

	if (!last || last->piped)
		return NULL;
	if (!last->n_joined) {
		if (last->payload || last->out[1].iov_len)
			return NULL;
		last->payload = c->joint;
		last->out[1].iov_base = c->joint;
		c->joint = NULL;
	}
	return last;
}

/* Appends the small reply HEAD to F to the one before it, instead of queueing it: then F can be used for
 * the next message while it is in the CPU's cache, and the kernel has fewer parts to look at. What is
 * being sent stays where it is. False: it is no such reply, or there is no place. */
static bool join(struct conn *c, struct conn_frame *f, const void *head, size_t len)
{
	struct conn_frame *to;
	bool fits;

	if (!f->frame.follows || len > sizeof(f->bytes))
		return false;
	if (!c->joint && !(c->joint = pool_get(c->pool, CONN_JOINT)))
		return false;
	pthread_mutex_lock(&c->lock);
	to = c->mute ? NULL : joint_locked(c);
	fits = to && to->out[1].iov_len + len <= CONN_JOINT;
	if (fits) {
		memcpy(to->payload + to->out[1].iov_len, head, len);
		to->out[1].iov_len += len;
		to->n_joined++;
		to->held += len;
		c->held += len - f->held;
		c->n_queued++;
		c->unsent += len;
	}
	pthread_mutex_unlock(&c->lock);
	return fits;
}

void conn_reply(struct frame *frame, const void *head, uint32_t head_len, uint32_t payload_len)
{
	struct conn_frame *f = container_of(frame, struct conn_frame, frame);
	struct conn *c = container_of(frame->channel, struct conn, channel);
	bool in_batch = conn_in_batch == c; /* then the loop's thread has a reference */
	size_t data_len = payload_len;
	int r;

	if (in_batch && !payload_len && join(c, f, head, head_len)) {
		free_frame(c, f);
		return;
	}
	r = place_pipe(c, f, &data_len);
	if (!r)
		r = place(c, f, head, head_len, data_len);
	if (r) {
		c->ops.shutdown(&c->channel, r == -ENOMEM ? "out of memory" : "a read went wrong");
		conn_drop(frame);
		return;
	}
	if (!in_batch)
		atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	pthread_mutex_lock(&c->lock);
	if (c->mute) {
		uncharge_locked(c, 1, f->held);
	} else {
		enqueue_locked(c, f);
		if (in_batch)
			c->unsent += f->held;
		else
			flush_locked(c, false);
		f = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	if (f)
		free_frame(c, f);
	if (!in_batch)
		conn_unref(c);
}

void conn_drop(struct frame *frame)
{
	struct conn_frame *f = container_of(frame, struct conn_frame, frame);
	struct conn *c = container_of(frame->channel, struct conn, channel);

	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	conn_uncharge(c, f->held);
	free_frame(c, f);
	conn_unref(c);
}
