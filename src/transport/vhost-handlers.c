/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "vhost-device.h"

#define BIT(n) (1ULL << (n))

/* Later: RING_PACKED (34), IN_ORDER (35), RING_RESET (40). */
#define FEATURES                                                                              \
	(BIT(VIRTIO_9P_F_MOUNT_TAG) | BIT(VIRTIO_F_INDIRECT_DESC) | BIT(VIRTIO_F_EVENT_IDX) | \
	 BIT(VU_F_PROTOCOL_FEATURES) | BIT(VIRTIO_F_VERSION_1))

/* Later: LOG_SHMFD (1), INFLIGHT_SHMFD (12). BACKEND_REQ is of no use to us, but without it UML's
 * driver asks for interrupt 0, and fails. */
#define PROTOCOL_FEATURES                                                                        \
	(BIT(VU_PROTOCOL_F_MQ) | BIT(VU_PROTOCOL_F_REPLY_ACK) | BIT(VU_PROTOCOL_F_BACKEND_REQ) | \
	 BIT(VU_PROTOCOL_F_CONFIG) | BIT(VU_PROTOCOL_F_RESET_DEVICE) |                           \
	 BIT(VU_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | BIT(VU_PROTOCOL_F_STATUS))

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

static int reply_u64(struct vhost_user *vu, uint64_t value)
{
	vu->in.m.payload.u64 = value;
	vu->in.m.header.size = sizeof(value);
	return 0;
}

/* The descriptor that came with the message, now the caller's; -1: none. */
static int take_fd(struct vhost_user *vu)
{
	return vu->in.n_fds ? steal_fd(&vu->in.fds[0]) : -1;
}

int vu_get_features(struct vhost_user *vu, const char **ret_why)
{
	(void)ret_why;
	return reply_u64(vu, FEATURES);
}

int vu_set_features(struct vhost_user *vu, const char **ret_why)
{
	uint64_t features = vu->in.m.payload.u64;

	if (features & ~FEATURES)
		return refuse(ret_why, "features that were not offered");
	vu->features = features;
	vu->ring.config.indirect = features & BIT(VIRTIO_F_INDIRECT_DESC);
	vu->ring.config.event_idx = features & BIT(VIRTIO_F_EVENT_IDX);
	/* Front ends that do not know SET_VRING_ENABLE. */
	if (!(features & BIT(VU_F_PROTOCOL_FEATURES)))
		vu->ring.enabled = true;
	vu_ring_try_start(vu);
	return 0;
}

int vu_get_protocol_features(struct vhost_user *vu, const char **ret_why)
{
	(void)ret_why;
	return reply_u64(vu, PROTOCOL_FEATURES);
}

int vu_set_protocol_features(struct vhost_user *vu, const char **ret_why)
{
	if (vu->in.m.payload.u64 & ~PROTOCOL_FEATURES)
		return refuse(ret_why, "protocol features that were not offered");
	vu->protocol_features = vu->in.m.payload.u64;
	return 0;
}

int vu_set_owner(struct vhost_user *vu, const char **ret_why)
{
	(void)vu;
	(void)ret_why;
	return 0;
}

/* Out of use; where it is sent it means: disable all rings. */
int vu_reset_owner(struct vhost_user *vu, const char **ret_why)
{
	(void)ret_why;
	vu->ring.enabled = false;
	return 0;
}

int vu_reset_device(struct vhost_user *vu, const char **ret_why)
{
	struct vu_ring *ring = &vu->ring;

	(void)ret_why;
	vu_channel_close(vu);
	vu_ring_stop(vu);
	vu_ring_set_kick(vu, -1);
	ring->config = (struct vq_config){.num = 0};
	ring->has_addr = ring->enabled = false;
	vu->features = 0;
	vu->status = 0;
	return 0;
}

/* UML sends the room for two regions whatever their number. */
int vu_set_mem_table(struct vhost_user *vu, const char **ret_why)
{
	const union vu_payload *p = &vu->in.m.payload;
	struct guest_memory *m;
	uint32_t n = p->table.n;
	int r;

	if (n > VU_TABLE_REGIONS || vu->in.m.header.size < 8 + n * sizeof(p->table.at[0]))
		return refuse(ret_why, "a memory table is longer than its message");
	if (n != vu->in.n_fds)
		return refuse(ret_why, "a memory table has not one descriptor a region");
	r = guest_memory_new(p->table.at, vu->in.fds, n, &m);
	if (r) {
		*ret_why = "a memory region cannot be mapped";
		return r;
	}
	vu_set_memory(vu, m);
	vu_ring_try_start(vu);
	return 0;
}

int vu_get_max_mem_slots(struct vhost_user *vu, const char **ret_why)
{
	(void)ret_why;
	return reply_u64(vu, GUEST_MEMORY_MAX_REGIONS);
}

int vu_add_mem_reg(struct vhost_user *vu, const char **ret_why)
{
	struct guest_memory *m;
	int r;

	if (vu->in.n_fds != 1)
		return refuse(ret_why, "a memory region without a descriptor");
	r = guest_memory_add(vu->memory, &vu->in.m.payload.slot.region, vu->in.fds[0], &m);
	if (r) {
		*ret_why = "a memory region cannot be mapped";
		return r;
	}
	vu_set_memory(vu, m);
	vu_ring_try_start(vu);
	return 0;
}

/* Some front ends send a descriptor along; it is closed. */
int vu_rem_mem_reg(struct vhost_user *vu, const char **ret_why)
{
	struct guest_memory *m;
	int r = guest_memory_remove(vu->memory, &vu->in.m.payload.slot.region, &m);

	if (r) {
		*ret_why = "a memory region that is not there cannot be removed";
		return r;
	}
	vu_set_memory(vu, m);
	return 0;
}

static int check_index(uint32_t index, const char **ret_why)
{
	return index ? refuse(ret_why, "a ring that the device does not have") : 0;
}

/* A ring that was disabled is set up anew by front ends that never stop one (UML). */
static int check_idle(struct vhost_user *vu, uint32_t index, const char **ret_why)
{
	if (index)
		return check_index(index, ret_why);
	if (vu_ring_is_running(vu))
		return refuse(ret_why, "the ring is running");
	vu_ring_stop(vu);
	return 0;
}

int vu_set_vring_num(struct vhost_user *vu, const char **ret_why)
{
	uint32_t num = vu->in.m.payload.vring.num;
	int r = check_idle(vu, vu->in.m.payload.vring.index, ret_why);

	if (r)
		return r;
	if (!num || num > VQ_MAX_SIZE || num & (num - 1))
		return refuse(ret_why, "the ring's size is no power of two up to 32768");
	vu->ring.config.num = num;
	vu_ring_try_start(vu);
	return 0;
}

int vu_set_vring_base(struct vhost_user *vu, const char **ret_why)
{
	uint32_t next = vu->in.m.payload.vring.num;
	int r = check_idle(vu, vu->in.m.payload.vring.index, ret_why);

	if (r)
		return r;
	if (next > UINT16_MAX)
		return refuse(ret_why, "the ring's base has more than 16 bits");
	vu->ring.config.next = (uint16_t)next;
	return 0;
}

int vu_get_vring_base(struct vhost_user *vu, const char **ret_why)
{
	int r = check_index(vu->in.m.payload.vring.index, ret_why);

	if (r)
		return r;
	vu_ring_stop(vu);
	vu_ring_set_kick(vu, -1);
	vu->in.m.payload.vring.num = vu->ring.config.next;
	vu->in.m.header.size = sizeof(vu->in.m.payload.vring);
	return 0;
}

int vu_set_vring_addr(struct vhost_user *vu, const char **ret_why)
{
	const union vu_payload *p = &vu->in.m.payload;
	struct vu_ring *ring = &vu->ring;
	int r = check_idle(vu, p->addr.index, ret_why);

	if (r)
		return r;
	if (p->addr.flags)
		return refuse(ret_why, "the ring cannot be logged");
	ring->config.desc = p->addr.desc;
	ring->config.avail = p->addr.avail;
	ring->config.used = p->addr.used;
	ring->has_addr = true;
	vu_ring_try_start(vu);
	return 0;
}

int vu_set_vring_enable(struct vhost_user *vu, const char **ret_why)
{
	int r = check_index(vu->in.m.payload.vring.index, ret_why);

	if (r)
		return r;
	if (vu->in.m.payload.vring.num > 1)
		return refuse(ret_why, "a ring is enabled with 1 or disabled with 0");
	vu->ring.enabled = vu->in.m.payload.vring.num;
	vu_ring_try_start(vu);
	return 0;
}

/* The index and the bit that says whether a descriptor came. */
static int check_vring_fd(const struct vhost_user *vu, const char **ret_why)
{
	uint64_t value = vu->in.m.payload.u64;
	bool has_fd = !(value & VU_VRING_NO_FD);

	if (value & ~(uint64_t)(VU_VRING_INDEX_MASK | VU_VRING_NO_FD))
		return refuse(ret_why, "unknown bits beside a ring's index");
	if (has_fd != (vu->in.n_fds == 1))
		return refuse(ret_why, "a ring's descriptor is missing, or one too many");
	return check_index(value & VU_VRING_INDEX_MASK, ret_why);
}

int vu_set_vring_kick(struct vhost_user *vu, const char **ret_why)
{
	int r = check_vring_fd(vu, ret_why);

	if (r)
		return r;
	if (!vu->in.n_fds)
		return refuse(ret_why, "a ring without a kick descriptor would have to be polled");
	if (vu_ring_set_kick(vu, take_fd(vu)))
		return refuse(ret_why, "a kick descriptor cannot be waited for");
	vu_ring_try_start(vu);
	return 0;
}

int vu_set_vring_call(struct vhost_user *vu, const char **ret_why)
{
	int r = check_vring_fd(vu, ret_why);

	if (!r)
		vu_ring_set_call(vu, take_fd(vu));
	return r;
}

int vu_set_vring_err(struct vhost_user *vu, const char **ret_why)
{
	int r = check_vring_fd(vu, ret_why);

	if (!r)
		vu_ring_set_err(vu, take_fd(vu));
	return r;
}

int vu_get_queue_num(struct vhost_user *vu, const char **ret_why)
{
	(void)ret_why;
	return reply_u64(vu, 1);
}

/* Kept open, since the other end watches it; nothing is ever sent. */
int vu_set_backend_req_fd(struct vhost_user *vu, const char **ret_why)
{
	if (vu->in.n_fds != 1)
		return refuse(ret_why, "a request channel without a descriptor");
	if (vu->backend_fd >= 0)
		close(vu->backend_fd);
	vu->backend_fd = take_fd(vu);
	return 0;
}

/* Exactly the bytes asked for; an empty reply says no. */
int vu_get_config(struct vhost_user *vu, const char **ret_why)
{
	struct vu_message *m = &vu->in.m;
	uint32_t offset = m->payload.config.offset, size = m->payload.config.size;

	(void)ret_why;
	if (size > VU_CONFIG_SIZE || offset > VU_CONFIG_SIZE - size) {
		m->header.size = 0;
		return 0;
	}
	memcpy(m->payload.config.bytes, vu->config_space + offset, size);
	m->header.size = (uint32_t)offsetof(union vu_payload, config.bytes) + size;
	return 0;
}

int vu_set_config(struct vhost_user *vu, const char **ret_why)
{
	(void)vu;
	return refuse(ret_why, "the configuration space is read-only");
}

int vu_set_status(struct vhost_user *vu, const char **ret_why)
{
	uint64_t status = vu->in.m.payload.u64;

	if (status > UINT8_MAX)
		return refuse(ret_why, "a device status has 8 bits");
	vu->status = (uint8_t)status;
	if (vu->ring.broken)
		vu->status |= VIRTIO_STATUS_NEEDS_RESET;
	return 0;
}

int vu_get_status(struct vhost_user *vu, const char **ret_why)
{
	(void)ret_why;
	return reply_u64(vu, vu->status);
}
