/* SPDX-License-Identifier: MIT */
/* Connections: their life, and what is received. */
#include "conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "crowd.h"
#include "logging.h"
#include "macros.h"
#include "msg.h"
#include "pool.h"

/* What a peer may do in one wake-up: then others get their turn. */
#define MAX_READS 8
#define TURN (4 << 20)	  /* bytes of messages and of data asked for */
#define TURN_MESSAGE 4096 /* that a message counts for in any case */

_Thread_local struct conn *conn_in_batch;

void conn_unref(struct conn *c)
{
	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		c->gone(c);
}

bool conn_has_room_locked(const struct conn *c)
{
	uint32_t msize = atomic_load_explicit(&c->channel.msize, memory_order_relaxed);

	return !c->shutdown && c->n_queued < CONN_MAX_QUEUED && c->n_frames < CONN_MAX_FRAMES &&
	       c->held < MAX((size_t)CONN_MIN_HELD, (size_t)CONN_HELD_MSIZES * msize);
}

static bool has_room(struct conn *c)
{
	bool room;

	pthread_mutex_lock(&c->lock);
	room = conn_has_room_locked(c);
	pthread_mutex_unlock(&c->lock);
	return room;
}

static size_t holds_locked(const struct conn *c)
{
	return c->held + inbuf_held(&c->in);
}

size_t conn_holds(struct conn *c)
{
	size_t n;

	pthread_mutex_lock(&c->lock);
	n = holds_locked(c);
	pthread_mutex_unlock(&c->lock);
	return n;
}

void conn_post_locked(struct conn *c)
{
	if (c->posted || c->closed)
		return;
	c->posted = true;
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	loop_post(c->loop, &c->update);
}

/* The bytes that the reply to a message may need, as far as the message says. */
static size_t asked_for(const uint8_t *msg, uint32_t size, uint32_t msize)
{
	uint32_t count;

	/* Both: size[4] type[1] tag[2] fid[4] offset[8] count[4] */
	if ((msg[4] != Tread && msg[4] != Treaddir) || size < 23)
		return 0;
	count = msg[19] | (uint32_t)msg[20] << 8 | (uint32_t)msg[21] << 16 |
		(uint32_t)msg[22] << 24;
	return MIN(count, msize);
}

/* What a message makes us hold until it is answered. */
static size_t weigh(const struct conn *c, const uint8_t *msg, uint32_t size)
{
	uint32_t msize = atomic_load_explicit(&c->channel.msize, memory_order_relaxed);
	bool small = size <= sizeof(((struct conn_frame *)0)->bytes);

	return asked_for(msg, size, msize) + (small ? 0 : size);
}

/* If there is room for another message, it is charged. */
static bool charge(struct conn *c, size_t held)
{
	bool room;

	pthread_mutex_lock(&c->lock);
	room = conn_has_room_locked(c);
	if (room) {
		c->n_frames++;
		c->held += held;
	}
	pthread_mutex_unlock(&c->lock);
	return room;
}

static struct conn_frame *new_frame(struct conn *c, const uint8_t *msg, uint32_t size, size_t held)
{
	struct conn_frame *f = pool_get(c->pool, sizeof(*f));

	if (!f)
		return NULL;
	memset(f, 0, offsetof(struct conn_frame, bytes));
	f->frame.channel = &c->channel;
	f->frame.head_len = size;
	f->frame.room = SIZE_MAX;
	f->held = held;
	if (size <= sizeof(f->bytes)) {
		f->frame.head = memcpy(f->bytes, msg, size);
	} else {
		f->frame.head = msg;
		f->chunk = inbuf_ref(&c->in);
	}
	return f;
}

/* Hands over the whole messages that are here, as far as there is room for them. */
static void deliver(struct conn *c)
{
	bool follows = false;

	while (!c->broken && c->turn) {
		const uint8_t *msg;
		uint32_t size, max = atomic_load_explicit(&c->channel.msize, memory_order_relaxed);
		int r = inbuf_next(&c->in, max, &msg, &size);
		struct conn_frame *f;
		size_t held;

		if (r < 0)
			c->broken = r == -EMSGSIZE ? "a message is larger than msize"
						   : "a message is smaller than its header";
		if (r <= 0)
			return;
		held = weigh(c, msg, size);
		if (!charge(c, held)) {
			conn_flush(c, true);
			follows = false;
			if (!charge(c, held))
				return;
		}
		f = new_frame(c, msg, size, held);
		if (!f) {
			conn_uncharge(c, held);
			c->broken = "out of memory";
			return;
		}
		inbuf_take(&c->in, size);
		c->turn -= MIN(c->turn, TURN_MESSAGE + held);
		f->frame.follows = follows;
		follows = true;
		c->handler->ops->receive(c->session, &f->frame);
		/* While the data are still in the CPU's cache. */
		if (c->unsent >= CONN_SEND_AT) {
			conn_flush(c, true);
			follows = false;
		}
	}
}

/* Receives once. True when there may be more. */
/* #syscalls: recvfrom */
static bool receive(struct conn *c)
{
	size_t room;
	void *at = inbuf_room(&c->in, &room);
	ssize_t n;

	if (!at) {
		c->broken = "out of memory";
		return false;
	}
	n = recv(c->fd, at, room, MSG_DONTWAIT);
	c->empty = n < 0;
	if (n > 0)
		inbuf_fill(&c->in, (size_t)n);
	if (n == 0)
		c->eof = true;
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		c->eof = true;
		conn_mute(c);
	}
	return n == (ssize_t)room;
}

static bool may_receive(struct conn *c)
{
	return !c->eof && !c->broken && c->turn && has_room(c);
}

static void take_in(struct conn *c)
{
	bool more = true;

	conn_in_batch = c;
	pool_enter(c->pool);
	deliver(c);
	for (unsigned i = 0; i < MAX_READS && more && may_receive(c); i++) {
		more = receive(c);
		deliver(c);
	}
	conn_in_batch = NULL;
	pool_put(c->pool, c->joint);
	c->joint = NULL;
	if (!inbuf_left(&c->in))
		inbuf_done(&c->in);
	conn_flush(c, true);
	pool_leave();
}

/* What there is to wait for. */
struct outlook {
	bool again; /* for nothing: there is room for a message that is here */
	const char *end;
	uint32_t events;
	size_t holds;
};

static const char *end_of(const struct conn *c)
{
	return c->broken ? c->broken : c->eof ? "the peer closed the connection" : "it hung up";
}

static struct outlook look(struct conn *c)
{
	struct outlook o = {0};
	const uint8_t *msg;
	uint32_t size;
	bool ending = c->eof || c->broken;
	bool whole = !c->broken && inbuf_next(&c->in, UINT32_MAX, &msg, &size) == 1;
	bool all_here = ending || (c->hung_up && c->empty);

	pthread_mutex_lock(&c->lock);
	bool room = conn_has_room_locked(c);

	o.again = room && whole;
	o.holds = holds_locked(c);
	if (c->shutdown)
		o.end = c->shutdown;
	else if (all_here && !whole && (c->mute || !c->n_frames))
		o.end = end_of(c);
	else if (!room && c->mute && (ending || c->hung_up))
		o.end = end_of(c); /* who has left cannot be waited for */
	if (room && !ending)
		o.events |= EPOLLIN;
	if (c->blocked)
		o.events |= EPOLLOUT;
	c->waiting = ending ? WAIT_ALL_ANSWERED : room ? WAIT_NOTHING : WAIT_ROOM;
	pthread_mutex_unlock(&c->lock);
	return o;
}

static void serve(struct conn *c)
{
	struct outlook o;

	c->turn = TURN;
	c->in.thrifty = crowd_is_dense(c->crowd);
	do {
		take_in(c);
		o = look(c);
	} while (o.again && !o.end && c->turn);
	if (o.end) {
		conn_close(c, o.end);
		return;
	}
	crowd_moved(c->crowd, c, o.holds);
	if (o.again) {
		pthread_mutex_lock(&c->lock);
		conn_post_locked(c);
		pthread_mutex_unlock(&c->lock);
	}
	if (o.events == c->events)
		return;
	/* what it waits for would never come */
	if (loop_change(c->loop, &c->watch, o.events))
		conn_close(c, "it cannot be watched any more");
	else
		c->events = o.events;
}

/* A hang-up is reported as long as we watch: what was sent before it is still done, if there is
 * room for it at once. */
static void ready(struct watch *w, uint32_t events)
{
	struct conn *c = container_of(w, struct conn, watch);

	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	if (events & (EPOLLHUP | EPOLLERR)) {
		c->hung_up = true;
		conn_mute(c);
	}
	if (events & EPOLLOUT) {
		pthread_mutex_lock(&c->lock);
		c->blocked = false;
		pthread_mutex_unlock(&c->lock);
	}
	serve(c);
	conn_unref(c);
}

static void update(struct task *t)
{
	struct conn *c = container_of(t, struct conn, update);

	pthread_mutex_lock(&c->lock);
	c->posted = false;
	pthread_mutex_unlock(&c->lock);
	if (!c->closed)
		serve(c);
	conn_unref(c);
}

/* #syscalls: shutdown */
void conn_close(struct conn *c, const char *reason)
{
	if (c->closed)
		return;
	log_debug("%s: closed: %s", c->channel.peer, reason);
	pthread_mutex_lock(&c->lock);
	c->closed = true;
	pthread_mutex_unlock(&c->lock);
	loop_remove(c->loop, &c->watch);
	conn_mute(c);
	/* The descriptor stays: another thread may be sending. */
	shutdown(c->fd, SHUT_RDWR);
	inbuf_done(&c->in);
	crowd_moved(c->crowd, c, 0);
	c->handler->ops->closed(c->session);
}

void conn_end(struct conn *c, const char *reason)
{
	bool posted;

	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	conn_close(c, reason);
	/* Nothing is posted after that, and what was will not run. */
	pthread_mutex_lock(&c->lock);
	posted = c->posted;
	c->posted = false;
	pthread_mutex_unlock(&c->lock);
	if (posted)
		conn_unref(c);
	conn_unref(c);
}

static void shut_down(struct channel *ch, const char *reason)
{
	struct conn *c = container_of(ch, struct conn, channel);

	pthread_mutex_lock(&c->lock);
	if (!c->shutdown) {
		c->shutdown = reason;
		conn_post_locked(c);
	}
	pthread_mutex_unlock(&c->lock);
}

static void released(struct channel *ch)
{
	conn_unref(container_of(ch, struct conn, channel));
}

static void init(struct conn *c, const struct conn_config *cfg)
{
	c->ops = (struct channel_ops){
		.name = cfg->name,
		.payload = conn_payload,
		.pipe = conn_pipe,
		.reply = conn_reply,
		.drop = conn_drop,
		.shutdown = shut_down,
		.released = released,
	};
	c->channel.ops = &c->ops;
	c->channel.max_msize = CONN_MSIZE;
	atomic_init(&c->channel.msize, CONN_MSIZE);
	snprintf(c->channel.peer, sizeof(c->channel.peer), "%s", cfg->peer);
	c->loop = cfg->loop;
	c->pool = cfg->pool;
	c->pipes = cfg->pipes;
	c->channel.pipe_min = cfg->pipes ? cfg->pipe_min : UINT32_MAX;
	c->crowd = cfg->crowd;
	list_init(&c->of_crowd);
	c->handler = cfg->handler;
	c->gone = cfg->gone;
	c->owner = cfg->owner;
	c->fd = cfg->fd;
	c->watch = (struct watch){.fd = cfg->fd, .ready = ready};
	c->events = EPOLLIN;
	inbuf_init(&c->in, cfg->pool);
	atomic_init(&c->refs, 1);
	pthread_mutex_init(&c->lock, NULL);
	c->last = &c->first;
	c->update.run = update;
	list_init(&c->link);
}

int conn_new(const struct conn_config *cfg, struct conn **ret_c)
{
	autofree struct conn *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	init(c, cfg);
	r = loop_add(c->loop, &c->watch, c->events);
	if (r)
		return r;
	r = c->handler->ops->opened(c->handler->self, &c->channel, &c->session);
	if (r) {
		loop_remove(c->loop, &c->watch);
		return r;
	}
	log_debug("%s: connected", c->channel.peer);
	*ret_c = steal_ptr(&c);
	return 0;
}

void conn_free(struct conn *c)
{
	pthread_mutex_destroy(&c->lock);
	close(c->fd);
	free(c);
}
