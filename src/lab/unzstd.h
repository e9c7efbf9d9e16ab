/* SPDX-License-Identifier: MIT */
/* Unpacks Zstandard data in memory. */
#ifndef LAB_UNZSTD_H
#define LAB_UNZSTD_H

#include <stddef.h>

/* As unxz(): the first frame of the N bytes at DATA, what stands behind it is ignored. */
int unzstd(const void *data, size_t n, size_t limit, void **ret_data, size_t *ret_n);

#endif
