/* SPDX-License-Identifier: MIT */
/* Addresses as text. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "number.h"

int why(char **ret_why, int r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (vasprintf(ret_why, fmt, args) < 0)
		*ret_why = NULL;
	va_end(args);
	return r;
}

const char *address_kind_name(enum address_kind kind)
{
	static const char *const names[] = {
		[ADDRESS_UNIX] = "unix",
		[ADDRESS_TCP] = "tcp",
		[ADDRESS_VSOCK] = "vsock",
		[ADDRESS_FD] = "fd",
	};

	return names[kind];
}

static bool is_number(const char *text, uint32_t max, uint32_t *ret)
{
	uint64_t n;

	if (!number_parse(text, 0, max, &n))
		return false;
	*ret = (uint32_t)n;
	return true;
}

static int parse_unix(const char *text, struct address *a, char **ret_why)
{
	size_t len = strlen(text);

	if (!len)
		return why(ret_why, -EINVAL, "'unix:' needs a path, such as unix:/run/warren.9p");
	if (len >= sizeof(a->path))
		return why(ret_why, -ENAMETOOLONG,
			   "the socket path has %zu bytes and at most %zu fit: use a shorter one, "
			   "in /tmp or /run for example",
			   len, sizeof(a->path) - 1);
	memcpy(a->path, text, len + 1);
	return 0;
}

/* Cuts "[HOST]:PORT" or "HOST:PORT". */
static bool split_host(const char *text, struct address *a, const char **ret_port)
{
	bool brackets = *text == '[';
	size_t len = strcspn(text + brackets, brackets ? "]" : ":");
	const char *end = text + brackets + len;

	if (brackets && *end++ != ']')
		return false;
	if (!len || len >= sizeof(a->host) || *end != ':' || strchr(end + 1, ':'))
		return false;
	memcpy(a->host, text + brackets, len);
	a->host[len] = '\0';
	*ret_port = end + 1;
	return true;
}

static int parse_tcp(const char *text, struct address *a, char **ret_why)
{
	const char *port;
	struct in6_addr ipv6;

	if (inet_pton(AF_INET6, text, &ipv6) == 1 || (*text != '[' && strstr(text, "::")))
		return why(ret_why, -EINVAL,
			   "'tcp:%s': write an IPv6 address in brackets, such as tcp:[::1]:564",
			   text);
	if (!split_host(text, a, &port))
		return why(ret_why, -EINVAL,
			   "'tcp:%s' is not tcp:ADDRESS:PORT, such as tcp:127.0.0.1:564", text);
	if (!is_number(port, 65535, &a->port))
		return why(ret_why, -EINVAL,
			   "'%s' is no port: give a number up to 65535, or 0 for any free one",
			   port);
	return 0;
}

static int parse_vsock(const char *text, struct address *a, char **ret_why)
{
	char cid[16] = "";
	size_t len = strcspn(text, ":");

	if (len < sizeof(cid))
		memcpy(cid, text, len);
	if (!strcmp(cid, "any"))
		a->cid = VMADDR_CID_ANY;
	else if (!is_number(cid, UINT32_MAX, &a->cid))
		len = strlen(text);
	if (text[len] != ':')
		return why(ret_why, -EINVAL,
			   "'vsock:%s' is not vsock:CID:PORT, such as vsock:2:564 or vsock:any:564",
			   text);
	if (!is_number(text + len + 1, UINT32_MAX, &a->port))
		return why(ret_why, -EINVAL,
			   "'%s' is no port: give a number, or 0 for any free one", text + len + 1);
	return 0;
}

static int parse_fd(const char *text, struct address *a, char **ret_why)
{
	uint32_t fd;

	if (!is_number(text, INT32_MAX, &fd))
		return why(ret_why, -EINVAL,
			   "'fd:%s': give the number of an inherited socket, such as fd:3", text);
	a->fd = (int)fd;
	return 0;
}

int address_parse(const char *text, struct address *ret_a, char **ret_why)
{
	static int (*const parse[])(const char *text, struct address *a, char **ret_why) = {
		[ADDRESS_UNIX] = parse_unix,
		[ADDRESS_TCP] = parse_tcp,
		[ADDRESS_VSOCK] = parse_vsock,
		[ADDRESS_FD] = parse_fd,
	};
	size_t len = strcspn(text, ":");

	for (unsigned kind = 0; kind < ARRAY_SIZE(parse); kind++) {
		const char *name = address_kind_name((enum address_kind)kind);
		struct address a = {.kind = (enum address_kind)kind, .fd = -1};
		int r;

		if (strlen(name) != len || memcmp(name, text, len) != 0 || !text[len])
			continue;
		r = parse[kind](text + len + 1, &a, ret_why);
		if (!r)
			*ret_a = a;
		return r;
	}
	return why(ret_why, -EINVAL,
		   "'%s' is no address: write unix:PATH, tcp:ADDRESS:PORT, vsock:CID:PORT or fd:N",
		   text);
}

static uint32_t tcp_port(int fd)
{
	struct sockaddr_in6 sa = {0};
	socklen_t len = sizeof(sa);

	/* The port is at the same place for IPv4. */
	getsockname(fd, (struct sockaddr *)&sa, &len);
	return ntohs(sa.sin6_port);
}

static uint32_t vsock_port(int fd)
{
	struct sockaddr_vm sa = {0};
	socklen_t len = sizeof(sa);

	getsockname(fd, (struct sockaddr *)&sa, &len);
	return sa.svm_port;
}

char *address_text(const struct address *a, int fd)
{
	const char *b = strchr(a->host, ':') ? "[]" : "";
	char *text = NULL;
	int n = -1;

	switch (a->kind) {
	case ADDRESS_UNIX:
		n = asprintf(&text, "unix:%s", a->path);
		break;
	case ADDRESS_TCP:
		n = asprintf(&text, "tcp:%.1s%s%.1s:%u", b, a->host, *b ? b + 1 : b, tcp_port(fd));
		break;
	case ADDRESS_VSOCK:
		if (a->cid == VMADDR_CID_ANY)
			n = asprintf(&text, "vsock:any:%u", vsock_port(fd));
		else
			n = asprintf(&text, "vsock:%u:%u", a->cid, vsock_port(fd));
		break;
	case ADDRESS_FD:
		n = asprintf(&text, "fd:%d", a->fd);
		break;
	}
	return n < 0 ? NULL : text;
}

bool address_is_public(const struct address *a, int fd)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} sa = {0};
	socklen_t len = sizeof(sa);

	if (a->kind != ADDRESS_TCP || getsockname(fd, &sa.sa, &len))
		return false;
	if (sa.sa.sa_family == AF_INET)
		return ntohl(sa.in.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET;
	return !IN6_IS_ADDR_LOOPBACK(&sa.in6.sin6_addr);
}
