/* SPDX-License-Identifier: MIT */
/* The messages of vhost-user, from the front end's to ours. Source: QEMU's
 * docs/interop/vhost-user.rst. All numbers are in the machine's byte order. */
#ifndef TRANSPORT_VHOST_PROTOCOL_H
#define TRANSPORT_VHOST_PROTOCOL_H

#include <stdint.h>

#include "guest-memory.h"

#define VU_VERSION 1u
#define VU_FLAG_VERSION_MASK 3u
#define VU_FLAG_REPLY 4u
#define VU_FLAG_NEED_REPLY 8u

#define VU_CONFIG_SIZE 256u /* of the configuration space, zeros behind what the device has */
#define VU_TABLE_REGIONS 8u /* of SET_MEM_TABLE */
#define VU_MAX_FDS 8	    /* of one message */

enum {
	VIRTIO_9P_F_MOUNT_TAG = 0,
	VIRTIO_F_INDIRECT_DESC = 28,
	VIRTIO_F_EVENT_IDX = 29,
	VU_F_PROTOCOL_FEATURES = 30,
	VIRTIO_F_VERSION_1 = 32,
};

enum {
	VU_PROTOCOL_F_MQ = 0,
	VU_PROTOCOL_F_REPLY_ACK = 3,
	VU_PROTOCOL_F_BACKEND_REQ = 5,
	VU_PROTOCOL_F_CONFIG = 9,
	VU_PROTOCOL_F_RESET_DEVICE = 13,
	VU_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
	VU_PROTOCOL_F_STATUS = 16,
	VU_PROTOCOL_F_NONE = 63, /* in the table below: always there */
};

#define VIRTIO_STATUS_NEEDS_RESET 0x40u

enum {
	VU_VRING_INDEX_MASK = 0xff,
	VU_VRING_NO_FD = 0x100, /* in SET_VRING_KICK, _CALL, _ERR: poll instead */
};

/* What a message does besides its work. */
enum {
	VU_REPLIES = 1,	 /* it has a reply of its own */
	VU_DRAINS = 2,	 /* it waits until no request is in flight */
	VU_MAY_FAIL = 4, /* a refusal does not end the connection */
};

/* One row a message: number, name, handler vu_NAME, payload bytes from..to, most descriptors, the
 * protocol feature that brings it, VU_ flags. */
#define VU_MESSAGES(M)                                                                        \
	M(1, GET_FEATURES, get_features, 0, 0, 0, NONE, VU_REPLIES)                           \
	M(2, SET_FEATURES, set_features, 8, 8, 0, NONE, 0)                                    \
	M(3, SET_OWNER, set_owner, 0, 0, 0, NONE, 0)                                          \
	M(4, RESET_OWNER, reset_owner, 0, 0, 0, NONE, 0)                                      \
	M(5, SET_MEM_TABLE, set_mem_table, 8, 264, VU_MAX_FDS, NONE, 0)                       \
	M(8, SET_VRING_NUM, set_vring_num, 8, 8, 0, NONE, 0)                                  \
	M(9, SET_VRING_ADDR, set_vring_addr, 40, 40, 0, NONE, 0)                              \
	M(10, SET_VRING_BASE, set_vring_base, 8, 8, 0, NONE, 0)                               \
	M(11, GET_VRING_BASE, get_vring_base, 8, 8, 0, NONE, VU_REPLIES | VU_DRAINS)          \
	M(12, SET_VRING_KICK, set_vring_kick, 8, 8, 1, NONE, 0)                               \
	M(13, SET_VRING_CALL, set_vring_call, 8, 8, 1, NONE, 0)                               \
	M(14, SET_VRING_ERR, set_vring_err, 8, 8, 1, NONE, 0)                                 \
	M(15, GET_PROTOCOL_FEATURES, get_protocol_features, 0, 0, 0, NONE, VU_REPLIES)        \
	M(16, SET_PROTOCOL_FEATURES, set_protocol_features, 8, 8, 0, NONE, 0)                 \
	M(17, GET_QUEUE_NUM, get_queue_num, 0, 0, 0, MQ, VU_REPLIES)                          \
	M(18, SET_VRING_ENABLE, set_vring_enable, 8, 8, 0, NONE, VU_DRAINS)                   \
	M(21, SET_BACKEND_REQ_FD, set_backend_req_fd, 0, 8, 1, BACKEND_REQ, 0)                \
	M(24, GET_CONFIG, get_config, 12, 12 + VU_CONFIG_SIZE, 0, CONFIG, VU_REPLIES)         \
	M(25, SET_CONFIG, set_config, 12, 12 + VU_CONFIG_SIZE, 0, CONFIG, VU_MAY_FAIL)        \
	M(34, RESET_DEVICE, reset_device, 0, 0, 0, RESET_DEVICE, VU_DRAINS)                   \
	M(36, GET_MAX_MEM_SLOTS, get_max_mem_slots, 0, 0, 0, CONFIGURE_MEM_SLOTS, VU_REPLIES) \
	M(37, ADD_MEM_REG, add_mem_reg, 40, 40, 1, CONFIGURE_MEM_SLOTS, 0)                    \
	M(38, REM_MEM_REG, rem_mem_reg, 40, 40, 1, CONFIGURE_MEM_SLOTS, 0)                    \
	M(39, SET_STATUS, set_status, 8, 8, 0, STATUS, 0)                                     \
	M(40, GET_STATUS, get_status, 0, 0, 0, STATUS, VU_REPLIES)

enum vu_request {
#define M(number, name, ...) VU_##name = number,
	VU_MESSAGES(M)
#undef M
};

struct vu_header {
	uint32_t request; /* enum vu_request */
	uint32_t flags;
	uint32_t size; /* of the payload */
};

union vu_payload {
	uint64_t u64;
	struct {
		uint32_t index, num;
	} vring;
	struct {
		uint32_t index, flags;
		uint64_t desc, used, avail, log;
	} addr;
	struct {
		uint32_t n, padding;
		struct guest_region at[VU_TABLE_REGIONS];
	} table;
	struct {
		uint64_t padding;
		struct guest_region region;
	} slot;
	struct {
		uint32_t offset, size, flags;
		uint8_t bytes[VU_CONFIG_SIZE];
	} config;
};

/* Not as it travels: there the payload follows the header without a gap. */
struct vu_message {
	struct vu_header header;
	union vu_payload payload;
};

#endif
