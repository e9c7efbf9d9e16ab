/* SPDX-License-Identifier: MIT */
/* The memory of a running guest as its kernel has it, seen and written from the host: for tests that put
 * something into a page of its cache. */
#ifndef LAB_GUEST_RAM_H
#define LAB_GUEST_RAM_H

#include <stdbool.h>
#include <stddef.h>

#define GUEST_RAM_PAGE 4096U

struct guest;

struct guest_ram {
	size_t n; /* a multiple of the page; there may be less by now, or more */
	int fd;
};

#define GUEST_RAM_INIT   \
	{                \
		.fd = -1 \
	}

/* -ENOTSUP: it is not in a file (a QEMU without a vhost-user share), or -errno. */
int guest_ram_open(const struct guest *g, struct guest_ram *ret_ram);
void guest_ram_close(struct guest_ram *ram);

/* The next page from *AT on that begins with the N bytes at MARK is at *RET_PAGE; *AT is then behind it.
 * False: no more. */
bool guest_ram_find(const struct guest_ram *ram, const void *mark, size_t n, size_t *at,
		    size_t *ret_page);

/* Writes N bytes at AT. 0 or -errno. */
int guest_ram_write(const struct guest_ram *ram, size_t at, const void *bytes, size_t n);

#endif
