/* SPDX-License-Identifier: MIT */
/* Which kernel the model plays: the known bugs of the cached 9P read path, one row each, and the
 * versions of Linux that have them. */
#ifndef MODEL_KERNEL_RULES_H
#define MODEL_KERNEL_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Enum, name for --with-bug, commit that fixes it, versions that have it ("FROM..BEFORE", the
 * second one is the first without), and what goes wrong. */
#define KERNEL_BUGS(B)                                                                             \
	B(BUG_GET_PAGES_SLOT, "folioq-slot", "0d24852bd71e", "6.12-rc1..6.12-rc2",                 \
	  "iter_folioq_get_pages looks at the offset before its step to see whether the folio is " \
	  "used up, and hands out the page behind each folio (with folioq-parked: the fix of "     \
	  "that one hides it)")                                                                    \
	B(BUG_GET_PAGES_PARKED, "folioq-parked", "e65a0dc1cabe", "6.12-rc1..6.12-rc6",             \
	  "iter_folioq_get_pages does not skip a used up folio that it finds at its start, and "   \
	  "hands out the page behind it")                                                          \
	B(BUG_FOLIOQ_OFFSET, "folioq-offset", "808471ddb0fa",                                      \
	  "6.12-rc1..6.12.44 6.13-rc1..6.16.4 6.17-rc1..6.17-rc3",                                 \
	  "iterate_folioq does not skip a used up folio that it finds at its start, and copies "   \
	  "to "                                                                                    \
	  "the page behind it")                                                                    \
	B(BUG_PARKING, "parking", "334430b2d585", "6.12-rc1..",                                    \
	  "iter_folioq_get_pages leaves the cursor at the end of the folio that it used up, not "  \
	  "at the start of the next: harmless, if all others skip it")

#define B(id, name, commit, versions, summary) id,
enum kernel_bug { KERNEL_BUGS(B) N_KERNEL_BUGS };
#undef B

struct kernel_bug_row {
	const char *name, *commit, *versions, *summary;
};

extern const struct kernel_bug_row kernel_bugs[N_KERNEL_BUGS];

struct kernel_rules {
	bool has[N_KERNEL_BUGS];
	/* Until 6.11 a cached read walks the file's pages themselves (ITER_XARRAY), since 6.12 a
	 * folio_queue; and a read past the cache (cache=none, O_DIRECT) goes to the caller's memory
	 * as it is (until 6.7), or page by page. */
	bool has_folio_queue, has_netfs_direct;
};

/* Those of VERSION: "6.12.43", "6.12-rc1", or a release such as "6.12.95+deb12-amd64".
 * 0 or -EINVAL. */
int kernel_rules_of(const char *version, struct kernel_rules *ret_r);

/* Turns BUG on, and what the kernels that had it always had as well. */
void kernel_rules_add(struct kernel_rules *r, enum kernel_bug bug);

/* The bug NAME, or N_KERNEL_BUGS. */
enum kernel_bug kernel_bug_find(const char *name);

#endif
