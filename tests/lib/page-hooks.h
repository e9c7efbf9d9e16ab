/* SPDX-License-Identifier: MIT */
/* What the kernel says of its page cache, and does to a splice, as a test wants it: for programs that
 * link page_hooks_lib. Called on whatever thread makes the call; NULL: the kernel is asked. */
#ifndef TESTS_PAGE_HOOKS_H
#define TESTS_PAGE_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the place of cachestat(2): how many pages of LEN bytes at OFFSET are in the cache. 0 or errno. */
extern int (*page_hook_cachestat)(uint64_t offset, uint64_t len, uint64_t *ret_pages);

/* Before each splice, from a file or from a pipe: may make *COUNT less, or change the file. 0, or the
 * errno with which the splice fails. */
extern int (*page_hook_splice)(bool from_file, size_t *count);

#endif
