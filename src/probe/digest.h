/* SPDX-License-Identifier: MIT */
/* What host and guest compare: XXH3, 64 bits, of each 4096 bytes of a file; the last block is as
 * short as the file makes it. */
#ifndef VERIFY_DIGEST_H
#define VERIFY_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_BLOCK 4096U

uint64_t digest_of(const void *p, size_t n);

/* Of a whole block of zeros. */
uint64_t digest_of_zeros(void);

#endif
