/* SPDX-License-Identifier: MIT */
#include "crowd.h"

#include "conn.h"

#define DENSE 8 /* a part of what may be held */

void crowd_init(struct crowd *cr, size_t max)
{
	*cr = (struct crowd){.max = max};
	list_init(&cr->conns);
}

bool crowd_is_dense(const struct crowd *cr)
{
	return cr->held > cr->max / DENSE;
}

static void set_held(struct crowd *cr, struct conn *c, size_t n)
{
	cr->held = cr->held - c->in_crowd + n;
	c->in_crowd = n;
	list_del(&c->of_crowd);
	if (n)
		list_add_tail(&cr->conns, &c->of_crowd);
}

void crowd_moved(struct crowd *cr, struct conn *c, size_t n)
{
	set_held(cr, c, n);
	while (cr->held > cr->max) {
		struct conn *oldest = list_first(&cr->conns, struct conn, of_crowd);

		if (oldest == c)
			return;
		/* Replies leave without the loop: it may hold less by now. */
		n = conn_holds(oldest);
		if (n < oldest->in_crowd) {
			set_held(cr, oldest, n);
			continue;
		}
		set_held(cr, oldest, 0);
		oldest->ops.shutdown(&oldest->channel, "it stopped, and others need the memory");
	}
}
