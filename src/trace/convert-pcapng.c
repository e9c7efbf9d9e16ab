/* SPDX-License-Identifier: MIT */
/* A capture file that Wireshark reads: each connection as TCP to port 564, the only one where it
 * looks for 9P, each message with a comment. File data that was not recorded is replaced by a text
 * that says so, and its digest. (pcapng: draft-ietf-opsawg-pcapng) */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "convert.h"
#include "exchange-text.h"
#include "macros.h"
#include "trace-format.h"

#define LINKTYPE_RAW 101 /* starts with the IP header */
#define SERVER_PORT 564
#define FIRST_PORT 10000
#define N_PORTS 50000
#define MAX_SEGMENT 65000u

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum { OPTION_END = 0, OPTION_COMMENT = 1, OPTION_TSRESOL = 9 };
enum { TCP_SYN = 2, TCP_PUSH_ACK = 0x18, TCP_ACK = 0x10, TCP_SYN_ACK = 0x12 };

struct ip4 {
	uint8_t version, tos;
	uint16_t length, id, fragment;
	uint8_t ttl, protocol;
	uint16_t sum;
	uint32_t from, to;
};

struct tcp {
	uint16_t from, to;
	uint32_t seq, ack;
	uint8_t offset, flags;
	uint16_t window, sum, urgent;
};

/* Bytes sent on a connection, by the client and by the server. */
struct stream {
	struct stream *next;
	uint32_t conn;
	uint32_t sent[2];
};

struct state {
	struct stream *chains[256];
	uint8_t *bytes; /* the message at hand */
	size_t cap;
};

static void put32(FILE *f, uint32_t v)
{
	fwrite(&v, sizeof(v), 1, f);
}

static void put16(FILE *f, uint16_t v)
{
	fwrite(&v, sizeof(v), 1, f);
}

static void put_padded(FILE *f, const void *p, size_t n)
{
	static const char zeros[4];

	fwrite(p, 1, n, f);
	fwrite(zeros, 1, -n & 3, f);
}

/* A section of this machine's byte order, and an interface with times in nanoseconds. */
static int start(struct converter *c)
{
	FILE *f = c->out;

	c->state = calloc(1, sizeof(struct state));
	put32(f, BLOCK_SECTION);
	put32(f, 28);
	put32(f, 0x1a2b3c4d);
	put16(f, 1);
	put16(f, 0);
	put32(f, UINT32_MAX);
	put32(f, UINT32_MAX);
	put32(f, 28);
	put32(f, BLOCK_INTERFACE);
	put32(f, 32);
	put16(f, LINKTYPE_RAW);
	put16(f, 0);
	put32(f, 0);
	put16(f, OPTION_TSRESOL);
	put16(f, 1);
	put_padded(f, "\x09", 1);
	put16(f, OPTION_END);
	put16(f, 0);
	put32(f, 32);
	return c->state ? 0 : -ENOMEM;
}

static int end(struct converter *c)
{
	struct state *s = c->state;

	for (size_t i = 0; s && i < ARRAY_SIZE(s->chains); i++)
		while (s->chains[i]) {
			struct stream *next = s->chains[i]->next;

			free(s->chains[i]);
			s->chains[i] = next;
		}
	if (s)
		free(s->bytes);
	free(s);
	return 0;
}

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static void put_packet(struct converter *c, uint64_t time, const void *heads, size_t heads_len,
		       const void *p, size_t n, const char *comment)
{
	size_t comment_len = comment ? MIN(strlen(comment), 60000) : 0;
	size_t options = comment_len ? 4 + padded(comment_len) + 4 : 0;
	uint32_t length = (uint32_t)(28 + padded(heads_len + n) + options + 4);
	uint64_t at = c->times.wall + (time - c->times.start);
	FILE *f = c->out;

	put32(f, BLOCK_PACKET);
	put32(f, length);
	put32(f, 0);
	put32(f, (uint32_t)(at >> 32));
	put32(f, (uint32_t)at);
	put32(f, (uint32_t)(heads_len + n));
	put32(f, (uint32_t)(heads_len + n));
	fwrite(heads, 1, heads_len, f);
	put_padded(f, p, n);
	/* the heads are a multiple of four */
	if (comment_len) {
		put16(f, OPTION_COMMENT);
		put16(f, (uint16_t)comment_len);
		put_padded(f, comment, comment_len);
		put16(f, OPTION_END);
		put16(f, 0);
	}
	put32(f, length);
}

/* N bytes from the client (or the server). */
static void put_segment(struct converter *c, struct stream *s, bool request, uint64_t time,
			uint8_t flags, const void *p, size_t n, const char *comment)
{
	uint32_t client = htonl(0x0a000001), server = htonl(0x0a000002);
	uint16_t port = htons((uint16_t)(FIRST_PORT + s->conn % N_PORTS));
	struct {
		struct ip4 ip;
		struct tcp tcp;
	} h = {
		.ip = {.version = 0x45,
		       .length = htons((uint16_t)(sizeof(h) + n)),
		       .ttl = 64,
		       .protocol = 6,
		       .from = request ? client : server,
		       .to = request ? server : client},
		.tcp = {.from = request ? port : htons(SERVER_PORT),
			.to = request ? htons(SERVER_PORT) : port,
			.seq = htonl(s->sent[!request]),
			.ack = flags & TCP_ACK ? htonl(s->sent[request]) : 0,
			.offset = 0x50,
			.flags = flags,
			.window = htons(65535)},
	};

	put_packet(c, time, &h, sizeof(h), p, n, comment);
	s->sent[!request] += (uint32_t)n + (flags & TCP_SYN ? 1 : 0);
}

static struct stream *stream_of(struct converter *c, const struct trace_record *r)
{
	struct state *state = c->state;
	struct stream **at = &state->chains[r->conn % ARRAY_SIZE(state->chains)], *s;

	for (; *at; at = &(*at)->next)
		if ((*at)->conn == r->conn)
			return *at;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->conn = r->conn;
	*at = s;
	put_segment(c, s, true, r->time, TCP_SYN, NULL, 0, NULL);
	put_segment(c, s, false, r->time, TCP_SYN_ACK, NULL, 0, NULL);
	put_segment(c, s, true, r->time, TCP_ACK, NULL, 0, NULL);
	return s;
}

/* In the place of each block of the payload. */
static void fill_in(const struct trace_record *r, uint8_t *to)
{
	uint32_t n = trace_n_digests(r->grid, r->payload_len);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = i ? i * TRACE_BLOCK - r->grid : 0;
		uint32_t until = MIN((i + 1) * TRACE_BLOCK - r->grid, r->payload_len);
		char text[48];
		int len = !trace_has_digests(r) ? snprintf(text, sizeof(text), "[not recorded] ")
						: snprintf(text, sizeof(text),
							   "[not recorded, XXH3 %016" PRIx64 "] ",
							   trace_digest(r, i));

		for (uint32_t at = from; at < until; at += (uint32_t)len)
			memcpy(to + at, text, MIN((uint32_t)len, until - at));
	}
}

/* The message as it was, as far as it is known; NULL: no memory. */
static const uint8_t *bytes_of(struct state *s, const struct trace_record *r, size_t *ret_n)
{
	size_t n = (size_t)r->head_len + r->payload_len;

	if (s->cap < n || !s->bytes) {
		uint8_t *bytes = realloc(s->bytes, MAX(n, 1));

		if (!bytes)
			return NULL;
		s->bytes = bytes;
		s->cap = n;
	}
	if (r->head_len)
		memcpy(s->bytes, r->head, r->head_len);
	if (r->data)
		memcpy(s->bytes + r->head_len, r->data, r->payload_len);
	else
		fill_in(r, s->bytes + r->head_len);
	*ret_n = n;
	return s->bytes;
}

/* In as many segments as it takes; the last one has the comment, for there it is decoded. */
static int put_message(struct converter *c, const struct trace_record *r, const char *comment)
{
	struct stream *s = stream_of(c, r);
	size_t n;
	const uint8_t *p = s ? bytes_of(c->state, r, &n) : NULL;

	if (!p)
		return -ENOMEM;
	while (n) {
		size_t len = MIN(n, MAX_SEGMENT);

		put_segment(c, s, r->kind == TRACE_REQUEST, r->time, TCP_PUSH_ACK, p, len,
			    len == n ? comment : NULL);
		p += len;
		n -= len;
	}
	return 0;
}

/* Without its time, which Wireshark shows, and its newline. */
static char *comment_of(const struct exchange *e)
{
	char *text = NULL, *space;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	exchange_print(f, e, e->request.time);
	fclose(f);
	space = strchr(text, ' ');
	if (!space)
		return text;
	n = strlen(space + 1);
	memmove(text, space + 1, n + 1);
	if (n && text[n - 1] == '\n')
		text[n - 1] = '\0';
	return text;
}

static int request(struct converter *c, const struct trace_record *r)
{
	struct exchange e = {.kind = EXCHANGE_DONE, .request = *r};
	char path[EXCHANGE_PATH_SIZE];

	e.t_well_formed = trace_decode_msg(r, MSG_FROM_CLIENT, &e.t);
	exchange_path(&e, 0, path, sizeof(path));
	return put_message(c, r, path);
}

static int exchange(struct converter *c, const struct exchange *e)
{
	autofree char *comment = NULL;

	if (e->kind != EXCHANGE_DONE && e->kind != EXCHANGE_NO_REQUEST)
		return 0;
	comment = comment_of(e);
	return comment ? put_message(c, &e->reply, comment) : -ENOMEM;
}

const struct converter_ops convert_pcapng = {
	.name = "pcapng",
	.start = start,
	.request = request,
	.exchange = exchange,
	.end = end,
};
