/* SPDX-License-Identifier: MIT */
/* What the parts of classify.c share. */
#ifndef VERIFY_CLASSIFY_PARTS_H
#define VERIFY_CLASSIFY_PARTS_H

#include "classify.h"

/* The range of the bytes that differ, to *D; false when none does. */
bool classify_range(const unsigned char *host, const unsigned char *guest, size_t n,
		    struct diagnosis *d);

/* Is it all (or, IS_TORN, in part) of another generation of the corpus? */
bool classify_old(const struct specimen *s, bool is_torn, struct diagnosis *d);

#endif
