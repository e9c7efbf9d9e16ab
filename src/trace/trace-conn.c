/* SPDX-License-Identifier: MIT */
#include "trace-conn.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fid-paths.h"
#include "macros.h"
#include "trace-format.h"
#include "trace-writer.h"

struct trace_conn {
	struct trace_writer *writer;
	uint32_t number;
	char *peer;
	struct trace_cookie peer_cookie; /* the writer's lock */

	pthread_mutex_t lock; /* before the writer's */
	struct fid_paths *paths;
};

static struct trace_record record_of(struct trace_conn *c, enum trace_kind kind, uint64_t time)
{
	return (struct trace_record){
		.kind = kind,
		.time = time,
		.conn = c->number,
		.peer = {.p = c->peer, .len = (uint32_t)strlen(c->peer), .cookie = &c->peer_cookie},
	};
}

struct trace_conn *trace_conn_new(struct trace_writer *w, uint32_t number, const char *peer,
				  uint64_t time)
{
	autofree struct trace_conn *c = calloc(1, sizeof(*c));
	struct trace_record r;

	if (!c)
		return NULL;
	c->writer = w;
	c->number = number;
	c->peer = strdup(peer);
	c->paths = fid_paths_new();
	if (!c->peer || !c->paths) {
		free(c->peer);
		fid_paths_free(c->paths);
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	r = record_of(c, TRACE_OPENED, time);
	trace_write(w, &r);
	return steal_ptr(&c);
}

void trace_conn_free(struct trace_conn *c, uint64_t time)
{
	struct trace_record r;

	if (!c)
		return;
	r = record_of(c, TRACE_CLOSED, time);
	trace_write(c->writer, &r);
	fid_paths_free(c->paths);
	pthread_mutex_destroy(&c->lock);
	free(c->peer);
	free(c);
}

static uint8_t type_of(const uint8_t *head, size_t len)
{
	return len < P9_HEADER_SIZE ? 0 : head[4];
}

/* What a header of its own holds when the rest is file data; 0 where none may be. */
static size_t header_size(uint8_t type)
{
	return type == Twrite			   ? P9_WRITE_HEADER_SIZE
	       : type == Rread || type == Rreaddir ? P9_READ_HEADER_SIZE
						   : 0;
}

/* Parts the message in R's head and payload; PART is for data that stood in the head. */
static void set_message(struct trace_record *r, const struct trace_message *m, struct iovec *part)
{
	size_t header = header_size(type_of(m->head, m->head_len));

	r->head = m->head;
	r->head_len = (uint32_t)MIN(m->head_len, TRACE_MAX_HEAD);
	if (m->data_len) {
		r->iov = m->iov;
		r->n_iov = m->n_iov;
		r->payload_len = (uint32_t)MIN(m->data_len, TRACE_MAX_PAYLOAD);
	} else if (header && m->head_len > header) {
		r->head_len = (uint32_t)header;
		r->payload_len = (uint32_t)MIN(m->head_len - header, TRACE_MAX_PAYLOAD);
		*part = (struct iovec){.iov_base = (char *)m->head + header,
				       .iov_len = r->payload_len};
		r->iov = part;
		r->n_iov = 1;
	}
}

/* Of a Tread or a Twrite: size[4] type[1] tag[2] fid[4] offset[8] count[4]. */
static uint32_t grid_of(const uint8_t *head, size_t len)
{
	uint8_t type = type_of(head, len);

	if ((type != Tread && type != Twrite) || len < P9_WRITE_HEADER_SIZE)
		return 0;
	return (uint32_t)(trace_get64(head + 11) % TRACE_BLOCK);
}

static void find_paths(struct trace_conn *c, struct trace_record *r)
{
	uint32_t fids[2];
	struct msg m;

	if (msg_decode(r->head, r->head_len, r->payload_len, MSG_FROM_CLIENT, &m))
		return;
	msg_fids(&m, fids);
	for (unsigned i = 0; i < 2; i++)
		if (fids[i] != P9_NOFID)
			r->path[i] = fid_path(c->paths, fids[i]);
}

void trace_conn_request(struct trace_conn *c, const struct trace_message *m)
{
	struct trace_record r;
	struct iovec part;

	if (!c)
		return;
	r = record_of(c, TRACE_REQUEST, m->time);
	set_message(&r, m, &part);
	r.grid = grid_of(r.head, r.head_len);
	if (m->route) {
		r.has_route = true;
		r.route = *m->route;
	}
	pthread_mutex_lock(&c->lock);
	find_paths(c, &r);
	trace_write(c->writer, &r);
	pthread_mutex_unlock(&c->lock);
}

/* Does a reply to it change what fids mean? */
static bool moves_fids(uint8_t type)
{
	switch (type) {
	case Tversion:
	case Tattach:
	case Twalk:
	case Tlcreate:
	case Txattrwalk:
	case Trename:
	case Trenameat:
	case Tunlinkat:
	case Tclunk:
	case Tremove:
		return true;
	default:
		return false;
	}
}

static void follow(struct trace_conn *c, const void *request, size_t request_len,
		   const struct trace_record *r)
{
	struct msg m, reply;

	if (moves_fids(type_of(request, request_len)) &&
	    !msg_decode(request, request_len, 0, MSG_FROM_CLIENT, &m) &&
	    !msg_decode(r->head, r->head_len, r->payload_len, MSG_FROM_SERVER, &reply))
		fid_paths_reply(c->paths, &m, &reply);
}

void trace_conn_reply(struct trace_conn *c, const void *request, size_t request_len,
		      const struct trace_message *m)
{
	struct trace_record r;
	struct iovec part;

	if (!c)
		return;
	r = record_of(c, TRACE_REPLY, m->time);
	set_message(&r, m, &part);
	if (request && type_of(r.head, r.head_len) == Rread)
		r.grid = grid_of(request, request_len);
	r.overlaps = trace_parts_overlap(r.iov, r.n_iov, r.payload_len);
	r.queue = m->queue;
	r.service = m->service;
	pthread_mutex_lock(&c->lock);
	if (request)
		follow(c, request, request_len, &r);
	trace_write(c->writer, &r);
	pthread_mutex_unlock(&c->lock);
}

void trace_conn_drop(struct trace_conn *c, const void *request, size_t request_len, uint64_t time)
{
	struct trace_record r;

	if (!c)
		return;
	r = record_of(c, TRACE_DROPPED, time);
	r.head = request;
	r.head_len = (uint32_t)MIN(request_len, P9_HEADER_SIZE);
	trace_write(c->writer, &r);
}
