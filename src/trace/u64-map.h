/* SPDX-License-Identifier: MIT */
/* From numbers to pointers. Not locked. */
#ifndef TRACE_U64_MAP_H
#define TRACE_U64_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: empty. */
struct u64_map {
	struct u64_slot {
		uint64_t key;
		void *value; /* NULL: empty */
	} * slots;
	size_t n, cap; /* a power of two */
};

/* NULL if there is none. */
void *u64_map_get(const struct u64_map *m, uint64_t key);

/* Puts VALUE, which is not NULL; *RET_OLD is what was there. 0 or -ENOMEM. */
int u64_map_put(struct u64_map *m, uint64_t key, void *value, void **ret_old);

/* Takes it out; NULL if there is none. */
void *u64_map_take(struct u64_map *m, uint64_t key);

/* Frees the map and, by FREE_VALUE, what is in it. */
void u64_map_done(struct u64_map *m, void (*free_value)(void *value));

#endif
