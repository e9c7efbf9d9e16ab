/* SPDX-License-Identifier: MIT */
/* A request that carried bytes of a file, as a recording tells of it. */
#ifndef VERIFY_WIRE_REQUEST_H
#define VERIFY_WIRE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

/* A Tread, or a Twrite. */
struct wire_request {
	uint16_t tag;
	bool is_write;
	uint64_t offset;
	uint32_t asked, got;
	uint64_t time; /* ns since the recording's first message */
	uint64_t took; /* ns until its reply */
	bool has_route, is_zero_copy;
	bool overlaps; /* parts of what was read went to the same memory of the guest */
};

#endif
