/* SPDX-License-Identifier: MIT */
/* The kernel's own instruments for its 9P client: what can be asked of them by name, and which kernel has
 * them. */
#ifndef LAB_INSTRUMENTS_H
#define LAB_INSTRUMENTS_H

#include <stdbool.h>

struct kernel;

/* Names of 9pnet's debug messages (include/net/9p/9p.h), with commas between, as a mask. 0, or -EINVAL with
 * *RET_BAD the name that there is not (the caller frees it). */
int debug_mask_parse(const char *names, unsigned *ret_mask, char **ret_bad);

/* All their names, with commas between; the caller frees it. */
char *debug_mask_names(void);

/* Does a list of tracepoints ("9p,netfs:netfs_read") consist of GROUP, GROUP:EVENT or EVENT? */
bool trace_list_is_valid(const char *list);

/* 0; -ENOTSUP when the kernel's configuration says that it was built without OPTION
 * ("CONFIG_NET_9P_DEBUG"). A kernel whose configuration we do not have may have it. */
int kernel_has_option(const struct kernel *k, const char *option);

#endif
