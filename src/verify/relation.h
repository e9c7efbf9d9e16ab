/* SPDX-License-Identifier: MIT */
/* How a wrong range of a file lies to what cuts the file into pieces on its way: pages, Treads, the
 * end of the file. */
#ifndef VERIFY_RELATION_H
#define VERIFY_RELATION_H

#include <stdint.h>

struct relation {
	uint64_t from, to;  /* the range; TO is behind it */
	uint64_t size;	    /* of the file, 0: unknown */
	uint64_t read_size; /* the bytes of a Tread, 0: unknown */
};

/* "from a page boundary, 1 Tread of 12288 bytes into the file, to its end"; NULL
 * when there is nothing to say, or memory is out. The caller frees it. */
char *relation_text(const struct relation *r);

#endif
