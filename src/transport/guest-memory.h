/* SPDX-License-Identifier: MIT */
/* A guest's memory as a vhost-user front end shares it: a table of regions, each a mapped file.
 * A table never changes: a new one shares the mappings that stay, and the old one lives as long as
 * requests use it. Counted; from any thread. */
#ifndef TRANSPORT_GUEST_MEMORY_H
#define TRANSPORT_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_MEMORY_MAX_REGIONS 256

struct guest_memory;

/* As in the messages of vhost-user. */
struct guest_region {
	uint64_t guest_addr, size, user_addr, mmap_offset;
};

/* The table of the N regions at R, mapped from the files FDS (which stay the caller's). -EINVAL for
 * sizes that wrap, ranges that overlap, files that are none or too short; what mmap says. */
int guest_memory_new(const struct guest_region *r, const int *fds, unsigned n,
		     struct guest_memory **ret);

/* OLD (may be NULL) and one region more, or without the one that has R's addresses and size
 * (-ENOENT). OLD keeps its references. */
int guest_memory_add(const struct guest_memory *old, const struct guest_region *r, int fd,
		     struct guest_memory **ret);
int guest_memory_remove(const struct guest_memory *old, const struct guest_region *r,
			struct guest_memory **ret);

struct guest_memory *guest_memory_ref(struct guest_memory *m);
void guest_memory_unref(struct guest_memory *m);

/* Where guest address ADDR is mapped, *RET_LEN (at least 1, at most LEN) bytes in a row; NULL
 * outside all regions. */
void *guest_memory_at(const struct guest_memory *m, uint64_t addr, uint64_t len, size_t *ret_len);

/* LEN bytes at the front end's address ADDR; NULL unless one region has them all. */
void *guest_memory_at_user(const struct guest_memory *m, uint64_t addr, uint64_t len);

/* Copies LEN bytes at guest address ADDR to P, each of them read once. -EFAULT outside. */
int guest_memory_read(const struct guest_memory *m, uint64_t addr, void *p, size_t len);

/* Did a file lose pages that we mapped? What is there is not the guest's memory any more. */
bool guest_memory_is_lost(const struct guest_memory *m);

#endif
