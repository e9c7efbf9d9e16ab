/* SPDX-License-Identifier: MIT */
/* The framing of a stream: however its bytes arrive, the messages are those that are in it, and
 * those that are held on to stay as they were.
 *
 * Input: seed[1] mode[1], then in mode 0 the stream, else 4 bytes for each message: its size, and
 * what the body consists of. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "fuzz.h"
#include "inbuf.h"
#include "macros.h"
#include "pool.h"

#define MOST (200 << 10) /* of a message */
#define MAX_STREAM (1 << 20)
#define MAX_HELD 64

struct stream {
	uint8_t bytes[MAX_STREAM];
	size_t n;
};

struct held {
	struct chunk *chunk;
	const uint8_t *msg;
	size_t at; /* in the stream */
	uint32_t size;
};

static uint32_t random_state;

static uint32_t next_random(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 8;
}

static uint32_t get_size(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void add_message(struct stream *s, const uint8_t *seed)
{
	uint32_t size = get_size(seed) & 0x3ffff;

	if (s->n + size + 4 > MAX_STREAM)
		return;
	memcpy(s->bytes + s->n, &(uint32_t){size}, 4);
	for (uint32_t i = 4; i < size; i++)
		s->bytes[s->n + i] = (uint8_t)(seed[3] + i * 7 + (i >> 8));
	s->n += size < 4 ? 4 : size;
}

static void make_stream(struct stream *s, const uint8_t *data, size_t size)
{
	s->n = 0;
	if (data[1] == 0) {
		s->n = MIN(size - 2, (size_t)MAX_STREAM);
		memcpy(s->bytes, data + 2, s->n);
		return;
	}
	for (size_t i = 2; i + 4 <= size; i += 4)
		add_message(s, data + i);
}

static size_t piece(size_t room)
{
	uint32_t r = next_random();

	return r % 4 == 0 ? 1 : r % 4 == 1 ? r / 4 % 100 + 1 : r / 4 % room + 1;
}

/* What a reference reader finds at AT of the whole stream. */
static int expect(const struct stream *s, size_t at, uint32_t *ret_size)
{
	uint32_t size;

	if (s->n - at < 4)
		return 0;
	size = get_size(s->bytes + at);
	if (size < 7)
		return -EBADMSG;
	if (size > MOST)
		return -EMSGSIZE;
	*ret_size = size;
	return s->n - at >= size;
}

static void check_held(const struct stream *s, struct held *h, struct pool *p)
{
	if (!h->chunk)
		return;
	assert(!memcmp(h->msg, s->bytes + h->at, h->size));
	chunk_unref(h->chunk, p);
	h->chunk = NULL;
}

/* Takes all whole messages that are here; false at a broken one. */
static int take(struct inbuf *in, const struct stream *s, size_t *at, struct held *held)
{
	const uint8_t *msg;
	uint32_t size, want;
	int r;

	while ((r = inbuf_next(in, MOST, &msg, &size)) == 1) {
		struct held *h = &held[next_random() % MAX_HELD];

		assert(expect(s, *at, &want) == 1);
		assert(size == want && !memcmp(msg, s->bytes + *at, size));
		if (next_random() % 3 == 0) {
			check_held(s, h, in->pool);
			*h = (struct held){inbuf_ref(in), msg, *at, size};
		}
		inbuf_take(in, size);
		*at += size;
	}
	if (r < 0)
		assert(expect(s, *at, &want) == r);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct held held[MAX_HELD] = {0};
	static struct stream s;
	struct inbuf in;
	struct pool *pool;
	size_t sent = 0, at = 0;
	uint32_t left;

	if (size < 2 || pool_new(&pool))
		return 0;
	random_state = data[0];
	make_stream(&s, data, size);
	inbuf_init(&in, pool);
	while (sent < s.n) {
		size_t room, n;
		uint8_t *to = inbuf_room(&in, &room);

		assert(to && room);
		n = piece(room);
		n = MIN(MIN(n, room), s.n - sent);
		memcpy(to, s.bytes + sent, n);
		sent += n;
		inbuf_fill(&in, n);
		if (take(&in, &s, &at, held) < 0)
			break;
	}
	if (sent == s.n)
		assert(expect(&s, at, &left) != 1);
	for (int i = 0; i < MAX_HELD; i++)
		check_held(&s, &held[i], pool);
	inbuf_done(&in);
	pool_free(pool);
	return 0;
}
