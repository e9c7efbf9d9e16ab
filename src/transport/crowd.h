/* SPDX-License-Identifier: MIT */
/* What all connections of a listener make it hold together: messages of which a part has come, and
 * replies that nobody takes.
 *
 * Each connection alone is bounded (conn.h), but thousands that stop in the middle of something
 * large would take all memory from those who go on. So together they may hold so much, and beyond
 * that who moved longest ago is hung up on. Long before, memory for a large message is taken only
 * as it comes: to announce one costs its sender as much as it costs us. Internal to the stream
 * transports; the loop's thread only. */
#ifndef TRANSPORT_CROWD_H
#define TRANSPORT_CROWD_H

#include <stdbool.h>
#include <stddef.h>

#include "list.h"

struct conn;

struct crowd {
	struct list
		conns; /* struct conn.of_crowd, of those that hold something; moved longest ago first */
	size_t held, max;
};

void crowd_init(struct crowd *cr, size_t max);

/* Is memory scarce? */
bool crowd_is_dense(const struct crowd *cr);

/* C has moved, and holds N bytes. Others may be hung up on. */
void crowd_moved(struct crowd *cr, struct conn *c, size_t n);

#endif
