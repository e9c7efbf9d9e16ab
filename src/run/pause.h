/* SPDX-License-Identifier: MIT */
/* A guest that waits for the host (probe.h: `pause`). */
#ifndef RUN_PAUSE_H
#define RUN_PAUSE_H

struct guest;
struct guest_ram;

/* Calls MEANWHILE with the guest's memory, then lets the guest go on: 0, or -errno of the two. When it failed
 * the guest waits on. */
int pause_use(const struct guest *g, int (*meanwhile)(void *ctx, const struct guest_ram *ram),
	      void *ctx);

#endif
