/* SPDX-License-Identifier: MIT */
#include "unzstd.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <zstd.h>

#include "cleanup.h"
#include "macros.h"

static void free_stream(ZSTD_DStream **s)
{
	ZSTD_freeDStream(*s);
}

/* Room for more output, one byte over the limit at most: that byte tells that there is more. */
static int grow(uint8_t **out, size_t *cap, size_t limit)
{
	size_t larger = MIN(*cap ? 2 * *cap : ZSTD_DStreamOutSize(), limit + 1);
	uint8_t *more = realloc(*out, larger);

	if (!more)
		return -ENOMEM;
	*out = more;
	*cap = larger;
	return 0;
}

int unzstd(const void *data, size_t n, size_t limit, void **ret_data, size_t *ret_n)
{
	cleanup(free_stream) ZSTD_DStream *s = ZSTD_createDStream();
	ZSTD_inBuffer in = {data, n, 0};
	autofree uint8_t *out = NULL;
	size_t cap = 0, done = 0, left = 1;

	if (!s)
		return -ENOMEM;
	while (left) {
		ZSTD_outBuffer room;
		size_t had = in.pos;

		if (done == cap && grow(&out, &cap, limit))
			return -ENOMEM;
		room = (ZSTD_outBuffer){out + done, cap - done, 0};
		left = ZSTD_decompressStream(s, &room, &in);
		if (ZSTD_isError(left))
			return -EBADMSG;
		done += room.pos;
		if (done > limit)
			return -EFBIG;
		if (left && !room.pos && in.pos == had)
			return -EBADMSG;
	}
	*ret_n = done;
	*ret_data = steal_ptr(&out);
	return 0;
}
