/* SPDX-License-Identifier: MIT */
/* The field kinds as bytes: one get_ and one put_ each. Internal to wire. */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

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

#define K(kind)                                             \
	int get_##kind(struct reader *r, KIND_##kind *ret); \
	int put_##kind(struct writer *w, const KIND_##kind *v);
K(u8)
K(u16)
K(u32)
K(u64)
K(oct32)
K(hex32)
K(hex64)
K(str)
K(name)
K(names)
K(qid)
K(qids)
K(data)
#undef K

#endif
