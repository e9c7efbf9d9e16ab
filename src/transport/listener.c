/* SPDX-License-Identifier: MIT */
/* Listeners: they accept, and own the connections. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "address.h"
#include "cleanup.h"
#include "conn.h"
#include "crowd.h"
#include "list.h"
#include "logging.h"
#include "loop.h"
#include "pipes.h"
#include "pool.h"

#define MAX_ACCEPTS 64 /* a wake-up */
#define PAUSE_SECONDS 1
/* Peers at once: a quarter of the descriptors, or half if that is asked for: the rest is for files. */
#define MAX_PEERS 4096		    /* if nobody says how many */
#define MAX_CROWD ((size_t)1 << 30) /* bytes that they hold together, unless that is set */

struct listener {
	struct loop *loop;
	struct pool *pool;
	struct pipes pipes;
	struct crowd crowd;
	const struct handler *handler;
	struct address address;
	struct unix_id id;
	char *text;
	bool public, connected;
	unsigned max_peers;
	struct watch watch; /* the listening socket; fd -1 if there is none */
	/* Out of descriptors: the watch is removed until a connection is gone or the time is over.
	 * Made early, for there will be no descriptor for it then. */
	struct watch timer;
	bool paused;	       /* loop's thread, and: */
	listener_full_fn full; /* NULL: nobody is to be told, or was */
	void *full_arg;

	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t all_gone;
	struct list conns;
	unsigned n_conns;
	bool freeing, resume_posted;
	struct task resume;
	void (*ended)(void *arg);
	void *ended_arg;
};

/* #syscalls: timerfd_settime */
static void set_timer(struct listener *ls, time_t seconds)
{
	struct itimerspec t = {.it_value.tv_sec = seconds};

	timerfd_settime(ls->timer.fd, 0, &t, NULL);
}

static void pause_accepting(struct listener *ls, int reason)
{
	log_debug("%s: no more connections for now: %s", ls->text, strerror(reason));
	if (ls->full)
		ls->full(ls->full_arg, ls, reason);
	ls->full = NULL;
	loop_remove(ls->loop, &ls->watch);
	ls->paused = true;
	set_timer(ls, PAUSE_SECONDS);
}

static void resume_accepting(struct listener *ls)
{
	if (ls->paused && !loop_add(ls->loop, &ls->watch, EPOLLIN)) {
		ls->paused = false;
		set_timer(ls, 0);
	}
}

/* #syscalls: read */
static void time_is_over(struct watch *w, uint32_t events)
{
	uint64_t count;

	(void)events;
	(void)!read(w->fd, &count, sizeof(count));
	resume_accepting(container_of(w, struct listener, timer));
}

static void resume(struct task *t)
{
	struct listener *ls = container_of(t, struct listener, resume);

	pthread_mutex_lock(&ls->lock);
	ls->resume_posted = false;
	pthread_mutex_unlock(&ls->lock);
	resume_accepting(ls);
}

/* From any thread. */
static void conn_gone(struct conn *c)
{
	struct listener *ls = c->owner;
	void (*ended)(void *arg) = NULL;

	pthread_mutex_lock(&ls->lock);
	list_del(&c->link);
	/* Before the count is right: after that the listener may be freed. */
	conn_free(c);
	ls->n_conns--;
	if (ls->connected && !ls->freeing)
		ended = ls->ended;
	if (ended)
		ended(ls->ended_arg);
	if (!ls->connected && !ls->freeing && !ls->resume_posted) {
		ls->resume_posted = true;
		loop_post(ls->loop, &ls->resume);
	}
	pthread_cond_signal(&ls->all_gone);
	pthread_mutex_unlock(&ls->lock);
}

/* #syscalls: setsockopt */
static void set_options(int fd, enum address_kind kind)
{
	static const struct {
		int level, option, value;
	} tcp[] = {
		/* a reply must not wait for more bytes to come */
		{IPPROTO_TCP, TCP_NODELAY, 1},
		/* a peer that vanished without a word is noticed within two minutes */
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, 60},
		{IPPROTO_TCP, TCP_KEEPINTVL, 15},
		{IPPROTO_TCP, TCP_KEEPCNT, 4},
	};

	for (size_t i = 0; kind == ADDRESS_TCP && i < ARRAY_SIZE(tcp); i++)
		setsockopt(fd, tcp[i].level, tcp[i].option, &tcp[i].value, sizeof(int));
	/* twice the usual (the kernel doubles it): one batch fits; TCP finds its own size */
	if (kind == ADDRESS_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){208 << 10}, sizeof(int));
}

union any_address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_vm vm;
	struct sockaddr_storage storage;
};

/* "tcp 127.0.0.1:4711", and the kind of address that it is. */
/* #syscalls: getpeername getsockopt */
static enum address_kind name_peer(int fd, char *name, size_t cap)
{
	union any_address a = {0};
	socklen_t len = sizeof(a);
	struct ucred cred = {0};
	socklen_t cred_len = sizeof(cred);
	char host[INET6_ADDRSTRLEN] = "";

	getpeername(fd, &a.sa, &len);
	switch (a.sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &a.in.sin_addr, host, sizeof(host));
		snprintf(name, cap, "tcp %s:%u", host, ntohs(a.in.sin_port));
		return ADDRESS_TCP;
	case AF_INET6:
		inet_ntop(AF_INET6, &a.in6.sin6_addr, host, sizeof(host));
		snprintf(name, cap, "tcp [%s]:%u", host, ntohs(a.in6.sin6_port));
		return ADDRESS_TCP;
	case AF_VSOCK:
		snprintf(name, cap, "vsock %u:%u", a.vm.svm_cid, a.vm.svm_port);
		return ADDRESS_VSOCK;
	default:
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len);
		/* Process 0: one that our pid namespace does not have. */
		snprintf(name, cap, cred.pid ? "unix pid %d" : "unix", (int)cred.pid);
		return ADDRESS_UNIX;
	}
}

/* From how many bytes on pages are passed on for less than a copy costs: doc/performance.md. */
#define UNIX_PIPE_MIN (48u << 10)
#define TCP_PIPE_MIN (96u << 10)

/* A socket that was inherited is not made O_NONBLOCK, for others may use it too. */
static bool may_splice(const struct listener *ls, enum address_kind kind)
{
	return !ls->connected && (kind == ADDRESS_UNIX || kind == ADDRESS_TCP);
}

static int add_conn(struct listener *ls, int fd)
{
	char peer[64];
	enum address_kind kind = name_peer(fd, peer, sizeof(peer));
	struct conn_config cfg = {
		.loop = ls->loop,
		.pool = ls->pool,
		.pipes = may_splice(ls, kind) ? &ls->pipes : NULL,
		.pipe_min = kind == ADDRESS_UNIX ? UNIX_PIPE_MIN : TCP_PIPE_MIN,
		.crowd = &ls->crowd,
		.handler = ls->handler,
		.fd = fd,
		.name = address_kind_name(ls->address.kind),
		.peer = peer,
		.gone = conn_gone,
		.owner = ls,
	};
	struct conn *c;
	int r;

	set_options(fd, kind);
	r = conn_new(&cfg, &c);
	if (r)
		return r;
	pthread_mutex_lock(&ls->lock);
	list_add_tail(&ls->conns, &c->link);
	ls->n_conns++;
	pthread_mutex_unlock(&ls->lock);
	return 0;
}

/* Errors of one peer that has left already: accept(2) tells the network's as its own. */
static bool is_the_peers(int err)
{
	static const int errors[] = {
		ECONNABORTED, EINTR,	    EPROTO, EPERM,	 ENETDOWN,   ENETUNREACH,
		EHOSTDOWN,    EHOSTUNREACH, ENONET, ENOPROTOOPT, EOPNOTSUPP, ETIMEDOUT,
	};

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (err == errors[i])
			return true;
	return false;
}

static bool is_full(struct listener *ls)
{
	bool full;

	pthread_mutex_lock(&ls->lock);
	full = ls->n_conns >= ls->max_peers;
	pthread_mutex_unlock(&ls->lock);
	return full;
}

/* #syscalls: accept4 */
static void accept_some(struct watch *w, uint32_t events)
{
	struct listener *ls = container_of(w, struct listener, watch);

	(void)events;
	for (int i = 0; i < MAX_ACCEPTS; i++) {
		int fd;

		if (is_full(ls)) {
			/* otherwise nobody may be waiting */
			if (!i)
				pause_accepting(ls, EUSERS);
			return;
		}
		fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			if (add_conn(ls, fd))
				close(fd);
		} else if (errno == EAGAIN) {
			return;
		} else if (!is_the_peers(errno)) {
			pause_accepting(ls, errno);
			return;
		}
	}
}

static void close_socket(struct listener *ls)
{
	if (ls->watch.fd < 0)
		return;
	loop_remove(ls->loop, &ls->watch);
	close(ls->watch.fd);
	if (ls->address.kind == ADDRESS_UNIX)
		unix_remove(ls->address.path, &ls->id);
}

static void destroy(struct listener *ls)
{
	close_socket(ls);
	if (ls->timer.fd >= 0) {
		loop_remove(ls->loop, &ls->timer);
		close(ls->timer.fd);
	}
	pool_free(ls->pool);
	pipes_done(&ls->pipes);
	pthread_cond_destroy(&ls->all_gone);
	pthread_mutex_destroy(&ls->lock);
	free(ls->text);
	free(ls);
}

/* Of a PART of the descriptors at most. */
static unsigned choose_max_peers(unsigned wish, unsigned part)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return wish;
	return (unsigned)MIN(limit.rlim_cur / part + 1, (rlim_t)wish);
}

static struct listener *new_listener(struct loop *l, const struct handler *h)
{
	struct listener *ls = calloc(1, sizeof(*ls));

	if (!ls)
		return NULL;
	ls->loop = l;
	ls->handler = h;
	ls->watch = (struct watch){.fd = -1, .ready = accept_some};
	ls->timer = (struct watch){.fd = -1, .ready = time_is_over};
	ls->resume.run = resume;
	ls->max_peers = choose_max_peers(MAX_PEERS, 4);
	crowd_init(&ls->crowd, MAX_CROWD);
	pipes_init(&ls->pipes, 0);
	list_init(&ls->conns);
	pthread_mutex_init(&ls->lock, NULL);
	pthread_cond_init(&ls->all_gone, NULL);
	return ls;
}

/* Takes over the socket B, also on failure. */
static int start(struct listener *ls, const struct bound *b)
{
	int r;

	ls->id = b->id;
	ls->connected = b->connected;
	ls->text = address_text(&ls->address, b->fd);
	if (!b->connected)
		ls->watch.fd = b->fd;
	r = ls->text ? pool_new(&ls->pool) : -ENOMEM;
	if (!r && b->connected)
		r = add_conn(ls, b->fd);
	if (r && b->connected)
		close(b->fd);
	if (r || b->connected)
		return r;
	ls->public = address_is_public(&ls->address, b->fd);
	ls->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (ls->timer.fd < 0)
		return -errno;
	r = loop_add(ls->loop, &ls->timer, EPOLLIN);
	return r ? r : loop_add(ls->loop, &ls->watch, EPOLLIN);
}

int listener_new(struct loop *l, const char *address, const struct handler *h,
		 struct listener **ret, char **ret_why)
{
	struct listener *ls = new_listener(l, h);
	struct bound b;
	int r;

	if (!ls)
		return why(ret_why, -ENOMEM, "out of memory");
	r = address_parse(address, &ls->address, ret_why);
	if (!r)
		r = address_listen(&ls->address, &b, ret_why);
	if (!r) {
		r = start(ls, &b);
		if (r)
			why(ret_why, r, "cannot serve %s: %s", address, strerror(-r));
	}
	if (r) {
		destroy(ls);
		return r;
	}
	*ret = ls;
	return 0;
}

const char *listener_address(const struct listener *ls)
{
	return ls->text;
}

bool listener_is_public(const struct listener *ls)
{
	return ls->public;
}

void listener_limit_peers(struct listener *ls, unsigned max)
{
	ls->max_peers = choose_max_peers(max, 2);
}

void listener_on_full(struct listener *ls, listener_full_fn full, void *arg)
{
	ls->full = full;
	ls->full_arg = arg;
}

void listener_limit_memory(struct listener *ls, size_t max)
{
	ls->crowd.max = max;
}

void listener_use_pipes(struct listener *ls, unsigned max)
{
	ls->pipes.max = max;
}

void listener_on_end(struct listener *ls, void (*ended)(void *arg), void *arg)
{
	pthread_mutex_lock(&ls->lock);
	ls->ended = ended;
	ls->ended_arg = arg;
	pthread_mutex_unlock(&ls->lock);
}

/* A connection that this thread still has to end: until then it cannot go away. */
static struct conn *find_open_conn(struct listener *ls)
{
	struct conn *found = NULL;

	pthread_mutex_lock(&ls->lock);
	list_for_each (it, &ls->conns) {
		struct conn *c = list_entry(it, struct conn, link);

		if (!c->closed || c->posted) {
			found = c;
			break;
		}
	}
	pthread_mutex_unlock(&ls->lock);
	return found;
}

void listener_free(struct listener *ls)
{
	struct conn *c;

	if (!ls)
		return;
	pthread_mutex_lock(&ls->lock);
	ls->freeing = true;
	pthread_mutex_unlock(&ls->lock);
	while ((c = find_open_conn(ls)))
		conn_end(c, "the server ends");
	pthread_mutex_lock(&ls->lock);
	while (ls->n_conns)
		pthread_cond_wait(&ls->all_gone, &ls->lock);
	pthread_mutex_unlock(&ls->lock);
	destroy(ls);
}
