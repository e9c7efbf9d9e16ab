/* SPDX-License-Identifier: MIT */
/* Whole small files in one call. */
#ifndef BASE_SLURP_H
#define BASE_SLURP_H

#include <stddef.h>

/* All of the file PATH and a NUL behind it; works for /proc as well. The caller frees *RET_DATA;
 * RET_N may be NULL. 0, or -errno: -EFBIG when it is longer than LIMIT. */
int slurp(const char *path, size_t limit, char **ret_data, size_t *ret_n);

#endif
