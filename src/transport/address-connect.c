/* SPDX-License-Identifier: MIT */
/* The clients' side of an address. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "cleanup.h"

static int connect_unix(const struct address *a)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sun.sun_path, a->path, sizeof(a->path));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&sun, sizeof(sun)))
		return -errno;
	return steal_fd(&fd);
}

static int connect_tcp(const struct address *a)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	char port[16];
	int fd = -EHOSTUNREACH;

	snprintf(port, sizeof(port), "%u", a->port);
	if (getaddrinfo(a->host, port, &hints, &list))
		return -EHOSTUNREACH;
	for (struct addrinfo *i = list; i && fd < 0; i = i->ai_next) {
		autoclose int try = socket(i->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		fd = try < 0 || connect(try, i->ai_addr, i->ai_addrlen) ? -errno : steal_fd(&try);
		if (fd >= 0)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	}
	freeaddrinfo(list);
	return fd;
}

int address_connect(const struct address *a)
{
	if (a->kind == ADDRESS_UNIX)
		return connect_unix(a);
	return a->kind == ADDRESS_TCP ? connect_tcp(a) : -EOPNOTSUPP;
}
