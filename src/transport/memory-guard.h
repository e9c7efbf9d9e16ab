/* SPDX-License-Identifier: MIT */
/* Survives SIGBUS in memory that a peer shares with us: whoever owns the file may shorten it under
 * our eyes. The whole range then becomes zeroed private memory, and its slot tells. */
#ifndef TRANSPORT_MEMORY_GUARD_H
#define TRANSPORT_MEMORY_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* Guards the mapping of LEN bytes at START, both multiples of its file's page size. Installs
 * the process's SIGBUS handler, unless it is there. -ENOSPC when all slots are taken. */
int guard_add(void *start, size_t len, unsigned *ret_slot);

/* Before the range is unmapped; nobody may touch it any more. */
void guard_remove(unsigned slot);

/* Was memory lost here? From any thread. */
bool guard_is_hit(unsigned slot);

/* Anywhere in the process, ever? */
bool guard_any_hit(void);

#endif
