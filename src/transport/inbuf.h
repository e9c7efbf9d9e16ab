/* SPDX-License-Identifier: MIT */
/* The framing of a byte stream: received bytes in, whole messages out. Messages are not copied:
 * they lie in counted chunks of memory, which a message may hold on to.
 *
 * Nothing is held while no bytes are waiting, so an idle connection costs nothing here; a chunk is
 * small until a message announces that it is larger.
 */
#ifndef TRANSPORT_INBUF_H
#define TRANSPORT_INBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chunk;
struct pool;

struct inbuf {
	struct pool *pool;
	struct chunk *chunk; /* NULL: empty */
	size_t start, end;   /* the bytes in it that were not taken yet */
	bool thrifty;	     /* memory for what has come, not for what was announced */
};

void inbuf_init(struct inbuf *in, struct pool *p);
void inbuf_done(struct inbuf *in);

/* Where to receive, *RET_ROOM bytes at most; call it when inbuf_next found no whole message. NULL
 * when memory is out. */
void *inbuf_room(struct inbuf *in, size_t *ret_room);

/* N bytes were received there. */
void inbuf_fill(struct inbuf *in, size_t n);

/* The next message, of at most MAX bytes: 1, or 0 when there is no whole one yet, or -EBADMSG (its
 * size is less than a header's), -EMSGSIZE (more than MAX). It stays next until inbuf_take. */
int inbuf_next(struct inbuf *in, uint32_t max, const uint8_t **ret_msg, uint32_t *ret_size);

/* Goes on behind the message of SIZE bytes. */
void inbuf_take(struct inbuf *in, uint32_t size);

/* Bytes that belong to no whole message wait. */
static inline size_t inbuf_left(const struct inbuf *in)
{
	return in->end - in->start;
}

/* The memory that is held for them. */
size_t inbuf_held(const struct inbuf *in);

/* Keeps the memory of the next message, until chunk_unref (from any thread). */
struct chunk *inbuf_ref(struct inbuf *in);
void chunk_unref(struct chunk *c, struct pool *p);

#endif
