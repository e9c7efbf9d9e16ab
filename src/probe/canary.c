/* SPDX-License-Identifier: MIT */
/* What the pages hold that are kept to see who writes to them; the host knows it too. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "probe.h"

#define PAGE 4096U
#define UNIT 16U

/* Each page has bytes of its own. */
void memory_canary(uint64_t page, unsigned char *buf)
{
	char unit[UNIT + 1];

	snprintf(unit, sizeof(unit), "~canary%08" PRIx32 "\n", (uint32_t)page);
	for (size_t at = 0; at < PAGE; at += UNIT)
		memcpy(buf + at, unit, UNIT);
}
