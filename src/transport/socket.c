/* SPDX-License-Identifier: MIT */
/* Listening sockets. */
#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"

#define STREAM (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

/* A server that was killed with more than one process listens until the last of them is gone. */
#define GONE_WAIT_MS 300
#define GONE_TRIES 4

/* 0: nobody listens; 1: somebody who hung up at once; -EADDRINUSE, or what keeps us from asking. */
static int probe_once(const struct sockaddr_un *sa)
{
	autoclose int fd = socket(AF_UNIX, STREAM, 0);
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)sa, sizeof(*sa)))
		return poll(&p, 1, GONE_WAIT_MS) > 0 ? 1 : -EADDRINUSE;
	/* EAGAIN: its queue is full; EPROTOTYPE: it takes another type of socket. */
	if (errno == EAGAIN || errno == EPROTOTYPE)
		return -EADDRINUSE;
	return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

/* Does somebody listen on the socket at SA, and stay? 0: nobody; -EADDRINUSE, or what keeps us from
 * asking. */
static int probe(const struct sockaddr_un *sa)
{
	int r = 1;

	for (int i = 0; r > 0 && i < GONE_TRIES; i++)
		r = probe_once(sa);
	return r > 0 ? -EADDRINUSE : r;
}

/* Something is at the path: it goes if it is a socket without a listener. */
static int remove_stale(const struct sockaddr_un *sa, char **ret_why)
{
	struct stat st;
	int r;

	if (lstat(sa->sun_path, &st))
		return errno == ENOENT
			       ? 0
			       : why(ret_why, -errno, "%s: %s", sa->sun_path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return why(ret_why, -EEXIST,
			   "%s exists and is no socket: remove it, or choose another path",
			   sa->sun_path);
	r = probe(sa);
	if (r == -EADDRINUSE)
		return why(ret_why, r,
			   "another program listens on %s: end it, or choose another path",
			   sa->sun_path);
	if (r)
		return why(ret_why, r, "%s: %s: is it another user's? choose another path",
			   sa->sun_path, strerror(-r));
	if (unlink(sa->sun_path) && errno != ENOENT)
		return why(ret_why, -errno, "the stale socket %s cannot be removed: %s",
			   sa->sun_path, strerror(errno));
	return 0;
}

static int bind_unix(int fd, const struct sockaddr_un *sa, char **ret_why)
{
	int r;

	/* The mode of the file that bind makes is the socket's. */
	if (fchmod(fd, 0600))
		return why(ret_why, -errno, "fchmod of a socket: %s", strerror(errno));
	if (!bind(fd, (const struct sockaddr *)sa, sizeof(*sa)))
		return 0;
	if (errno == EADDRINUSE) {
		r = remove_stale(sa, ret_why);
		if (r)
			return r;
		if (!bind(fd, (const struct sockaddr *)sa, sizeof(*sa)))
			return 0;
	}
	if (errno == ENOENT)
		return why(ret_why, -ENOENT, "the folder of %s does not exist: make it first",
			   sa->sun_path);
	if (errno == EACCES)
		return why(ret_why, -EACCES,
			   "no permission to make the socket %s: choose a folder of yours",
			   sa->sun_path);
	return why(ret_why, -errno, "cannot make the socket %s: %s", sa->sun_path, strerror(errno));
}

int unix_listen(const char *path, int *ret_fd, struct unix_id *ret_id, char **ret_why)
{
	autoclose int fd = socket(AF_UNIX, STREAM, 0);
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct stat st;
	int r;

	if (strlen(path) >= sizeof(sa.sun_path))
		return why(ret_why, -ENAMETOOLONG,
			   "the socket path has %zu bytes and at most %zu fit: use a shorter one, "
			   "in /tmp or /run for example",
			   strlen(path), sizeof(sa.sun_path) - 1);
	if (fd < 0)
		return why(ret_why, -errno, "socket: %s", strerror(errno));
	memcpy(sa.sun_path, path, strlen(path) + 1);
	r = bind_unix(fd, &sa, ret_why);
	if (r)
		return r;
	if (lstat(path, &st) || listen(fd, SOMAXCONN)) {
		r = -errno;
		unlink(path);
		return why(ret_why, r, "cannot listen on %s: %s", path, strerror(-r));
	}
	*ret_id = (struct unix_id){st.st_dev, st.st_ino};
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* #syscalls: newfstatat unlink unlinkat */
void unix_remove(const char *path, const struct unix_id *id)
{
	struct stat st;

	if (!lstat(path, &st) && st.st_dev == id->dev && st.st_ino == id->ino)
		unlink(path);
}

static int explain_tcp(const struct address *a, int r, char **ret_why)
{
	if (r == -EADDRINUSE)
		return why(ret_why, r,
			   "port %u of %s is in use: end the other program, or give port 0 for "
			   "any free one",
			   a->port, a->host);
	if (r == -EACCES)
		return why(ret_why, r, "no permission for port %u: take one from 1024 on", a->port);
	if (r == -EADDRNOTAVAIL)
		return why(ret_why, r,
			   "%s is no address of this machine: 127.0.0.1 is, and 0.0.0.0 is all",
			   a->host);
	return why(ret_why, r, "cannot listen on %s port %u: %s", a->host, a->port, strerror(-r));
}

static int bind_tcp(const struct addrinfo *info, int *ret_fd)
{
	autoclose int fd = socket(info->ai_family, STREAM, info->ai_protocol);
	int on = 1;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, info->ai_addr, info->ai_addrlen) || listen(fd, SOMAXCONN))
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int listen_tcp(const struct address *a, int *ret_fd, char **ret_why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *info;
	char port[16];
	int r;

	snprintf(port, sizeof(port), "%u", a->port);
	r = getaddrinfo(a->host, port, &hints, &info);
	if (r)
		return why(ret_why, -EINVAL, "'%s' is no address: %s; give one as 127.0.0.1",
			   a->host, gai_strerror(r));
	r = bind_tcp(info, ret_fd);
	freeaddrinfo(info);
	return r ? explain_tcp(a, r, ret_why) : 0;
}

static int explain_vsock(const struct address *a, int r, char **ret_why)
{
	if (r == -EAFNOSUPPORT || r == -ENODEV)
		return why(ret_why, r,
			   "this kernel has no vsock: load vhost_vsock (modprobe vhost_vsock)");
	if (r == -EADDRINUSE)
		return why(ret_why, r, "vsock port %u is in use: give another one", a->port);
	if (r == -EADDRNOTAVAIL)
		return why(ret_why, r,
			   "%u is not this machine's vsock CID: give 'any', or 2 for a "
			   "host",
			   a->cid);
	return why(ret_why, r, "cannot listen on vsock port %u: %s", a->port, strerror(-r));
}

static int listen_vsock(const struct address *a, int *ret_fd, char **ret_why)
{
	autoclose int fd = socket(AF_VSOCK, STREAM, 0);
	struct sockaddr_vm sa = {
		.svm_family = AF_VSOCK,
		.svm_cid = a->cid,
		.svm_port = a->port ? a->port : VMADDR_PORT_ANY,
	};

	if (fd < 0 || bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) || listen(fd, SOMAXCONN))
		return explain_vsock(a, -errno, ret_why);
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int get_option(int fd, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) ? -errno : value;
}

int socket_inherit(int fd, int *ret_fd, bool *ret_listens, char **ret_why)
{
	int type = get_option(fd, SO_TYPE);
	int listens = get_option(fd, SO_ACCEPTCONN);

	if (type == -EBADF)
		return why(ret_why, type,
			   "descriptor %d is not open: whoever starts warren must pass it on", fd);
	if (type < 0 || listens < 0)
		return why(ret_why, -ENOTSOCK, "descriptor %d is no socket", fd);
	if (type != SOCK_STREAM)
		return why(ret_why, -EPROTOTYPE, "descriptor %d is no stream socket", fd);
	if (fd <= 2)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	else
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (fd < 0)
		return why(ret_why, -errno, "cannot copy a descriptor: %s", strerror(errno));
	*ret_fd = fd;
	*ret_listens = listens;
	return 0;
}

static int listen_inherited(const struct address *a, struct bound *b, char **ret_why)
{
	bool listens = false;
	int r = socket_inherit(a->fd, &b->fd, &listens, ret_why);

	if (r)
		return r;
	/* Another process that has the socket may take the peer that we were woken for. */
	if (listens)
		fcntl(b->fd, F_SETFL, fcntl(b->fd, F_GETFL) | O_NONBLOCK);
	b->connected = !listens;
	return 0;
}

int address_listen(const struct address *a, struct bound *ret_b, char **ret_why)
{
	struct bound b = {.fd = -1};
	int r = -EINVAL;

	switch (a->kind) {
	case ADDRESS_UNIX:
		r = unix_listen(a->path, &b.fd, &b.id, ret_why);
		break;
	case ADDRESS_TCP:
		r = listen_tcp(a, &b.fd, ret_why);
		break;
	case ADDRESS_VSOCK:
		r = listen_vsock(a, &b.fd, ret_why);
		break;
	case ADDRESS_FD:
		r = listen_inherited(a, &b, ret_why);
		break;
	}
	if (!r)
		*ret_b = b;
	return r;
}
