/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "vhost-device.h"

/* Chains taken before other descriptors have their turn. */
#define BATCH 64

/* The device whose batch runs on this thread: its replies go out together. */
static _Thread_local const struct vhost_user *batching;

/* An eventfd, or a pipe or socket (UML). One that is full has been heard already. */
/* #syscalls: write */
static void signal_fd(int fd)
{
	const uint64_t one = 1;
	int saved = errno;

	if (fd >= 0)
		(void)!write(fd, &one, sizeof(one));
	errno = saved;
}

static void publish_locked(struct vhost_user *vu)
{
	if (vq_is_started(&vu->ring.vq) && vq_publish(&vu->ring.vq))
		signal_fd(vu->ring.call_fd);
}

void vu_ring_push_locked(struct vhost_user *vu, uint16_t head, uint32_t len)
{
	if (!vq_is_started(&vu->ring.vq))
		return;
	vq_push(&vu->ring.vq, head, len);
	if (batching != vu)
		publish_locked(vu);
}

void vu_post_locked(struct vhost_user *vu)
{
	if (vu->posted)
		return;
	vu->posted = true;
	loop_post(vu->loop, &vu->task);
}

void vu_break(struct vhost_user *vu, const char *why)
{
	if (vu->ring.broken)
		return;
	pthread_mutex_lock(&vu->lock);
	vu->ring.broken = true;
	pthread_mutex_unlock(&vu->lock);
	vu->status |= VIRTIO_STATUS_NEEDS_RESET;
	signal_fd(vu->ring.err_fd);
	if (!vu->has_warned)
		vu_warn(vu, "the device is broken until its reset", why);
	vu->has_warned = true;
	vu_channel_close(vu);
}

/* One chain to the server. False: none, or not now. */
static bool take(struct vhost_user *vu, bool follows)
{
	struct vu_frame *f;
	const char *why;
	int r;

	if (!vu_ring_is_running(vu))
		return false;
	r = vu_frame_take(vu, &f, &why);
	if (r > 0) {
		f->base.follows = follows;
		vu->handler->ops->receive(vu->channel->session, &f->base);
	} else if (r < 0) {
		vu_break(vu, why);
	}
	return r > 0;
}

/* All that waits, at most a batch. True: there is more. */
static bool take_batch(struct vhost_user *vu)
{
	struct virtqueue *vq = &vu->ring.vq;
	int n = 0;

	do {
		vq_disable_kicks(vq);
		while (n < BATCH && take(vu, n > 0))
			n++;
		if (n == BATCH)
			return true;
		/* A frame that comes back, or a new start, looks again. */
		if (!vu_ring_is_running(vu) || vu->starved)
			return false;
	} while (vq_enable_kicks(vq));
	return false;
}

/* After whatever may have touched the memory. */
static void check_memory(struct vhost_user *vu)
{
	if (vu->channel && guest_memory_is_lost(vu->memory))
		vu_break(vu, "the front end took memory away under the device");
}

static void run(struct vhost_user *vu)
{
	bool more;

	batching = vu;
	more = take_batch(vu);
	batching = NULL;
	pthread_mutex_lock(&vu->lock);
	publish_locked(vu);
	if (more)
		vu_post_locked(vu);
	pthread_mutex_unlock(&vu->lock);
	check_memory(vu);
}

static void run_if_running(struct vhost_user *vu)
{
	if (vu_ring_is_running(vu))
		run(vu);
}

void vu_run_again(struct task *t)
{
	struct vhost_user *vu = container_of(t, struct vhost_user, task);
	const char *why;

	pthread_mutex_lock(&vu->lock);
	vu->posted = false;
	vu->starved = false;
	pthread_mutex_unlock(&vu->lock);
	why = vu->channel ? atomic_load(&vu->channel->shutdown) : NULL;
	if (why)
		vu_break(vu, why);
	check_memory(vu);
	vu_message_resume(vu);
	run_if_running(vu);
	vu_listen_again(vu);
}

static void remove_kick(struct vhost_user *vu)
{
	if (vu->ring.kick.fd < 0)
		return;
	loop_remove(vu->loop, &vu->ring.kick);
	close(vu->ring.kick.fd);
	vu->ring.kick.fd = -1;
}

/* #syscalls: read */
static void kicked(struct watch *w, uint32_t events)
{
	struct vhost_user *vu = container_of(w, struct vhost_user, ring.kick);
	uint8_t bytes[256];

	(void)events;
	if (vu->ring.kick_is_stream) {
		ssize_t n = read(w->fd, bytes, sizeof(bytes));

		/* At its end it would be ready for ever. */
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			remove_kick(vu);
	}
	run_if_running(vu);
}

/* An eventfd has no S_IFMT bits. It is watched for edges and never read: each write is an edge, and
 * its counter does not overflow. A pipe or a socket would fill up. */
/* #syscalls: fstat newfstatat fcntl */
static int watch_kick(struct vhost_user *vu, int fd)
{
	struct vu_ring *ring = &vu->ring;
	struct stat st;

	if (fstat(fd, &st) || fcntl(fd, F_SETFL, O_NONBLOCK))
		return -EINVAL;
	ring->kick_is_stream = st.st_mode & S_IFMT;
	ring->kick = (struct watch){.fd = fd, .ready = kicked};
	if (loop_add(vu->loop, &ring->kick, ring->kick_is_stream ? EPOLLIN : EPOLLIN | EPOLLET)) {
		ring->kick.fd = -1;
		return -EINVAL;
	}
	return 0;
}

int vu_ring_set_kick(struct vhost_user *vu, int fd)
{
	int r;

	remove_kick(vu);
	if (fd < 0)
		return 0;
	r = watch_kick(vu, fd);
	if (r)
		close(fd);
	return r;
}

static void set_signal(struct vhost_user *vu, int *slot, int fd)
{
	int old;

	/* We must never wait for whoever listens to it. */
	if (fd >= 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	pthread_mutex_lock(&vu->lock);
	old = *slot;
	*slot = fd;
	pthread_mutex_unlock(&vu->lock);
	if (old >= 0)
		close(old);
}

void vu_ring_set_call(struct vhost_user *vu, int fd)
{
	set_signal(vu, &vu->ring.call_fd, fd);
	/* Replies may have gone out before there was anybody to tell. */
	if (vq_is_started(&vu->ring.vq))
		signal_fd(fd);
}

void vu_ring_set_err(struct vhost_user *vu, int fd)
{
	set_signal(vu, &vu->ring.err_fd, fd);
}

static void start(struct vhost_user *vu)
{
	struct vu_ring *ring = &vu->ring;
	int r;

	pthread_mutex_lock(&vu->lock);
	r = vq_start(&ring->vq, &ring->config, vu->memory);
	ring->epoch++;
	pthread_mutex_unlock(&vu->lock);
	if (r) {
		vu_break(vu, ring->vq.why);
		return;
	}
	if (!vu->channel && vu_channel_open(vu))
		vu_break(vu, "the server does not take the session");
}

void vu_ring_try_start(struct vhost_user *vu)
{
	struct vu_ring *ring = &vu->ring;

	if (ring->broken || ring->kick.fd < 0 || !ring->enabled)
		return;
	if (!vq_is_started(&ring->vq)) {
		if (!ring->config.num || !ring->has_addr || !vu->memory)
			return;
		start(vu);
	}
	run_if_running(vu);
}

void vu_ring_stop(struct vhost_user *vu)
{
	struct vu_ring *ring = &vu->ring;

	pthread_mutex_lock(&vu->lock);
	if (vq_is_started(&ring->vq))
		ring->config.next = ring->vq.next_avail;
	vq_stop(&ring->vq);
	ring->epoch++;
	ring->broken = false;
	pthread_mutex_unlock(&vu->lock);
}

void vu_set_memory(struct vhost_user *vu, struct guest_memory *m)
{
	struct guest_memory *old = vu->memory;
	int r = 0;

	pthread_mutex_lock(&vu->lock);
	vu->memory = m;
	if (vq_is_started(&vu->ring.vq))
		r = vq_remap(&vu->ring.vq, m);
	pthread_mutex_unlock(&vu->lock);
	guest_memory_unref(old);
	if (r)
		vu_break(vu, vu->ring.vq.why);
}
