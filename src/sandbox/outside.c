/* SPDX-License-Identifier: MIT */
/* The server's half of the talk with its supervisor. */
#include "outside.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "sandbox-impl.h"

/* One question at a time: its answer is the next packet. */
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;

union fd_message {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

static int send_call(int to, const struct outside_call *call, int fd)
{
	const size_t size = offsetof(struct outside_call, path) + strlen(call->path) + 1;
	struct iovec iov = {(void *)call, size};
	union fd_message control = {.room = {0}};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
		control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
						.cmsg_level = SOL_SOCKET,
						.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	while (sendmsg(to, &m, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int receive(int from, struct outside_reply *ret)
{
	struct iovec iov = {ret, sizeof(*ret)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do
		n = recvmsg(from, &m, 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*ret))
		return n < 0 ? -errno : -EPIPE;
	return ret->error;
}

/* #syscalls owners: sendmsg recvmsg */
static int ask(const struct sandbox *s, const struct outside_call *call, int fd,
	       struct outside_reply *ret)
{
	int r;

	if (s->outside_fd < 0)
		return -ENOTCONN;
	pthread_mutex_lock(&asking);
	r = send_call(s->outside_fd, call, fd);
	if (!r)
		r = receive(s->outside_fd, ret);
	pthread_mutex_unlock(&asking);
	return r;
}

int outside_started(const struct sandbox *s, pid_t pid)
{
	const struct outside_call call = {.kind = OUTSIDE_STARTED, .pid = pid};

	return send_call(s->outside_fd, &call, -1);
}

int outside_wait_started(const struct sandbox *s)
{
	struct outside_reply reply;

	return receive(s->outside_fd, &reply);
}

int sandbox_remove_at_end(struct sandbox *s, const char *path)
{
	struct outside_call call = {.kind = OUTSIDE_REMOVE};
	autofree char *whole = realpath(path, NULL);
	struct stat st;

	if (!whole || lstat(whole, &st))
		return -errno;
	if (strlen(whole) >= sizeof(call.path))
		return -ENAMETOOLONG;
	strcpy(call.path, whole);
	call.dev = st.st_dev;
	call.ino = st.st_ino;
	return s->outside_fd < 0 ? 0 : send_call(s->outside_fd, &call, -1);
}

int outside_sealed(struct sandbox *s)
{
	const struct outside_call call = {.kind = OUTSIDE_SEALED};
	struct outside_reply reply;

	return s->outside_fd < 0 ? 0 : ask(s, &call, -1, &reply);
}

int sandbox_ask_owner(struct sandbox *s, int fd, uint32_t *ret_uid, uint32_t *ret_gid)
{
	const struct outside_call call = {.kind = OUTSIDE_OWNER};
	struct outside_reply reply;
	int r = ask(s, &call, fd, &reply);

	if (r)
		return r;
	*ret_uid = reply.uid;
	*ret_gid = reply.gid;
	return 0;
}
