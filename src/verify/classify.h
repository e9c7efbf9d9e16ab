/* SPDX-License-Identifier: MIT */
/* Says of a block that the guest read wrongly what is wrong with it. Often only the digest of the
 * guest's bytes is known; then each hypothesis is tried on the host's bytes until the digest fits,
 * which tells the bytes after all. */
#ifndef VERIFY_CLASSIFY_H
#define VERIFY_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "damage.h"

struct manifest;
struct owner_search;
struct node;

struct specimen {
	const unsigned char *host;  /* the block as the host has it */
	const unsigned char *guest; /* as the guest has it; NULL: only its digest is known */
	size_t n;		    /* bytes in both, at most DIGEST_BLOCK */
	uint64_t digest;
	uint64_t offset; /* in the file */
	int host_fd;	 /* the host's file, to look for the bytes elsewhere; -1: do not */
	struct manifest *manifest;   /* the other files; NULL: do not look there */
	struct owner_search *owners; /* the bytes of the other files; NULL: do not look there */
	const struct node *node;     /* which one this is */
	bool is_thorough;	     /* try also what takes a quarter of a second */
};

struct diagnosis {
	enum damage class;
	size_t from, to; /* the wrong bytes of the block; all of it when that is not known */
	bool is_exact;	 /* it is known */
	int64_t shift;	 /* SHIFTED: the bytes are those of that much further on in the file */
	const struct node *foreign; /* FOREIGN: whose, and from where there */
	uint64_t foreign_offset;
	unsigned generation, host_generation; /* STALE, TORN: of the corpus; 0: not known */
};

void classify(const struct specimen *s, struct diagnosis *ret_d);

#endif
