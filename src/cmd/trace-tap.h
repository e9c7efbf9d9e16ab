/* SPDX-License-Identifier: MIT */
/* Records what a connection's two sides say to each other; finds the request of each reply. */
#ifndef CMD_TRACE_TAP_H
#define CMD_TRACE_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kept;
struct trace_conn;
struct trace_writer;

struct trace_tap {
	struct trace_conn *conn;
	struct kept **by_tag; /* 65536 requests in flight */
	size_t kept;	      /* bytes of them */
};

/* 0 or -ENOMEM; then, and when it is zeroed, trace_tap_done has nothing to do. */
int trace_tap_init(struct trace_tap *t);
void trace_tap_done(struct trace_tap *t);

/* The connection, the proxy's number NUMBER, begins to be recorded, and ends. */
void trace_tap_begin(struct trace_tap *t, struct trace_writer *w, uint32_t number);
void trace_tap_end(struct trace_tap *t);

/* A whole message, as it came. */
void trace_tap_message(struct trace_tap *t, bool from_client, const uint8_t *msg, uint32_t size);

#endif
