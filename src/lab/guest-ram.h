/* SPDX-License-Identifier: MIT */
/* The memory of a running guest as its kernel has it, seen and written from the host: for tests that put
 * something into a page of its cache. */
#ifndef LAB_GUEST_RAM_H
#define LAB_GUEST_RAM_H

#include <stddef.h>

#define GUEST_RAM_PAGE 4096U

struct guest;

struct guest_ram {
	unsigned char *bytes;
	size_t n; /* a multiple of the page */
	int fd;
};

#define GUEST_RAM_INIT   \
	{                \
		.fd = -1 \
	}

/* Maps it. -ENOTSUP: it is not in a file (a QEMU without a vhost-user share), or -errno. */
int guest_ram_map(const struct guest *g, struct guest_ram *ret_ram);
void guest_ram_unmap(struct guest_ram *ram);

/* The next page from *AT on that begins with the N bytes at MARK; *AT is then behind it. NULL: no more. */
unsigned char *guest_ram_find(const struct guest_ram *ram, const void *mark, size_t n, size_t *at);

#endif
