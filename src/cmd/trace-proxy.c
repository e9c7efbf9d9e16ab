/* SPDX-License-Identifier: MIT */
#include "trace-proxy.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "inbuf.h"
#include "list.h"
#include "logging.h"
#include "loop.h"
#include "msg.h"
#include "pool.h"
#include "sabotage.h"
#include "trace-tap.h"

/* Messages passed on before other pairs have their turn. */
#define TURN 64

/* One way: what comes from here goes to the other. */
struct side {
	struct watch watch; /* first; fd -1: closed */
	uint32_t events;
	struct pair *pair;
	struct inbuf in;
	const uint8_t *msg; /* the message that is being passed on, NULL: none */
	uint32_t size, sent;
	bool eof, is_shut; /* nothing comes any more; the other was told so */
	bool wants_out;	   /* the other's messages wait for this socket */
};

struct pair {
	struct proxy *proxy;
	struct list link;
	struct side client, server;
	bool is_connecting;
	struct task task; /* goes on after a turn */
	bool is_posted, is_over;
	struct trace_tap tap;
};

struct proxy {
	struct loop *loop;
	struct pool *pool;
	struct trace_writer *writer;
	struct watch listen; /* fd -1: a connected socket was all */
	bool is_listening;
	struct address server;
	struct list pairs, over; /* over: their tasks free them */
	unsigned n_pairs;
	uint32_t last;
	bool has_warned; /* since a connection to the server was made */
	struct sabotage *const *faults;
	size_t n_faults;
};

static void listen_if_room(struct proxy *p)
{
	if (p->listen.fd < 0 || p->is_listening || p->n_pairs >= PROXY_MAX_PAIRS)
		return;
	p->is_listening = loop_add(p->loop, &p->listen, EPOLLIN) == 0;
}

static void close_side(struct pair *pair, struct side *s)
{
	if (s->watch.fd < 0)
		return;
	loop_remove(pair->proxy->loop, &s->watch);
	close(steal_fd(&s->watch.fd));
	inbuf_done(&s->in);
}

static void free_pair(struct pair *pair)
{
	list_del(&pair->link);
	trace_tap_done(&pair->tap);
	free(pair);
}

static void end_pair(struct pair *pair, const char *why)
{
	struct proxy *p = pair->proxy;

	if (pair->is_over)
		return;
	pair->is_over = true;
	log_debug("a connection ended: %s", why);
	close_side(pair, &pair->client);
	close_side(pair, &pair->server);
	trace_tap_end(&pair->tap);
	list_del(&pair->link);
	list_add_tail(&p->over, &pair->link);
	p->n_pairs--;
	listen_if_room(p);
	/* its task, or its caller, frees it */
	if (!pair->is_posted) {
		pair->is_posted = true;
		loop_post(p->loop, &pair->task);
	}
}

/* 1: passed on, or nothing to do; 0: the other's socket is full; -errno: it is gone. */
static int send_rest(struct side *to, struct side *from)
{
	while (from->msg) {
		ssize_t n = send(to->watch.fd, from->msg + from->sent, from->size - from->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		to->wants_out = n < 0 && errno == EAGAIN;
		if (n < 0)
			return to->wants_out ? 0 : -errno;
		from->sent += (uint32_t)n;
		if (from->sent == from->size) {
			inbuf_take(&from->in, from->size);
			from->msg = NULL;
		}
	}
	return 1;
}

/* 1: something came; 0: nothing now; -errno. */
static int receive(struct side *from)
{
	size_t room;
	void *at = inbuf_room(&from->in, &room);
	ssize_t n;

	if (!at)
		return -ENOMEM;
	n = recv(from->watch.fd, at, room, MSG_DONTWAIT);
	if (n > 0)
		inbuf_fill(&from->in, (size_t)n);
	if (n == 0)
		from->eof = true;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n > 0;
}

void proxy_damage(struct proxy *p, struct sabotage *const *faults, size_t n)
{
	p->faults = faults;
	p->n_faults = n;
}

static void damage(const struct proxy *p, const uint8_t *msg, uint32_t size)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): the message is in a buffer of ours */
	uint8_t *payload = (uint8_t *)(uintptr_t)msg + P9_READ_HEADER_SIZE;

	if (msg[4] != Rread || size <= P9_READ_HEADER_SIZE)
		return;
	for (size_t i = 0; i < p->n_faults; i++)
		sabotage_act(p->faults[i], payload, size - P9_READ_HEADER_SIZE);
}

/* Takes the next message, if it is here: 1, 0, -errno. */
static int take_message(struct pair *pair, struct side *from)
{
	int r = inbuf_next(&from->in, PROXY_MAX_MESSAGE, &from->msg, &from->size);

	if (r <= 0)
		return r;
	from->sent = 0;
	trace_tap_message(&pair->tap, from == &pair->client, from->msg, from->size);
	if (from == &pair->server)
		damage(pair->proxy, from->msg, from->size);
	return 1;
}

/* All that can be passed on in this direction: 1 when there may be more, 0, -errno. */
static int pump(struct pair *pair, struct side *from, struct side *to)
{
	for (unsigned i = 0; i < TURN; i++) {
		int r = send_rest(to, from);

		if (r <= 0)
			return r;
		r = take_message(pair, from);
		if (!r && !from->eof)
			r = receive(from);
		if (r <= 0 && !from->msg)
			return r;
	}
	return 1;
}

static const char *reason(int err, const struct side *from, const struct pair *pair)
{
	bool is_client = from == &pair->client;

	if (err == -EBADMSG || err == -EMSGSIZE)
		return is_client ? "the client sends no 9P" : "the server sends no 9P";
	return strerror(-err);
}

static void set_events(struct pair *pair, struct side *s)
{
	uint32_t events = (s->eof || s->msg ? 0 : EPOLLIN) | (s->wants_out ? EPOLLOUT : 0);

	if (pair->is_connecting)
		events = s == &pair->server ? EPOLLOUT : 0;
	if (events != s->events && !loop_change(pair->proxy->loop, &s->watch, events))
		s->events = events;
}

static void pass_eof(struct side *from, struct side *to)
{
	if (!from->eof || from->msg || from->is_shut)
		return;
	from->is_shut = true;
	shutdown(to->watch.fd, SHUT_WR);
}

static void serve(struct pair *pair)
{
	int there = pump(pair, &pair->client, &pair->server);
	int back = there < 0 ? 0 : pump(pair, &pair->server, &pair->client);

	if (there < 0 || back < 0) {
		end_pair(pair, there < 0 ? reason(there, &pair->client, pair)
					 : reason(back, &pair->server, pair));
		return;
	}
	pass_eof(&pair->client, &pair->server);
	pass_eof(&pair->server, &pair->client);
	/* a server that is gone leaves nothing to wait for */
	if (pair->server.is_shut) {
		end_pair(pair, "the server closed the connection");
		return;
	}
	set_events(pair, &pair->client);
	set_events(pair, &pair->server);
	if ((there || back) && !pair->is_posted) {
		pair->is_posted = true;
		loop_post(pair->proxy->loop, &pair->task);
	}
}

static void run_task(struct task *t)
{
	struct pair *pair = container_of(t, struct pair, task);

	pair->is_posted = false;
	if (pair->is_over)
		free_pair(pair);
	else
		serve(pair);
}

/* Clients that try again and again do not fill the log. */
static void warn_of_server(struct proxy *p, const char *what)
{
	if (!p->has_warned)
		log_warn("cannot connect to the server: %s", what);
	p->has_warned = true;
}

static bool is_connected(struct pair *pair)
{
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(pair->server.watch.fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		warn_of_server(pair->proxy, strerror(err));
		end_pair(pair, "no server");
		return false;
	}
	pair->is_connecting = false;
	pair->proxy->has_warned = false;
	return true;
}

static void ready(struct watch *w, uint32_t events)
{
	struct side *s = container_of(w, struct side, watch);
	struct pair *pair = s->pair;

	if (pair->is_connecting) {
		if (s == &pair->client) { /* only errors are watched for: it is gone */
			end_pair(pair, "the client went before the server was there");
			return;
		}
		if (!is_connected(pair))
			return;
	}
	if (events & EPOLLOUT)
		s->wants_out = false;
	/* who has hung up in both directions takes nothing any more, but may have said something */
	if (events & (EPOLLHUP | EPOLLERR) && s->events == 0) {
		end_pair(pair, "it hung up");
		return;
	}
	serve(pair);
}

static int connect_to(const struct sockaddr *sa, socklen_t len, int *ret_fd)
{
	autoclose int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || (connect(fd, sa, len) && errno != EINPROGRESS))
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int connect_tcp(const struct address *a, int *ret_fd)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *all = NULL;
	char port[16];
	int err;

	snprintf(port, sizeof(port), "%u", a->port);
	if (getaddrinfo(a->host, port, &hints, &all))
		return -EADDRNOTAVAIL;
	err = connect_to(all->ai_addr, all->ai_addrlen, ret_fd);
	freeaddrinfo(all);
	return err;
}

static int connect_server(const struct address *a, int *ret_fd)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (a->kind == ADDRESS_TCP)
		return connect_tcp(a, ret_fd);
	memcpy(sun.sun_path, a->path, sizeof(sun.sun_path));
	return connect_to((const struct sockaddr *)&sun, sizeof(sun), ret_fd);
}

static int watch_side(struct pair *pair, struct side *s, int fd)
{
	int err;

	s->pair = pair;
	s->watch = (struct watch){.fd = fd, .ready = ready};
	inbuf_init(&s->in, pair->proxy->pool);
	err = loop_add(pair->proxy->loop, &s->watch, s->events);
	if (err)
		s->watch.fd = -1; /* the caller's */
	return err;
}

static int add_pair(struct proxy *p, int client_fd)
{
	autoclose int client = client_fd, server = -1;
	struct pair *pair = calloc(1, sizeof(*pair));
	int err = pair ? connect_server(&p->server, &server) : -ENOMEM;

	if (err) {
		warn_of_server(p, strerror(-err));
		free(pair);
		return err;
	}
	pair->proxy = p;
	pair->task.run = run_task;
	pair->is_connecting = true;
	pair->server.events = EPOLLOUT;
	pair->client.watch.fd = pair->server.watch.fd = -1;
	list_init(&pair->link);
	err = trace_tap_init(&pair->tap);
	if (!err)
		err = watch_side(pair, &pair->client, client);
	if (!err)
		steal_fd(&client);
	if (!err)
		err = watch_side(pair, &pair->server, server);
	if (err) {
		close_side(pair, &pair->client);
		free_pair(pair);
		return err;
	}
	steal_fd(&server);
	trace_tap_begin(&pair->tap, p->writer, ++p->last);
	list_add_tail(&p->pairs, &pair->link);
	p->n_pairs++;
	return 0;
}

static void accept_one(struct watch *w, uint32_t events)
{
	struct proxy *p = container_of(w, struct proxy, listen);
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0)
		add_pair(p, fd);
	if (p->n_pairs >= PROXY_MAX_PAIRS) {
		loop_remove(p->loop, &p->listen);
		p->is_listening = false;
	}
}

int proxy_new(struct loop *l, const struct bound *bound, const struct address *server,
	      struct trace_writer *w, struct proxy **ret_p)
{
	struct proxy *p = calloc(1, sizeof(*p));
	int err = p ? pool_new(&p->pool) : -ENOMEM;

	if (err) {
		free(p);
		return err;
	}
	p->loop = l;
	p->writer = w;
	p->server = *server;
	list_init(&p->pairs);
	list_init(&p->over);
	p->listen = (struct watch){.fd = -1, .ready = accept_one};
	if (bound->connected) {
		err = add_pair(p, bound->fd);
	} else {
		p->listen.fd = bound->fd;
		listen_if_room(p);
	}
	if (err) {
		proxy_free(p);
		return err;
	}
	*ret_p = p;
	return 0;
}

void proxy_free(struct proxy *p)
{
	if (p->is_listening)
		loop_remove(p->loop, &p->listen);
	if (p->listen.fd >= 0)
		close(steal_fd(&p->listen.fd));
	list_for_each_safe (it, &p->pairs) {
		struct pair *pair = list_entry(it, struct pair, link);

		pair->is_posted = true; /* that is: do not post it */
		end_pair(pair, "the proxy ends");
	}
	list_for_each_safe (it, &p->over) {
		free_pair(list_entry(it, struct pair, link));
	}
	pool_free(p->pool);
	free(p);
}
