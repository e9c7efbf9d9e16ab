/* SPDX-License-Identifier: MIT */
/* Whose bytes are these? Looks for bytes that turned up in a wrong place in all files of the host. */
#ifndef VERIFY_OWNER_H
#define VERIFY_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct manifest;
struct node;

/* One comparison's searches: together they read so much and no more. */
struct owner_search {
	struct manifest *m; /* complete; NULL: nothing is ever found */
	uint64_t bytes_left;
};

void owner_search_init(struct owner_search *s, struct manifest *m);

/* The first file that has the N bytes at P, and where. False for bytes that would fit anywhere: too
 * few, or all the same. */
bool owner_find(struct owner_search *s, const unsigned char *p, size_t n,
		const struct node **ret_node, uint64_t *ret_offset);

/* The same for a block of which only the digest is known: it is HOST (N bytes), begun anew with the
 * last bytes of a file, from the last page boundary on. BUF becomes the block. */
bool owner_guess_tail(struct owner_search *s, const unsigned char *host, size_t n, uint64_t digest,
		      unsigned char *buf, const struct node **ret_node, uint64_t *ret_offset);

#endif
