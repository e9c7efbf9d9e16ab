/* SPDX-License-Identifier: MIT */
/* The table of known-bugs.h: symbol, id (as of --without-fix, where there is one), title (of the commit that
 * fixes it), commit and versions that have it, versions that lack it, what the evidence looks like (the
 * function of known-bugs.c with the symbol's name decides). */
#ifndef VERIFY_KNOWN_BUGS_TABLE_H
#define VERIFY_KNOWN_BUGS_TABLE_H

#define KNOWN_BUGS(X)                                                                            \
	X(FOLIOQ_OFFSET, "folioq-offset",                                                        \
	  "iov_iter: iterate_folioq: fix handling of offset >= folio size",                      \
	  "808471ddb0fa (6.17, 6.16.4, 6.12.44)",                                                \
	  "6.12-rc1..6.12.44 6.13-rc1..6.16.4 6.17-rc1..6.17-rc3",                               \
	  "an Rread of up to 1024 bytes, copied, behind a zero-copy Rread that ended on a page " \
	  "boundary, is missing from the cache")                                                 \
	X(FOLIOQ_PARKED, "folioq-parked", "iov_iter: Fix iov_iter_get_pages* for folio_queue",   \
	  "e65a0dc1cabe (6.12)", "6.12-rc1..6.12-rc6",                                           \
	  "a zero-copy Rread behind one that ended on a page boundary is missing from its "      \
	  "first page on")                                                                       \
	X(FOLIOQ_SLOT, "folioq-slot", "iov_iter: fix advancing slot in iter_folioq_get_pages",   \
	  "0d24852bd71e (6.12)", "6.12-rc1..6.12-rc2",                                           \
	  "pages within a zero-copy Rread, from its second on, are not where they belong")       \
	X(ZERO_POINT, "zero-point", "9p: appended data is read as zeros",                        \
	  "nothing that is known; a server that answers qid.version 0 avoids it", "6.8-rc1..",   \
	  "zeros up to the end of the file, and no Tread asked for them")                        \
	X(CLEAR_TAIL, "clear-tail", "netfs: a file that is shorter than it was said is padded",  \
	  "nothing that is known; honest sizes avoid it", "6.8-rc1..",                           \
	  "bytes behind the end of what the server sent, by ways that use the cache")            \
	X(EARLY_UNLOCK, "early-unlock",                                                          \
	  "netfs: Fix early read unlock of page with EOF in middle (CVE-2025-71201)",            \
	  "570ad253a345 (6.19, 6.18.6)", "6.14-rc1..6.18.6 6.19-rc1..6.19-rc5",                  \
	  "mmap shows old bytes behind the end of the file in its last page")

#endif
