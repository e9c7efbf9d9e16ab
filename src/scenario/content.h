/* SPDX-License-Identifier: MIT */
/* What a file holds, or what somebody saw of it. */
#ifndef SCENARIO_CONTENT_H
#define SCENARIO_CONTENT_H

#include <stddef.h>

struct content {
	unsigned char *at; /* NULL when N is 0 */
	size_t n;
};

/* All return 0 or -ENOMEM, and leave *C as it was on failure. */
int content_resize(struct content *c, size_t n); /* what is new is zeros */
int content_fill(struct content *c, size_t offset, unsigned char byte, size_t n);
int content_add(struct content *c, const void *bytes, size_t n);
int content_copy(const struct content *from, struct content *ret_c);
void content_done(struct content *c);

/* How many bytes there are from OFFSET on, COUNT at most. */
size_t content_left(const struct content *c, size_t offset, size_t count);

#endif
