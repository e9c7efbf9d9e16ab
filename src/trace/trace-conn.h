/* SPDX-License-Identifier: MIT */
/* A connection that is recorded: takes its messages in the order in which they came, follows its
 * fids, writes the records. From any thread; calls for one connection wait for each other. */
#ifndef TRACE_TRACE_CONN_H
#define TRACE_TRACE_CONN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct route;
struct trace_conn;
struct trace_writer;

/* A message: HEAD is all of it, or all but the file data that is in the parts. */
struct trace_message {
	const void *head;
	size_t head_len;
	const struct iovec *iov; /* DATA_LEN bytes in N_IOV parts */
	int n_iov;
	size_t data_len;
	uint64_t time; /* clock_now_ns */

	const struct route *route; /* of a request; NULL: not by a ring */
	uint64_t queue, service;   /* of a reply, ns */
};

/* PEER: "tcp 127.0.0.1:4711". NULL when memory is out: nothing of the connection is recorded then,
 * as the functions take NULL for one. */
struct trace_conn *trace_conn_new(struct trace_writer *w, uint32_t number, const char *peer,
				  uint64_t time);

void trace_conn_request(struct trace_conn *c, const struct trace_message *m);

/* REQUEST (REQUEST_LEN bytes, file data may be missing) is what M answers. NULL: nobody knows. */
void trace_conn_reply(struct trace_conn *c, const void *request, size_t request_len,
		      const struct trace_message *m);

/* REQUEST gets no reply. */
void trace_conn_drop(struct trace_conn *c, const void *request, size_t request_len, uint64_t time);

void trace_conn_free(struct trace_conn *c, uint64_t time);

#endif
