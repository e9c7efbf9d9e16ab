/* SPDX-License-Identifier: MIT */
#include "vhost-user.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "logging.h"
#include "macros.h"
#include "vhost-device.h"

#define TAG_MAX 32
/* Front ends can come again and again. */
#define MAX_WARNINGS 20

const char *vhost_user_capabilities(void)
{
	return "{\"type\": \"9p\", \"features\": []}\n";
}

void vu_listen_again(struct vhost_user *vu)
{
	unsigned n;

	if (vu->listen.fd < 0 || vu->listening || vu->conn.fd >= 0)
		return;
	pthread_mutex_lock(&vu->lock);
	n = vu->n_channels;
	pthread_mutex_unlock(&vu->lock);
	/* By edges: an accept that fails for want of descriptors does not spin, and the next front
	 * end that knocks wakes us again. */
	if (n < VU_MAX_LINGERING && !loop_add(vu->loop, &vu->listen, EPOLLIN | EPOLLET))
		vu->listening = true;
}

void vu_warn(struct vhost_user *vu, const char *what, const char *why)
{
	const char *who = *vu->peer ? vu->peer : "vhost-user";

	if (++vu->n_warnings <= MAX_WARNINGS)
		log_warn("%s: %s: %s", who, what, why);
	else
		log_debug("%s: %s: %s", who, what, why);
	if (vu->n_warnings == MAX_WARNINGS)
		log_warn("vhost-user: no more warnings of this kind from now on");
}

static void reset_device(struct vhost_user *vu)
{
	vu_channel_close(vu);
	vu_ring_stop(vu);
	vu_ring_set_kick(vu, -1);
	vu_ring_set_call(vu, -1);
	vu_ring_set_err(vu, -1);
	vu->ring.config = (struct vq_config){.num = 0};
	vu->ring.has_addr = vu->ring.enabled = false;
	vu->features = vu->protocol_features = 0;
	vu->status = 0;
	vu->has_warned = false;
	if (vu->backend_fd >= 0)
		close(vu->backend_fd);
	vu->backend_fd = -1;
	/* Requests in flight hold references of their own. */
	pthread_mutex_lock(&vu->lock);
	vu->draining = false;
	pthread_mutex_unlock(&vu->lock);
	guest_memory_unref(vu->memory);
	vu->memory = NULL;
}

void vu_disconnect(struct vhost_user *vu, const char *why)
{
	if (vu->conn.fd < 0)
		return;
	if (why)
		vu_warn(vu, "connection ended", why);
	else
		log_debug("%s: the front end left", vu->peer);
	loop_remove(vu->loop, &vu->conn);
	close(vu->conn.fd);
	vu->conn.fd = -1;
	vu_message_drop_fds(vu);
	vu->in.got = 0;
	vu->in.deferred = false;
	reset_device(vu);
	vu_listen_again(vu);
	if (vu->listen.fd < 0 && vu->ended)
		vu->ended(vu->ended_arg);
}

/* Takes over FD. */
/* #syscalls: getsockopt */
static int connected(struct vhost_user *vu, int fd)
{
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);
	int r;

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	/* Process 0: one that our pid namespace does not have. */
	snprintf(vu->peer, sizeof(vu->peer), cred.pid ? "vhost-user pid %d" : "vhost-user",
		 (int)cred.pid);
	vu->conn.fd = fd;
	r = loop_add(vu->loop, &vu->conn, EPOLLIN);
	if (r) {
		close(fd);
		vu->conn.fd = -1;
		return r;
	}
	log_debug("%s: connected", vu->peer);
	return 0;
}

/* #syscalls: accept4 */
static void accept_one(struct watch *w, uint32_t events)
{
	struct vhost_user *vu = container_of(w, struct vhost_user, listen);
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0) {
		if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
			vu_warn(vu, "a front end cannot connect", strerror(errno));
		return;
	}
	/* The others wait in the socket's queue. */
	loop_remove(vu->loop, &vu->listen);
	vu->listening = false;
	if (connected(vu, fd))
		vu_listen_again(vu);
}

static void set_tag(struct vhost_user *vu, const char *tag)
{
	uint16_t len = (uint16_t)strlen(tag);

	memcpy(vu->config_space, &len, sizeof(len));
	memcpy(vu->config_space + sizeof(len), tag, len);
}

static int open_socket(struct vhost_user *vu, const struct vhost_user_config *cfg, char **ret_why)
{
	bool listens;
	int fd, r;

	if (cfg->socket_path) {
		vu->path = strdup(cfg->socket_path);
		if (!vu->path)
			return why(ret_why, -ENOMEM, "out of memory");
		r = unix_listen(vu->path, &vu->listen.fd, &vu->id, ret_why);
		if (!r)
			vu_listen_again(vu);
		return r;
	}
	r = socket_inherit(cfg->fd, &fd, &listens, ret_why);
	if (r)
		return r;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (listens) {
		vu->listen.fd = fd;
		vu_listen_again(vu);
		return 0;
	}
	r = connected(vu, fd);
	return r ? why(ret_why, r, "cannot use the inherited socket: %s", strerror(-r)) : 0;
}

static struct vhost_user *alloc_device(struct loop *l, const struct handler *h)
{
	struct vhost_user *vu = calloc(1, sizeof(*vu));

	if (!vu)
		return NULL;
	vu->loop = l;
	vu->handler = h;
	vu->listen = (struct watch){.fd = -1, .ready = accept_one};
	vu->conn = (struct watch){.fd = -1, .ready = vu_message_ready};
	vu->ring.kick.fd = vu->ring.call_fd = vu->ring.err_fd = vu->backend_fd = -1;
	vu->task.run = vu_run_again;
	pthread_mutex_init(&vu->lock, NULL);
	pthread_cond_init(&vu->released, NULL);
	return vu;
}

int vhost_user_new(struct loop *l, const struct vhost_user_config *cfg, const struct handler *h,
		   struct vhost_user **ret, char **ret_why)
{
	size_t len = strlen(cfg->tag);
	struct vhost_user *vu;
	int r;

	if (!len || len > TAG_MAX)
		return why(ret_why, -EINVAL, "a mount tag has 1 to %d bytes, this one has %zu",
			   TAG_MAX, len);
	vu = alloc_device(l, h);
	if (!vu)
		return why(ret_why, -ENOMEM, "out of memory");
	/* A front end's pipe for interrupts may close at any time. */
	signal(SIGPIPE, SIG_IGN);
	set_tag(vu, cfg->tag);
	r = open_socket(vu, cfg, ret_why);
	if (r) {
		vhost_user_free(vu);
		return r;
	}
	*ret = vu;
	return 0;
}

void vhost_user_on_end(struct vhost_user *vu, void (*ended)(void *arg), void *arg)
{
	vu->ended = ended;
	vu->ended_arg = arg;
}

static void stop_listening(struct vhost_user *vu)
{
	if (vu->listen.fd < 0)
		return;
	if (vu->listening)
		loop_remove(vu->loop, &vu->listen);
	close(vu->listen.fd);
	vu->listen.fd = -1;
	if (vu->path)
		unix_remove(vu->path, &vu->id);
}

void vhost_user_free(struct vhost_user *vu)
{
	if (!vu)
		return;
	vu->ended = NULL;
	stop_listening(vu);
	vu_disconnect(vu, NULL);
	pthread_mutex_lock(&vu->lock);
	while (vu->n_channels)
		pthread_cond_wait(&vu->released, &vu->lock);
	pthread_mutex_unlock(&vu->lock);
	pthread_cond_destroy(&vu->released);
	pthread_mutex_destroy(&vu->lock);
	free(vu->path);
	free(vu);
}
