/* SPDX-License-Identifier: MIT */
/* A vhost-user front end with a guest's memory and the driver's side of a split ring: for measuring
 * and for tests, which can make it as wrong as they want. What the device does is returned; only a
 * caller's mistake aborts. */
#ifndef CLIENT_VHOST_FRONT_H
#define CLIENT_VHOST_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost-protocol.h"
#include "virtqueue.h"

/* Guest addresses and the front end's are told apart by this. */
#define FRONT_USER_OFFSET 0x7f0000000000ULL

#define FRONT_MAX_REGIONS 8

struct front_region {
	int fd;
	uint8_t *mem;
	struct guest_region r;
};

struct front {
	int fd; /* the connection */
	uint64_t features, protocol_features;
	unsigned n_regions;
	struct front_region regions[FRONT_MAX_REGIONS];

	/* the ring */
	unsigned index; /* of the device's; set it before front_start_ring */
	uint16_t num;
	bool event_idx;
	uint64_t desc_addr, avail_addr, used_addr; /* guest addresses */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t next_desc, next_used;
	uint16_t shown;		      /* avail idx when the device was last kicked */
	int kick_fd, call_fd, err_fd; /* call and err: our ends */
};

/* Speaks over the connected socket FD, and takes it over: also when it fails. NULL: no memory. */
struct front *front_new(int fd);

/* NULL and errno. */
struct front *front_connect(const char *path);
void front_free(struct front *f);

/* One message; N descriptors go along. 0 or -errno. */
int front_send(struct front *f, uint32_t request, uint32_t flags, const void *payload,
	       uint32_t size, const int *fds, unsigned n);

/* The next reply: 0, -ECONNRESET when the device closed the connection, -ETIMEDOUT after 20 s. */
int front_recv(struct front *f, struct vu_message *ret_m);

/* Sends and receives the reply to it. */
int front_call(struct front *f, uint32_t request, const void *payload, uint32_t size,
	       struct vu_message *ret_m);
int front_ask_u64(struct front *f, uint32_t request, uint64_t *ret);
/* The same; aborts when the device does not answer. */
uint64_t front_get_u64(struct front *f, uint32_t request);

/* With NEED_REPLY: the device's answer, 0 or not; -errno. */
int front_ack(struct front *f, uint32_t request, const void *payload, uint32_t size, const int *fds,
	      unsigned n);
int front_ack_u64(struct front *f, uint32_t request, uint64_t value);
int front_ack_vring(struct front *f, uint32_t request, uint32_t index, uint32_t num);
int front_ack_fd(struct front *f, uint32_t request, uint64_t value, int fd);

/* Owner, features but those in WITHOUT, the protocol features that vhost-protocol.h names. 0 or
 * -errno. */
int front_negotiate(struct front *f, uint64_t without);

/* SIZE bytes of memory at guest address ADDR, in a file of their own from MMAP_OFFSET on; the
 * device does not know of them yet. 0 or -errno. */
int front_add_region(struct front *f, uint64_t addr, uint64_t size, uint64_t mmap_offset);

/* All regions in one SET_MEM_TABLE. */
int front_send_table(struct front *f);

/* Where guest address ADDR is mapped here. */
void *front_at(struct front *f, uint64_t addr);

/* A ring of NUM entries at guest address ADDR, empty. */
void front_place_ring(struct front *f, uint64_t addr, uint16_t num);

/* The messages that start the ring at BASE. 0, 1 when the device said no, -errno. */
int front_start_ring(struct front *f, uint16_t base);

/* All of the above, or it aborts: two regions that touch, 4 MiB at 1 MiB each, and a ring of NUM at the
 * start of the first. */
#define FRONT_MEM 0x100000ULL
#define FRONT_MEM_SIZE 0x400000ULL
#define FRONT_MEM2 (FRONT_MEM + FRONT_MEM_SIZE)
#define FRONT_BUFFERS (FRONT_MEM + 0x100000)
void front_start(struct front *f, uint16_t num, uint64_t without);

/* A buffer of the guest. */
struct front_buf {
	uint64_t addr;
	uint32_t len;
	bool writable;
};

/* Fills descriptors (an indirect table at guest address TABLE, if that is not 0) and returns the
 * head. The device does not see it yet. */
uint16_t front_fill(struct front *f, const struct front_buf *bufs, int n, uint64_t table);

/* Puts HEAD into the avail ring. */
void front_offer(struct front *f, uint16_t head);

/* Kicks, if the device wants it (EVENT_IDX, NO_NOTIFY); false: it did not. */
bool front_kick(struct front *f);
void front_kick_always(struct front *f);

/* Writes to the kick descriptor, and touches no memory of the guest. */
void front_signal(struct front *f);

/* The next used entry if it is there; the device is asked to tell of the one after it. */
bool front_take(struct front *f, struct vring_used_elem *ret);

/* The next used entry: true, or false after MS milliseconds (-1: 20 s). Waits for the call
 * descriptor when there is none yet. */
bool front_wait(struct front *f, int ms, struct vring_used_elem *ret);

/* How often the device notified since the last question: reads the call descriptor. */
unsigned front_count_calls(struct front *f);

/* One message of N bytes at T at a time, its reply in R (CAP bytes): the bytes used. -errno. */
int front_rpc(struct front *f, const void *t, size_t n, void *r, size_t cap);

#endif
