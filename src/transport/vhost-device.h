/* SPDX-License-Identifier: MIT */
/* The inside of the vhost-user transport.
 *
 * Theory of operation. A front end connects and says in messages where the guest's memory and its
 * ring are (vhost-message.c receives them, vhost-handlers.c obeys). The ring runs on the loop's
 * thread once it has a kick descriptor, addresses, and is enabled (vhost-ring.c): each chain
 * becomes a frame of the channel (vhost-channel.c), whose reply any thread may put back.
 *
 * A session begins when the ring first starts, and ends with the connection, a reset, or a broken
 * rule. A mere stop of the ring keeps it: that is how a guest is paused. What must not happen while
 * requests use the guest's memory (stop, reset) waits, with the loop running, until they are back.
 *
 * Lock order: vhost_user.lock is the only one, and a leaf.
 */
#ifndef TRANSPORT_VHOST_DEVICE_H
#define TRANSPORT_VHOST_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "address.h"
#include "loop.h"
#include "transport.h"
#include "vhost-protocol.h"
#include "vhost-user.h"
#include "virtqueue.h"

/* Requests in flight; a larger ring waits for them. */
#define VU_MAX_FRAMES 1024
/* Of a message without the data of a Twrite: what fits into the frame, what is legal at all. */
#define VU_INLINE_HEAD 512
#define VU_MAX_HEAD 65536
/* Channels whose connection is gone but whose requests still run. */
#define VU_MAX_LINGERING 8

/* One T-message and the chain it came in. */
struct vu_frame {
	struct frame base;
	struct vu_frame *next; /* in the channel's free list */
	struct guest_memory *memory;
	struct vq_chain chain;
	unsigned epoch; /* of the ring that it came from */
	uint8_t *big;	/* its head, when longer than INLINE_HEAD */
	uint8_t head[VU_INLINE_HEAD];
};

/* A session's channel. */
struct vu_channel {
	struct channel base;
	struct vhost_user *vu;
	_Atomic(const char *) shutdown; /* the reason, once asked for */
	void *session;
	unsigned refs;	       /* with the lock: the device's, the session's */
	struct vu_frame *free; /* with the lock */
	unsigned n_frames;
	struct vu_frame frames[];
};

struct vu_ring {
	struct vq_config config; /* as the messages said; num 0 and has_addr false: not yet */
	bool has_addr, enabled;
	struct watch kick;   /* fd -1: none */
	bool kick_is_stream; /* a pipe or socket: to be read */

	/* With the lock; the loop's thread, which alone writes those of this line, reads them
	 * without. */
	bool broken;
	unsigned epoch; /* one more with each start and stop */
	int call_fd, err_fd;
	struct virtqueue vq;
};

/* The message at hand. */
struct vu_inbox {
	struct vu_message m;
	size_t got; /* bytes of header and payload */
	int fds[VU_MAX_FDS];
	unsigned n_fds;
	bool deferred; /* complete, and waits for the requests in flight */
};

struct vhost_user {
	struct loop *loop;
	const struct handler *handler;
	char *path;	     /* of the listening socket that we made */
	struct unix_id id;   /* the file at PATH */
	struct watch listen; /* fd -1: none */
	bool listening;	     /* watched now */
	void (*ended)(void *arg);
	void *ended_arg;
	unsigned n_warnings;
	uint8_t config_space[VU_CONFIG_SIZE];

	/* The connection; all zero or -1 without one. Loop's thread. */
	struct watch conn;
	char peer[64];
	struct vu_inbox in;
	uint64_t features, protocol_features;
	uint8_t status;
	bool has_warned; /* a broken device says so once a connection */
	int backend_fd;
	struct vu_channel *channel;  /* NULL without a session */
	struct guest_memory *memory; /* NULL before the first table; with the lock to write */
	struct vu_ring ring;

	pthread_mutex_t lock;
	/* With the lock. */
	pthread_cond_t released;
	unsigned n_channels;
	unsigned in_flight; /* frames of all channels */
	bool draining;	    /* post the task when in_flight gets 0 */
	bool starved;	    /* post the task when a frame comes back */
	bool posted;
	struct task task; /* vu_run_again */
};

/* vhost-channel.c */

/* A new channel and its session. -ENOMEM, or the handler's refusal. */
int vu_channel_open(struct vhost_user *vu);

/* Ends the session, if there is one. */
void vu_channel_close(struct vhost_user *vu);

/* The next chain of the ring as a frame. 1, 0 when there is none now; -EPROTO: *RET_WHY says how
 * the driver broke the rules. */
int vu_frame_take(struct vhost_user *vu, struct vu_frame **ret, const char **ret_why);

/* vhost-ring.c */

/* Starts the ring if all is there that it needs, and takes what waits in it. */
void vu_ring_try_start(struct vhost_user *vu);

/* A new memory table M, which the device takes over, also under a running ring. */
void vu_set_memory(struct vhost_user *vu, struct guest_memory *m);

/* No chain is taken from now on, and none given back. */
void vu_ring_stop(struct vhost_user *vu);

/* Takes over FD (or -1). -EINVAL when it cannot be waited for. */
int vu_ring_set_kick(struct vhost_user *vu, int fd);
void vu_ring_set_call(struct vhost_user *vu, int fd);
void vu_ring_set_err(struct vhost_user *vu, int fd);

/* The driver broke the rules, or the server gave the session up: nothing happens any more before
 * the driver resets the device. */
void vu_break(struct vhost_user *vu, const char *why);

/* Puts the chain with HEAD back; notifies at once unless this thread is in a batch. With the lock.
 */
void vu_ring_push_locked(struct vhost_user *vu, uint16_t head, uint32_t len);

/* Makes the loop's thread look at everything again. With the lock. */
void vu_post_locked(struct vhost_user *vu);
void vu_run_again(struct task *t);

static inline bool vu_ring_is_running(const struct vhost_user *vu)
{
	return vq_is_started(&vu->ring.vq) && vu->ring.enabled && !vu->ring.broken &&
	       !vu->in.deferred && vu->channel && !atomic_load(&vu->channel->shutdown);
}

/* vhost-message.c */

/* Descriptors became ready on the connection. */
void vu_message_ready(struct watch *w, uint32_t events);

/* Goes on with a message that waited, if it may now. */
void vu_message_resume(struct vhost_user *vu);

/* Closes the descriptors that came with the message at hand. */
void vu_message_drop_fds(struct vhost_user *vu);

/* vhost-handlers.c: 0, or -errno: refused, and *RET_WHY says why if it is set. Those of messages
 * with a reply change the payload to it, and header.size. */
#define M(number, upper, name, ...) int vu_##name(struct vhost_user *vu, const char **ret_why);
VU_MESSAGES(M)
#undef M

/* vhost-user.c */

/* For the log: WHAT happened, and WHY. */
void vu_warn(struct vhost_user *vu, const char *what, const char *why);

/* Ends the connection; WHY is NULL when the front end did. */
void vu_disconnect(struct vhost_user *vu, const char *why);

/* Accepts the next front end, if it may. */
void vu_listen_again(struct vhost_user *vu);

#endif
