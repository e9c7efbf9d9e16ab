/* SPDX-License-Identifier: MIT */
/* Which staleness a cache mode of the 9P client allows. Zeros, lost bytes and hangs none does. */
#ifndef SCENARIO_CACHE_RULES_H
#define SCENARIO_CACHE_RULES_H

#include <stdbool.h>

/* Mode; since which Linux the row counts; then, 1 or 0:
 *   held		what the guest holds open, data and name, may be as old as the time of its
 *			opening; once nobody holds it, an open shows what is new
 *   forever		whatever the guest has seen once may stay so
 *   writes_back	the host sees what the guest wrote only after fsync, msync or close
 *   maps		a shared mapping may be written to
 *   absence		that a name is not there may be remembered
 * From the kernel's Documentation/filesystems/9p.rst, and from what each release does. */
#define CACHE_RULES(R)                          \
	R("none", "0", 0, 0, 0, 0, 0, 0)        \
	R("readahead", "6.4", 1, 0, 0, 0, 0, 0) \
	R("mmap", "0", 1, 0, 1, 0, 1, 0)        \
	R("loose", "0", 1, 1, 1, 1, 1, 0)       \
	R("loose", "6.4", 1, 1, 1, 0, 1, 0)     \
	R("loose", "7.2", 1, 1, 1, 0, 1, 1)

struct cache_rules {
	const char *cache, *since;
	bool held, forever, writes_back, close_waits, maps, absence;
};

/* NULL when a Linux of that VERSION ("6.12.117-1") does not know the mode. */
const struct cache_rules *cache_rules_find(const char *cache, const char *version);

#endif
