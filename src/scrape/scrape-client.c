/* SPDX-License-Identifier: MIT */
#include "scrape-client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "cleanup.h"
#include "clock.h"
#include "macros.h"

/* All operations with all their buckets are less than that. */
#define MAX_ANSWER (1u << 20)

static int ask(int fd)
{
	static const char request[] = "GET /metrics.json HTTP/1.0\r\nHost: warren\r\n\r\n";
	ssize_t n = send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	return n == sizeof(request) - 1 ? 0 : -EIO;
}

/* 0 when there is something to receive. */
static int wait_for(int fd, uint64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now = clock_now_ns();
	int n = now >= deadline ? 0 : poll(&p, 1, (int)((deadline - now) / NS_PER_MS) + 1);

	return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
}

/* Until the peer closes, which must have said something; BUF has room for a NUL behind CAP bytes. */
static int receive_all(int fd, uint64_t deadline, char *buf, size_t cap)
{
	size_t n = 0;

	for (;;) {
		ssize_t got;
		int err = wait_for(fd, deadline);

		if (err)
			return err;
		if (n == cap)
			return -EPROTO;
		got = recv(fd, buf + n, cap - n, MSG_DONTWAIT);
		if (got < 0 && errno != EAGAIN)
			return -errno;
		if (got == 0)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	buf[n] = '\0';
	return n ? 0 : -ECONNRESET; /* a server that ends hangs up */
}

/* Behind the header of an answer that is 200; NULL: it is no such answer. */
static const char *find_body(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");

	return !strncmp(answer, "HTTP/1.", 7) && !strncmp(answer + 8, " 200", 4) && end ? end + 4
											: NULL;
}

static int fetch(const struct address *a, int timeout_ms, char *buf)
{
	uint64_t deadline = clock_now_ns() + (unsigned)timeout_ms * NS_PER_MS;
	autoclose int fd = address_connect(a);
	int err = fd < 0 ? fd : ask(fd);

	return err ? err : receive_all(fd, deadline, buf, MAX_ANSWER);
}

int scrape_fetch(const struct address *a, int timeout_ms, char **ret_json, char **ret_why)
{
	autofree char *buf = malloc(MAX_ANSWER + 1);
	int err = buf ? fetch(a, timeout_ms, buf) : -ENOMEM;
	const char *body = err ? NULL : find_body(buf);

	if (!err && !body)
		err = -EPROTO;
	if (err == -ETIMEDOUT)
		return why(ret_why, err, "no answer in %d s", timeout_ms / 1000);
	if (err == -EPROTO)
		return why(ret_why, err, "what answers there is no 'warren serve --metrics'");
	if (err)
		return why(ret_why, err, "%s", strerror(-err));
	*ret_json = strdup(body);
	return *ret_json ? 0 : why(ret_why, -ENOMEM, "out of memory");
}
