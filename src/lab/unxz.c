/* SPDX-License-Identifier: MIT */
#include "unxz.h"

#include <errno.h>
#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>

#include "cleanup.h"
#include "macros.h"

static void end_stream(lzma_stream *s)
{
	lzma_end(s);
}

static int to_errno(lzma_ret r)
{
	return r == LZMA_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

int unxz(const void *data, size_t n, size_t limit, void **ret_data, size_t *ret_n)
{
	cleanup(end_stream) lzma_stream s = LZMA_STREAM_INIT;
	size_t cap = MIN(MAX(4 * n, 4096U), limit + 1);
	autofree uint8_t *out = malloc(cap);
	lzma_ret r = lzma_stream_decoder(&s, UINT64_MAX, 0);

	if (!out)
		return -ENOMEM;
	if (r != LZMA_OK)
		return to_errno(r);
	s.next_in = data;
	s.avail_in = n;
	for (;;) {
		s.next_out = out + s.total_out;
		s.avail_out = cap - s.total_out;
		r = lzma_code(&s, LZMA_FINISH);
		if (s.total_out > limit)
			return -EFBIG;
		if (r == LZMA_STREAM_END)
			break;
		/* LZMA_BUF_ERROR with room left: the data ends too early. */
		if (r != LZMA_OK && (r != LZMA_BUF_ERROR || s.avail_out))
			return to_errno(r);
		if (s.avail_out)
			continue;
		cap = MIN(2 * cap, limit + 1);
		uint8_t *more = realloc(out, cap);
		if (!more)
			return -ENOMEM;
		out = more;
	}
	*ret_n = s.total_out;
	*ret_data = steal_ptr(&out);
	return 0;
}
