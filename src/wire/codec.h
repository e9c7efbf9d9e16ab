/* SPDX-License-Identifier: MIT */
/* The field kinds as bytes: one get_ and one put_ each; numbers here, for a message is little else.
 * Internal to wire. */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "msg.h"

/* What is left to read. */
struct reader {
	const uint8_t *p, *end;
	size_t outside; /* data bytes that follow END elsewhere */
};

/* What is left to write. OUTSIDE counts data that the caller sends by itself. */
struct writer {
	uint8_t *p, *end;
	size_t outside;
};

/* A compiler that sees how many bytes there are makes one instruction of the copy. */
static inline uint64_t codec_load(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return le64toh(v);
}

static inline void codec_store(uint8_t *p, size_t n, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, n);
}

/* N bytes of the input, NULL if there are not so many. */
static inline const uint8_t *codec_take(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if ((size_t)(r->end - p) < n)
		return NULL;
	r->p += n;
	return p;
}

static inline uint8_t *codec_give(struct writer *w, size_t n)
{
	uint8_t *p = w->p;

	if ((size_t)(w->end - p) < n)
		return NULL;
	w->p += n;
	return p;
}

#define NUMBER(kind, type, bytes)                                     \
	static inline int get_##kind(struct reader *r, type *ret)     \
	{                                                             \
		const uint8_t *p = codec_take(r, bytes);              \
                                                                      \
		if (!p)                                               \
			return -EBADMSG;                              \
		*ret = (type)codec_load(p, bytes);                    \
		return 0;                                             \
	}                                                             \
	static inline int put_##kind(struct writer *w, const type *v) \
	{                                                             \
		uint8_t *p = codec_give(w, bytes);                    \
                                                                      \
		if (!p)                                               \
			return -EMSGSIZE;                             \
		codec_store(p, bytes, *v);                            \
		return 0;                                             \
	}

NUMBER(u8, uint8_t, 1)
NUMBER(u16, uint16_t, 2)
NUMBER(u32, uint32_t, 4)
NUMBER(u64, uint64_t, 8)
NUMBER(oct32, uint32_t, 4)
NUMBER(hex32, uint32_t, 4)
NUMBER(hex64, uint64_t, 8)
#undef NUMBER

#define K(kind)                                             \
	int get_##kind(struct reader *r, KIND_##kind *ret); \
	int put_##kind(struct writer *w, const KIND_##kind *v);
K(str)
K(name)
K(names)
K(qid)
K(qids)
K(data)
#undef K

#endif
