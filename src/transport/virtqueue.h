/* SPDX-License-Identifier: MIT */
/* The device's side of a split virtqueue (virtio 1.2, section 2.7) in memory that the driver may
 * change at any time.
 *
 * Theory of operation. The driver puts chains of descriptors into the avail ring; vq_pop copies a
 * chain's descriptors into private memory before it looks at them, so that what was checked is what
 * is used, and turns them into host memory. Whatever is done with a chain, vq_push puts its head
 * into the used ring, and vq_publish shows all that were pushed to the driver and tells whether it
 * wants to be notified. Several chains may be out at once and come back in any order.
 *
 * Not locked: pop and kicks belong to one thread; push and publish, from any thread, to a lock of
 * the caller, which start, remap and stop need too.
 */
#ifndef TRANSPORT_VIRTQUEUE_H
#define TRANSPORT_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "route.h"

struct guest_memory;

#define VQ_MAX_SIZE 32768
/* Descriptors of a chain, the indirect ones counted; parts of memory that they come to. What
 * preadv takes at once. */
#define VQ_MAX_PARTS 1024

struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

enum vring_desc_flags { VRING_DESC_NEXT = 1, VRING_DESC_WRITE = 2, VRING_DESC_INDIRECT = 4 };

struct vring_avail {
	uint16_t flags, idx;
	uint16_t ring[]; /* behind the last: used_event */
};

enum { VRING_AVAIL_NO_INTERRUPT = 1, VRING_USED_NO_NOTIFY = 1 };

struct vring_used {
	uint16_t flags, idx;
	struct vring_used_elem {
		uint32_t id, len;
	} ring[]; /* behind the last: avail_event */
};

struct vq_config {
	uint32_t num;		    /* entries */
	uint16_t next;		    /* where in the avail ring to go on */
	uint64_t desc, avail, used; /* the front end's addresses */
	bool indirect, event_idx;   /* features */
};

/* Zeroed: stopped. */
struct virtqueue {
	struct vq_config config;
	const struct guest_memory *memory; /* not a reference */
	const struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t next_avail;
	uint16_t next_used, published; /* used entries: written, shown */
	uint16_t signalled;	       /* what was shown when the driver was last asked */
	bool signalled_valid;
	const char *why;		       /* what was wrong with the ring, a constant */
	struct vring_desc table[VQ_MAX_PARTS]; /* the indirect table at hand */
};

/* One request: readable parts first, then the writable ones. */
struct vq_chain {
	uint16_t head;
	int n_readable, n_writable;
	size_t readable, writable; /* bytes */
	struct route route;	   /* the descriptors as they were in the ring */
	struct iovec *parts;	   /* grown as needed and kept; the owner's to free */
	int cap;
};

/* All checked: a power of two, alignment, each part of the ring within one region. -EINVAL and
 * vq->why. */
int vq_start(struct virtqueue *vq, const struct vq_config *c, const struct guest_memory *m);

/* Goes on in the memory table M. -EINVAL and vq->why when the ring is not there. */
int vq_remap(struct virtqueue *vq, const struct guest_memory *m);
void vq_stop(struct virtqueue *vq);

static inline bool vq_is_started(const struct virtqueue *vq)
{
	return vq->desc;
}

/* Is something there to pop? Also true when vq_pop would find the ring malformed. */
bool vq_has_avail(const struct virtqueue *vq);

/* Takes the next chain: 1, or 0 when there is none. -EPROTO and vq->why: the driver broke the
 * rules, the ring must not be used any more. -ENOMEM likewise. */
int vq_pop(struct virtqueue *vq, struct vq_chain *c);

/* The driver need not kick. A hint only. */
void vq_disable_kicks(struct virtqueue *vq);

/* From now on the driver kicks for what it adds; true if it added something meanwhile. */
bool vq_enable_kicks(struct virtqueue *vq);

/* The chain with HEAD goes back, LEN bytes of its writable parts are filled. */
void vq_push(struct virtqueue *vq, uint16_t head, uint32_t len);

/* True when the driver has to be notified. */
bool vq_publish(struct virtqueue *vq);

#endif
