/* SPDX-License-Identifier: MIT */
/* Unpacks .xz data in memory. */
#ifndef LAB_UNXZ_H
#define LAB_UNXZ_H

#include <stddef.h>

/* The first stream of the N bytes at DATA; what stands behind it is ignored. The caller frees
 * *RET_DATA. 0, or -errno: -EBADMSG for damaged data, -EFBIG when the result is over LIMIT. */
int unxz(const void *data, size_t n, size_t limit, void **ret_data, size_t *ret_n);

#endif
