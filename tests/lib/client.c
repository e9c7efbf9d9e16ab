/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"

#define MAX_REPLY (64u << 20) /* more is a reply gone wild */

struct client {
	int fd;
	int timeout_ms;
	uint8_t *reply;
	size_t cap;
};

struct client *client_new(int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return NULL;
	}
	c->fd = fd;
	c->timeout_ms = 120000;
	return c;
}

struct client *client_connect_unix(const char *path)
{
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(a.sun_path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	strcpy(a.sun_path, path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)))
		return NULL;
	return client_new(steal_fd(&fd));
}

void client_free(struct client *c)
{
	if (!c)
		return;
	close(c->fd);
	free(c->reply);
	free(c);
}

int client_fd(const struct client *c)
{
	return c->fd;
}

void client_set_timeout(struct client *c, int ms)
{
	c->timeout_ms = ms;
}

int client_send_bytes(struct client *c, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n) {
		ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		p += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* More than any message of the table without its data: 16 names of a Twalk, or two strings. */
#define MOST_WITHOUT_DATA (P9_MAXWELEM * (2u + UINT16_MAX) + 256u)

static size_t most_bytes(const struct msg *m)
{
	size_t data = m->type == Twrite	    ? m->Twrite.data.count
		      : m->type == Rread    ? m->Rread.data.count
		      : m->type == Rreaddir ? m->Rreaddir.data.count
					    : 0;

	return MOST_WITHOUT_DATA + data;
}

int client_send(struct client *c, const struct msg *m)
{
	size_t cap = most_bytes(m), n;
	autofree uint8_t *buf = malloc(cap);
	int err = buf ? msg_encode(m, buf, cap, &n) : -ENOMEM;

	return err ? err : client_send_bytes(c, buf, n);
}

static int receive(struct client *c, uint8_t *p, size_t n)
{
	while (n) {
		struct pollfd pfd = {.fd = c->fd, .events = POLLIN};
		int ready = poll(&pfd, 1, c->timeout_ms);
		ssize_t got;

		if (ready == 0)
			return -ETIMEDOUT;
		got = ready < 0 ? -1 : recv(c->fd, p, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ECONNRESET;
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

static int make_room(struct client *c, size_t n)
{
	uint8_t *p;

	if (n <= c->cap)
		return 0;
	p = realloc(c->reply, n);
	if (!p)
		return -ENOMEM;
	c->reply = p;
	c->cap = n;
	return 0;
}

int client_recv_bytes(struct client *c, const uint8_t **ret_p, size_t *ret_n)
{
	uint8_t head[4];
	uint32_t size;
	int err = receive(c, head, sizeof(head));

	if (err)
		return err;
	size = (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 |
	       (uint32_t)head[3] << 24;
	if (size < P9_HEADER_SIZE || size > MAX_REPLY)
		return -EBADMSG;
	err = make_room(c, size);
	if (err)
		return err;
	memcpy(c->reply, head, sizeof(head));
	err = receive(c, c->reply + sizeof(head), size - sizeof(head));
	if (err)
		return err;
	*ret_p = c->reply;
	*ret_n = size;
	return 0;
}

int client_recv(struct client *c, struct msg *ret_m)
{
	const uint8_t *p;
	size_t n;
	int err = client_recv_bytes(c, &p, &n);

	return err ? err : msg_decode(p, n, 0, MSG_FROM_SERVER, ret_m);
}

int client_call(struct client *c, const struct msg *m, struct msg *ret_reply)
{
	int err;

	memset(ret_reply, 0, sizeof(*ret_reply));
	err = client_send(c, m);
	if (!err)
		err = client_recv(c, ret_reply);
	if (err) {
		ret_reply->type = 0;
		return err;
	}
	if (ret_reply->tag != m->tag)
		return -EPROTO;
	if (ret_reply->type == Rlerror)
		return -(int)ret_reply->Rlerror.ecode;
	return ret_reply->type == m->type + 1 ? 0 : -EPROTO;
}

/* The message of the formatted text; its views lie in *RET_SCRATCH, which the caller frees. */
static int format_msg(struct msg *ret_m, char **ret_scratch, const char *text, va_list args)
	__attribute__((format(printf, 3, 0)));

static int format_msg(struct msg *ret_m, char **ret_scratch, const char *text, va_list args)
{
	autofree char *line = NULL;
	int n = vasprintf(&line, text, args);
	char *scratch = n < 0 ? NULL : malloc((size_t)n + 1);

	if (!scratch)
		return -ENOMEM;
	if (msg_parse(line, scratch, (size_t)n + 1, ret_m, NULL)) {
		free(scratch);
		return -EBADMSG;
	}
	*ret_scratch = scratch;
	return 0;
}

int client_callf(struct client *c, struct msg *ret_reply, const char *text, ...)
{
	autofree char *scratch = NULL;
	struct msg m;
	va_list args;
	int err;

	va_start(args, text);
	err = format_msg(&m, &scratch, text, args);
	va_end(args);
	return err ? err : client_call(c, &m, ret_reply);
}

int client_sendf(struct client *c, const char *text, ...)
{
	autofree char *scratch = NULL;
	struct msg m;
	va_list args;
	int err;

	va_start(args, text);
	err = format_msg(&m, &scratch, text, args);
	va_end(args);
	return err ? err : client_send(c, &m);
}

int client_start(struct client *c, uint32_t msize, uint32_t fid, uint32_t uid)
{
	struct msg r;
	int err = client_callf(c, &r, "Tversion tag=%u msize=%u version=%s", P9_NOTAG, msize,
			       P9_VERSION);

	if (!err)
		err = client_callf(c, &r, "Tattach tag=1 fid=%u afid=%u n_uname=%u", fid, P9_NOFID,
				   uid);
	return err;
}
