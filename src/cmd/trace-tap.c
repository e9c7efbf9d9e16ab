/* SPDX-License-Identifier: MIT */
#include "trace-tap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "msg.h"
#include "trace-conn.h"
#include "trace-record.h"

/* Requests that are kept to be found by their replies; of more the paths get lost, nothing else. */
#define MAX_KEPT (8U << 20)

struct kept {
	uint64_t time;
	uint32_t len;
	uint8_t head[];
};

/* Of MSG without the file data of a Twrite. */
static uint32_t head_of(const uint8_t *msg, uint32_t size)
{
	return msg[4] == Twrite && size > P9_WRITE_HEADER_SIZE ? P9_WRITE_HEADER_SIZE : size;
}

static struct kept *take_kept(struct trace_tap *t, unsigned tag)
{
	struct kept *k = steal_ptr(&t->by_tag[tag]);

	if (k)
		t->kept -= k->len;
	return k;
}

static unsigned tag_of(const uint8_t *msg)
{
	return msg[5] | (unsigned)msg[6] << 8;
}

static void keep(struct trace_tap *t, const uint8_t *msg, uint32_t size, uint64_t time)
{
	uint32_t len = head_of(msg, size);
	unsigned tag = tag_of(msg);
	struct kept *k;

	free(take_kept(t, tag));
	if (t->kept + len > MAX_KEPT)
		return;
	k = malloc(sizeof(*k) + len);
	if (!k)
		return;
	k->time = time;
	k->len = len;
	memcpy(k->head, msg, len);
	t->by_tag[tag] = k;
	t->kept += len;
}

/* After Rflush no reply to what was flushed comes. */
static void flushed(struct trace_tap *t, const struct kept *flush, uint64_t time)
{
	struct kept *k;

	if (flush->len < P9_HEADER_SIZE + 2 || flush->head[4] != Tflush)
		return;
	k = take_kept(t, flush->head[7] | (unsigned)flush->head[8] << 8);
	if (k)
		trace_conn_drop(t->conn, k->head, k->len, time);
	free(k);
}

void trace_tap_message(struct trace_tap *t, bool from_client, const uint8_t *msg, uint32_t size)
{
	struct trace_message m = {.head = msg, .head_len = size, .time = clock_now_ns()};
	struct kept *k;

	if (from_client) {
		keep(t, msg, size, m.time);
		trace_conn_request(t->conn, &m);
		return;
	}
	k = take_kept(t, tag_of(msg));
	if (k && msg[4] == Rflush)
		flushed(t, k, m.time);
	if (k)
		m.service = m.time - k->time;
	trace_conn_reply(t->conn, k ? k->head : NULL, k ? k->len : 0, &m);
	free(k);
}

int trace_tap_init(struct trace_tap *t)
{
	*t = (struct trace_tap){.by_tag = calloc(UINT16_MAX + 1, sizeof(struct kept *))};
	return t->by_tag ? 0 : -ENOMEM;
}

void trace_tap_begin(struct trace_tap *t, struct trace_writer *w, uint32_t number)
{
	char peer[32];

	snprintf(peer, sizeof(peer), "proxy %u", number);
	t->conn = trace_conn_new(w, number, peer, clock_now_ns());
}

void trace_tap_end(struct trace_tap *t)
{
	trace_conn_free(t->conn, clock_now_ns());
}

void trace_tap_done(struct trace_tap *t)
{
	for (unsigned tag = 0; t->by_tag && tag <= UINT16_MAX; tag++)
		free(t->by_tag[tag]);
	free(t->by_tag);
}
