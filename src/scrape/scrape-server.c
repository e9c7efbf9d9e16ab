/* SPDX-License-Identifier: MIT */
#include "scrape-server.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "cleanup.h"
#include "list.h"
#include "metrics.h"

struct scrape_server {
	struct address address;
	struct bound bound;
	char *text;
	struct MHD_Daemon *daemon;
	void (*measure)(void *ctx, struct metrics *ret);
	void *ctx;

	/* The answering thread's. */
	struct list clients; /* oldest first */
	unsigned n_clients;
	struct metrics metrics;
};

struct scrape_client {
	struct list link;
	int fd;
};

static const struct page {
	const char *path, *type;
	void (*put)(FILE *f, const struct metrics *m);
} pages[] = {
	{"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_put_prometheus},
	{"/metrics.json", "application/json", metrics_put_json},
};

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type,
			      struct MHD_Response *r)
{
	enum MHD_Result ok = MHD_NO;

	if (r && MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES)
		ok = MHD_queue_response(c, status, r);
	if (r)
		MHD_destroy_response(r);
	return ok;
}

/* TEXT is static. */
static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *text)
{
	union {
		const char *constant;
		void *buffer;
	} body = {.constant = text};

	return answer(
		c, status, "text/plain; charset=utf-8",
		MHD_create_response_from_buffer(strlen(text), body.buffer, MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result show(struct scrape_server *s, struct MHD_Connection *c,
			    const struct page *page)
{
	struct MHD_Response *r;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return MHD_NO;
	s->measure(s->ctx, &s->metrics);
	page->put(f, &s->metrics);
	if (fclose(f) || !text) {
		free(text);
		return MHD_NO;
	}
	r = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
	if (!r)
		free(text);
	return answer(c, MHD_HTTP_OK, page->type, r);
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *data_size, void **state)
{
	(void)version;
	(void)data;
	(void)data_size;
	(void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (!strcmp(url, pages[i].path))
			return show(arg, c, &pages[i]);
	return refuse(c, MHD_HTTP_NOT_FOUND, "there are /metrics and /metrics.json\n");
}

/* The library calls it from its one thread, so that the descriptor of a client that is in the list
 * is open. Whoever is shut down is at its end of file, and closed in the next round. */
static void client_changed(void *arg, struct MHD_Connection *c, void **ret_client,
			   enum MHD_ConnectionNotificationCode what)
{
	struct scrape_server *s = arg;
	struct scrape_client *client = *ret_client;
	const union MHD_ConnectionInfo *info;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
		client = info ? malloc(sizeof(*client)) : NULL;
		if (!client)
			return;
		client->fd = info->connect_fd;
		list_add_tail(&s->clients, &client->link);
		*ret_client = client;
		if (++s->n_clients > SCRAPE_MAX_CONNECTIONS)
			shutdown(list_first(&s->clients, struct scrape_client, link)->fd,
				 SHUT_RDWR);
	} else if (client) {
		list_del(&client->link);
		s->n_clients--;
		free(client);
		*ret_client = NULL;
	}
}

int scrape_server_new(const char *address, struct scrape_server **ret, char **ret_why)
{
	struct scrape_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return why(ret_why, -ENOMEM, "out of memory");
	s->bound.fd = -1;
	list_init(&s->clients);
	r = address_parse(address, &s->address, ret_why);
	if (!r && s->address.kind != ADDRESS_UNIX && s->address.kind != ADDRESS_TCP)
		r = why(ret_why, -EINVAL, "'%s': write unix:PATH or tcp:ADDRESS:PORT", address);
	if (!r)
		r = address_listen(&s->address, &s->bound, ret_why);
	if (!r && !(s->text = address_text(&s->address, s->bound.fd)))
		r = why(ret_why, -ENOMEM, "out of memory");
	if (r) {
		scrape_server_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

const char *scrape_server_address(const struct scrape_server *s)
{
	return s->text;
}

bool scrape_server_is_public(const struct scrape_server *s)
{
	return address_is_public(&s->address, s->bound.fd);
}

/* What the library does:
 * #syscalls metrics: accept4 recvfrom sendto sendmsg writev shutdown close
 * #syscalls metrics: epoll_create1 epoll_ctl epoll_wait epoll_pwait poll ppoll
 * #syscalls metrics: eventfd2 read write getsockopt setsockopt getsockname fcntl prctl */
int scrape_server_start(struct scrape_server *s, void (*measure)(void *ctx, struct metrics *ret),
			void *ctx)
{
	sigset_t all, saved;

	s->measure = measure;
	s->ctx = ctx;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	/* One more than there may be: it is what makes the oldest go. */
	s->daemon = MHD_start_daemon(
		MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, NULL, NULL, handle,
		s, MHD_OPTION_LISTEN_SOCKET, s->bound.fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)SCRAPE_MAX_CONNECTIONS + 1, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)SCRAPE_SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)SCRAPE_HEADER_BYTES, MHD_OPTION_NOTIFY_CONNECTION, client_changed, s,
		MHD_OPTION_END);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return s->daemon ? 0 : -EAGAIN;
}

void scrape_server_free(struct scrape_server *s)
{
	if (!s)
		return;
	/* closes the socket too */
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	else if (s->bound.fd >= 0)
		close(s->bound.fd);
	if (s->bound.fd >= 0 && s->address.kind == ADDRESS_UNIX)
		unix_remove(s->address.path, &s->bound.id);
	free(s->text);
	free(s);
}
