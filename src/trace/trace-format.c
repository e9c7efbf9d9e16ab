/* SPDX-License-Identifier: MIT */
/* Heads, sums and digests. */
#include "trace-format.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "macros.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wswitch-enum"
#pragma GCC diagnostic ignored "-Wpedantic"
#define XXH_INLINE_ALL
#include <xxhash.h>

const char trace_magic[8] = TRACE_MAGIC;
const char trace_tail_magic[8] = TRACE_TAIL_MAGIC;
#pragma GCC diagnostic pop

uint64_t trace_sum(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}

void trace_put_file_head(const struct trace_file_head *h, uint8_t *to)
{
	memset(to, 0, TRACE_HEAD_SIZE);
	memcpy(to, trace_magic, sizeof(trace_magic));
	trace_put32(to + 8, h->version);
	trace_put32(to + 12, h->flags);
	trace_put64(to + 16, h->wall);
	trace_put64(to + 24, h->mono);
	trace_put64(to + 32, h->id);
	trace_put32(to + 40, h->part);
	trace_put64(to + 56, trace_sum(to, 56));
}

int trace_get_file_head(const uint8_t *from, struct trace_file_head *ret_h)
{
	if (memcmp(from, TRACE_MAGIC, 8) || trace_get64(from + 56) != trace_sum(from, 56))
		return -EBADMSG;
	if (trace_get32(from + 8) != TRACE_VERSION)
		return -EPROTONOSUPPORT;
	*ret_h = (struct trace_file_head){
		.version = trace_get32(from + 8),
		.flags = trace_get32(from + 12),
		.wall = trace_get64(from + 16),
		.mono = trace_get64(from + 24),
		.id = trace_get64(from + 32),
		.part = trace_get32(from + 40),
	};
	return 0;
}

void trace_put_block_head(const struct trace_block_head *h, uint8_t *to)
{
	memset(to, 0, TRACE_BLOCK_HEAD_SIZE);
	trace_put32(to, TRACE_BLOCK_MAGIC);
	trace_put32(to + 8, h->length);
	trace_put32(to + 12, h->type);
	trace_put32(to + 16, h->n_records);
	trace_put64(to + 24, h->first_time);
	trace_put64(to + 32, h->number);
	trace_put64(to + 40, h->body_sum);
	trace_put32(to + 4, (uint32_t)trace_sum(to + 8, TRACE_BLOCK_HEAD_SIZE - 8));
}

bool trace_get_block_head(const uint8_t *from, struct trace_block_head *ret_h)
{
	if (trace_get32(from) != TRACE_BLOCK_MAGIC ||
	    trace_get32(from + 4) != (uint32_t)trace_sum(from + 8, TRACE_BLOCK_HEAD_SIZE - 8))
		return false;
	*ret_h = (struct trace_block_head){
		.length = trace_get32(from + 8),
		.type = trace_get32(from + 12),
		.n_records = trace_get32(from + 16),
		.first_time = trace_get64(from + 24),
		.number = trace_get64(from + 32),
		.body_sum = trace_get64(from + 40),
	};
	return ret_h->length <= TRACE_MAX_BLOCK;
}

uint64_t trace_digest(const struct trace_record *r, uint32_t i)
{
	uint32_t start, end;

	if (!r->data)
		return trace_get64(r->digest + (size_t)i * 8);
	start = i ? i * TRACE_BLOCK - r->grid : 0;
	end = MIN((i + 1) * TRACE_BLOCK - r->grid, r->payload_len);
	return trace_sum(r->data + start, end - start);
}

/* The next N bytes of the parts, which lie in several of them. */
static uint64_t sum_of_parts(const struct iovec **iov, size_t *used, size_t n)
{
	XXH3_state_t state;

	XXH3_64bits_reset(&state);
	while (n) {
		size_t len = MIN(n, (*iov)->iov_len - *used);

		XXH3_64bits_update(&state, (const char *)(*iov)->iov_base + *used, len);
		n -= len;
		*used += len;
		if (*used == (*iov)->iov_len) {
			(*iov)++;
			*used = 0;
		}
	}
	return XXH3_64bits_digest(&state);
}

void trace_digest_parts(const struct iovec *iov, int n_iov, uint32_t grid, uint32_t len,
			uint8_t *ret)
{
	size_t used = 0;

	(void)n_iov;
	for (uint32_t block = TRACE_BLOCK - grid; len; block = TRACE_BLOCK, ret += 8) {
		uint32_t n = MIN(block, len);
		uint64_t sum;

		while (used == iov->iov_len) { /* also parts without a byte */
			iov++;
			used = 0;
		}
		if (iov->iov_len - used >= n) {
			sum = trace_sum((const char *)iov->iov_base + used, n);
			used += n;
		} else {
			sum = sum_of_parts(&iov, &used, n);
		}
		trace_put64(ret, sum);
		len -= n;
	}
}

/* By address. Not qsort: it may ask the system for the size of memory, and a sandbox ends who does. */
static void sort_parts(struct iovec *parts, int n)
{
	for (int gap = n / 2; gap; gap /= 2)
		for (int i = gap; i < n; i++) {
			struct iovec v = parts[i];
			int k = i;

			for (; k >= gap && parts[k - gap].iov_base > v.iov_base; k -= gap)
				parts[k] = parts[k - gap];
			parts[k] = v;
		}
}

static bool is_apart(const struct iovec *a, const struct iovec *b)
{
	return (uintptr_t)a->iov_base + a->iov_len <= (uintptr_t)b->iov_base;
}

/* Mostly they go up in memory already. */
bool trace_parts_overlap(const struct iovec *iov, int n_iov, uint32_t len)
{
	autofree struct iovec *parts = NULL;
	int n = 0, rising = 1;

	while (rising < n_iov && is_apart(&iov[rising - 1], &iov[rising]))
		rising++;
	if (rising >= n_iov)
		return false;
	parts = calloc((size_t)n_iov, sizeof(*parts));
	for (; parts && n < n_iov && len; n++) {
		parts[n] = iov[n];
		parts[n].iov_len = MIN(iov[n].iov_len, (size_t)len);
		len -= (uint32_t)parts[n].iov_len;
	}
	sort_parts(parts, n);
	for (int i = 1; i < n; i++)
		if (!is_apart(&parts[i - 1], &parts[i]))
			return true;
	return false;
}
