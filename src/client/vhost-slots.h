/* SPDX-License-Identifier: MIT */
/* Requests in flight on the ring of a front end, laid out as Linux's drivers do it: a header and its
 * data in descriptors of their own, the data a page each, pages in no order.
 *
 * Each has a slot of the guest's memory: a page for the header of the request, one for that of the
 * reply, pages for the data of either, and an indirect table with their descriptors. A slot is one
 * entry of the ring. */
#ifndef CLIENT_VHOST_SLOTS_H
#define CLIENT_VHOST_SLOTS_H

#include <stdint.h>

struct front;

#define SLOT_HEADER 4096u /* bytes of a header, at most */
#define SLOT_DATA 512000u /* of data: 125 pages */

struct vhost_slots {
	struct front *front; /* the caller's */
	unsigned n;
	uint64_t base; /* guest address */
};

/* Negotiates, makes memory for N slots (at most 32768) and starts the ring. 0 or -errno;
 * -EPROTONOSUPPORT: the device takes no indirect descriptors. */
int vhost_slots_start(struct vhost_slots *s, struct front *f, unsigned n);

/* The pages of headers, as they are mapped here. */
void *slot_request(const struct vhost_slots *s, unsigned slot);
void *slot_reply(const struct vhost_slots *s, unsigned slot);

/* The first N bytes of data. */
void slot_put_data(const struct vhost_slots *s, unsigned slot, const void *p, uint32_t n);
void slot_get_data(const struct vhost_slots *s, unsigned slot, void *p, uint32_t n);

/* What goes there and may come back, in bytes. */
struct slot_sizes {
	uint32_t request, data_out; /* data of one direction only */
	uint32_t reply, data_in;
};

/* Puts the request of SLOT into the ring; the device is not kicked. Used entries name the slot. */
void slot_offer(const struct vhost_slots *s, unsigned slot, const struct slot_sizes *sizes);

#endif
