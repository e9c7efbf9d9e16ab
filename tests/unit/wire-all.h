/* SPDX-License-Identifier: MIT */
/* Every message of the table, for tests that go over all of them. */
#ifndef TESTS_WIRE_ALL_H
#define TESTS_WIRE_ALL_H

#include "macros.h"
#include "msg.h"

#define MOST_BYTES 65536 /* what a random message encodes to, at most */

static const uint8_t all_types[] = {
#define M(number, Name) Name,
	WIRE_MESSAGES(M)
#undef M
};

#define for_each_type(t) \
	for (const uint8_t *t = all_types; t < all_types + ARRAY_SIZE(all_types); t++)

#endif
