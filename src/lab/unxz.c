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

/* Room for more output; *CAP is 0 at first. */
static int grow(uint8_t **out, size_t *cap, size_t first, size_t limit)
{
	size_t larger = MIN(*cap ? 2 * *cap : first, limit + 1);
	uint8_t *more = realloc(*out, larger);

	if (!more)
		return -ENOMEM;
	*out = more;
	*cap = larger;
	return 0;
}

int unxz(const void *data, size_t n, size_t limit, void **ret_data, size_t *ret_n)
{
	cleanup(end_stream) lzma_stream s = LZMA_STREAM_INIT;
	autofree uint8_t *out = NULL;
	size_t cap = 0;
	lzma_ret r = lzma_stream_decoder(&s, UINT64_MAX, 0);

	s.next_in = data;
	s.avail_in = n;
	while (r == LZMA_OK) {
		if (s.total_out == cap && grow(&out, &cap, MAX(4 * n, 4096U), limit))
			return -ENOMEM;
		s.next_out = out + s.total_out;
		s.avail_out = cap - s.total_out;
		r = lzma_code(&s, LZMA_FINISH);
		if (s.total_out > limit)
			return -EFBIG;
		/* With no room left it is no error; with room the data ends too early. */
		if (r == LZMA_BUF_ERROR && !s.avail_out)
			r = LZMA_OK;
	}
	if (r != LZMA_STREAM_END)
		return to_errno(r);
	*ret_n = s.total_out;
	*ret_data = steal_ptr(&out);
	return 0;
}
