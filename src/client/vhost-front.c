/* SPDX-License-Identifier: MIT */
#undef NDEBUG
#include "vhost-front.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "macros.h"

#define TIMEOUT_MS 20000
#define PROTOCOL_FEATURES                                                                 \
	(1ULL << VU_PROTOCOL_F_MQ | 1ULL << VU_PROTOCOL_F_REPLY_ACK |                     \
	 1ULL << VU_PROTOCOL_F_BACKEND_REQ | 1ULL << VU_PROTOCOL_F_CONFIG |               \
	 1ULL << VU_PROTOCOL_F_RESET_DEVICE | 1ULL << VU_PROTOCOL_F_CONFIGURE_MEM_SLOTS | \
	 1ULL << VU_PROTOCOL_F_STATUS)

struct front *front_new(int fd)
{
	struct front *f = calloc(1, sizeof(*f));

	if (!f) {
		close(fd);
		return NULL;
	}
	f->fd = fd;
	f->kick_fd = f->call_fd = f->err_fd = -1;
	return f;
}

struct front *front_connect(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(sa.sun_path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return NULL;
	return front_new(steal_fd(&fd));
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void front_free(struct front *f)
{
	if (!f)
		return;
	close_fd(&f->fd);
	close_fd(&f->kick_fd);
	close_fd(&f->call_fd);
	close_fd(&f->err_fd);
	for (unsigned i = 0; i < f->n_regions; i++) {
		munmap(f->regions[i].mem, f->regions[i].r.size);
		close(f->regions[i].fd);
	}
	free(f);
}

int front_send(struct front *f, uint32_t request, uint32_t flags, const void *payload,
	       uint32_t size, const int *fds, unsigned n)
{
	struct vu_header h = {.request = request, .flags = flags, .size = size};
	struct iovec parts[] = {{&h, sizeof(h)}, {(void *)payload, payload ? size : 0}};
	union {
		char bytes[CMSG_SPACE(64 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};

	if (n) {
		assert(n <= 64);
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.align = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
						 .cmsg_type = SCM_RIGHTS,
						 .cmsg_len = CMSG_LEN(n * sizeof(int))};
		memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	}
	return sendmsg(f->fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int recv_all(int fd, void *p, size_t n)
{
	char *at = p;

	while (n) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		ssize_t k;

		if (poll(&pfd, 1, TIMEOUT_MS) == 0)
			return -ETIMEDOUT;
		k = read(fd, at, n);
		if (k <= 0)
			return -ECONNRESET;
		at += k;
		n -= (size_t)k;
	}
	return 0;
}

int front_recv(struct front *f, struct vu_message *ret_m)
{
	int r = recv_all(f->fd, &ret_m->header, sizeof(ret_m->header));

	if (r)
		return r;
	if (ret_m->header.size > sizeof(ret_m->payload))
		return -EPROTO;
	return recv_all(f->fd, &ret_m->payload, ret_m->header.size);
}

int front_call(struct front *f, uint32_t request, const void *payload, uint32_t size,
	       struct vu_message *ret_m)
{
	int r = front_send(f, request, VU_VERSION, payload, size, NULL, 0);

	if (!r)
		r = front_recv(f, ret_m);
	if (r)
		return r;
	if (ret_m->header.request != request || ret_m->header.flags != (VU_VERSION | VU_FLAG_REPLY))
		return -EPROTO;
	return 0;
}

int front_ask_u64(struct front *f, uint32_t request, uint64_t *ret)
{
	struct vu_message m;
	int r = front_call(f, request, NULL, 0, &m);

	if (!r && m.header.size != sizeof(m.payload.u64))
		r = -EPROTO;
	if (!r)
		*ret = m.payload.u64;
	return r;
}

uint64_t front_get_u64(struct front *f, uint32_t request)
{
	uint64_t v = 0;
	int r = front_ask_u64(f, request, &v);

	assert(r == 0);
	return v;
}

int front_ack(struct front *f, uint32_t request, const void *payload, uint32_t size, const int *fds,
	      unsigned n)
{
	struct vu_message m;
	int r = front_send(f, request, VU_VERSION | VU_FLAG_NEED_REPLY, payload, size, fds, n);

	if (!r)
		r = front_recv(f, &m);
	if (r)
		return r;
	if (m.header.request != request || m.header.size != sizeof(m.payload.u64))
		return -EPROTO;
	return m.payload.u64 != 0;
}

int front_ack_u64(struct front *f, uint32_t request, uint64_t value)
{
	return front_ack(f, request, &value, sizeof(value), NULL, 0);
}

int front_ack_vring(struct front *f, uint32_t request, uint32_t index, uint32_t num)
{
	const uint32_t state[] = {index, num};

	return front_ack(f, request, state, sizeof(state), NULL, 0);
}

int front_ack_fd(struct front *f, uint32_t request, uint64_t value, int fd)
{
	return front_ack(f, request, &value, sizeof(value), &fd, 1);
}

int front_negotiate(struct front *f, uint64_t without)
{
	int r = front_send(f, VU_SET_OWNER, VU_VERSION, NULL, 0, NULL, 0);

	if (!r)
		r = front_ask_u64(f, VU_GET_FEATURES, &f->features);
	f->features &= ~without;
	if (!r)
		r = front_ask_u64(f, VU_GET_PROTOCOL_FEATURES, &f->protocol_features);
	f->protocol_features &= PROTOCOL_FEATURES;
	if (!r)
		r = front_send(f, VU_SET_PROTOCOL_FEATURES, VU_VERSION, &f->protocol_features,
			       sizeof(f->protocol_features), NULL, 0);
	if (!r)
		r = front_ack_u64(f, VU_SET_FEATURES, f->features);
	f->event_idx = f->features >> VIRTIO_F_EVENT_IDX & 1;
	return r > 0 ? -EPROTO : r;
}

int front_add_region(struct front *f, uint64_t addr, uint64_t size, uint64_t mmap_offset)
{
	autoclose int fd = memfd_create("guest", MFD_CLOEXEC);
	struct front_region *r = &f->regions[f->n_regions];
	void *mem;

	assert(f->n_regions < FRONT_MAX_REGIONS);
	if (fd < 0 || ftruncate(fd, (off_t)(mmap_offset + size)))
		return -errno;
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)mmap_offset);
	if (mem == MAP_FAILED)
		return -errno;
	r->mem = mem;
	r->fd = steal_fd(&fd);
	r->r = (struct guest_region){.guest_addr = addr,
				     .size = size,
				     .user_addr = addr + FRONT_USER_OFFSET,
				     .mmap_offset = mmap_offset};
	f->n_regions++;
	return 0;
}

int front_send_table(struct front *f)
{
	union vu_payload p = {.table = {.n = f->n_regions}};
	int fds[FRONT_MAX_REGIONS];

	for (unsigned i = 0; i < f->n_regions; i++) {
		p.table.at[i] = f->regions[i].r;
		fds[i] = f->regions[i].fd;
	}
	return front_ack(f, VU_SET_MEM_TABLE, &p,
			 (uint32_t)(8 + f->n_regions * sizeof(p.table.at[0])), fds, f->n_regions);
}

void *front_at(struct front *f, uint64_t addr)
{
	for (unsigned i = 0; i < f->n_regions; i++) {
		const struct front_region *r = &f->regions[i];

		if (addr >= r->r.guest_addr && addr - r->r.guest_addr < r->r.size)
			return r->mem + (addr - r->r.guest_addr);
	}
	abort();
}

static uint64_t align_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

void front_place_ring(struct front *f, uint64_t addr, uint16_t num)
{
	f->num = num;
	f->desc_addr = addr;
	f->avail_addr = addr + num * sizeof(struct vring_desc);
	f->used_addr = align_up(f->avail_addr + 6 + 2ULL * num, 64);
	f->desc = front_at(f, f->desc_addr);
	f->avail = front_at(f, f->avail_addr);
	f->used = front_at(f, f->used_addr);
	memset(f->desc, 0, align_up(f->used_addr + 6 + 8ULL * num, 8) - addr);
	f->next_desc = f->next_used = f->shown = 0;
}

/* Our end, and the one that the device gets: an eventfd is both. */
static int set_fd(struct front *f, uint32_t request, int *fd)
{
	close_fd(fd);
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*fd < 0)
		return -errno;
	return front_ack_fd(f, request, f->index, *fd);
}

int front_start_ring(struct front *f, uint16_t base)
{
	union vu_payload p = {.addr = {.index = f->index,
				       .desc = f->desc_addr + FRONT_USER_OFFSET,
				       .avail = f->avail_addr + FRONT_USER_OFFSET,
				       .used = f->used_addr + FRONT_USER_OFFSET}};
	int r = front_ack_vring(f, VU_SET_VRING_NUM, f->index, f->num);

	if (!r)
		r = front_ack_vring(f, VU_SET_VRING_BASE, f->index, base);
	if (!r)
		r = front_ack(f, VU_SET_VRING_ADDR, &p, sizeof(p.addr), NULL, 0);
	if (!r)
		r = set_fd(f, VU_SET_VRING_CALL, &f->call_fd);
	if (!r)
		r = set_fd(f, VU_SET_VRING_ERR, &f->err_fd);
	if (!r)
		r = set_fd(f, VU_SET_VRING_KICK, &f->kick_fd);
	if (!r && f->features >> VU_F_PROTOCOL_FEATURES & 1)
		r = front_ack_vring(f, VU_SET_VRING_ENABLE, f->index, 1);
	return r;
}

void front_start(struct front *f, uint16_t num, uint64_t without)
{
	int r = front_negotiate(f, without);

	if (!r)
		r = front_add_region(f, FRONT_MEM, FRONT_MEM_SIZE, 0);
	if (!r)
		r = front_add_region(f, FRONT_MEM2, FRONT_MEM_SIZE, 0x1000);
	if (!r)
		r = front_send_table(f);
	assert(r == 0);
	front_place_ring(f, FRONT_MEM, num);
	r = front_start_ring(f, 0);
	assert(r == 0);
}

static void fill_desc(struct vring_desc *d, const struct front_buf *b, bool last, unsigned next)
{
	d->addr = b->addr;
	d->len = b->len;
	d->flags = (uint16_t)((b->writable ? VRING_DESC_WRITE : 0) | (last ? 0 : VRING_DESC_NEXT));
	d->next = (uint16_t)(last ? 0 : next);
}

static uint16_t fill_indirect(struct front *f, const struct front_buf *bufs, int n, uint64_t table)
{
	struct vring_desc *t = front_at(f, table);
	uint16_t head = f->next_desc;

	for (int i = 0; i < n; i++)
		fill_desc(&t[i], &bufs[i], i + 1 == n, (unsigned)i + 1);
	f->desc[head] = (struct vring_desc){.addr = table,
					    .len = (uint32_t)((size_t)n * sizeof(*t)),
					    .flags = VRING_DESC_INDIRECT};
	f->next_desc = (uint16_t)((head + 1) % f->num);
	return head;
}

uint16_t front_fill(struct front *f, const struct front_buf *bufs, int n, uint64_t table)
{
	uint16_t head = f->next_desc;

	if (table)
		return fill_indirect(f, bufs, n, table);
	for (int i = 0; i < n; i++) {
		uint16_t next = (uint16_t)((f->next_desc + 1) % f->num);

		fill_desc(&f->desc[f->next_desc], &bufs[i], i + 1 == n, next);
		f->next_desc = next;
	}
	return head;
}

void front_offer(struct front *f, uint16_t head)
{
	uint16_t idx = f->avail->idx;

	f->avail->ring[idx % f->num] = head;
	__atomic_store_n(&f->avail->idx, (uint16_t)(idx + 1), __ATOMIC_SEQ_CST);
}

void front_signal(struct front *f)
{
	const uint64_t one = 1;
	ssize_t n = write(f->kick_fd, &one, sizeof(one));

	assert(n == sizeof(one));
}

void front_kick_always(struct front *f)
{
	front_signal(f);
	f->shown = f->avail->idx;
}

bool front_kick(struct front *f)
{
	uint16_t old = f->shown, new = f->avail->idx;
	bool wanted;

	f->shown = new;
	if (f->event_idx) {
		const uint16_t *event = (const uint16_t *)&f->used->ring[f->num];
		uint16_t at = __atomic_load_n(event, __ATOMIC_SEQ_CST);

		wanted = (uint16_t)(new - at - 1) < (uint16_t)(new - old);
	} else {
		wanted = !(__atomic_load_n(&f->used->flags, __ATOMIC_SEQ_CST) &
			   VRING_USED_NO_NOTIFY);
	}
	if (wanted)
		front_kick_always(f);
	return wanted;
}

bool front_take(struct front *f, struct vring_used_elem *ret)
{
	if (__atomic_load_n(&f->used->idx, __ATOMIC_SEQ_CST) == f->next_used)
		return false;
	*ret = f->used->ring[f->next_used++ % f->num];
	/* The next one is to be told. */
	__atomic_store_n(&f->avail->ring[f->num], f->next_used, __ATOMIC_SEQ_CST);
	return true;
}

unsigned front_count_calls(struct front *f)
{
	uint64_t n = 0;

	return read(f->call_fd, &n, sizeof(n)) == sizeof(n) ? (unsigned)n : 0;
}

bool front_wait(struct front *f, int ms, struct vring_used_elem *ret)
{
	uint64_t limit = ms < 0 ? TIMEOUT_MS : (uint64_t)ms;
	uint64_t end = clock_now_ns() + limit * NS_PER_MS;

	while (!front_take(f, ret)) {
		struct pollfd pfd = {.fd = f->call_fd, .events = POLLIN};
		uint64_t now = clock_now_ns();

		if (now >= end)
			return false;
		poll(&pfd, 1, (int)((end - now) / NS_PER_MS) + 1);
		if (!front_take(f, ret)) {
			front_count_calls(f);
			continue;
		}
		return true;
	}
	return true;
}

int front_rpc(struct front *f, const void *t, size_t n, void *r, size_t cap)
{
	const struct front_buf bufs[] = {
		{FRONT_BUFFERS, (uint32_t)n, false},
		{FRONT_BUFFERS + 0x100000, (uint32_t)cap, true},
	};
	struct vring_used_elem used;
	uint16_t head = front_fill(f, bufs, 2, 0);

	memcpy(front_at(f, bufs[0].addr), t, n);
	front_offer(f, head);
	front_kick(f);
	if (!front_wait(f, -1, &used))
		return -ETIMEDOUT;
	if (used.id != head || used.len > cap)
		return -EPROTO;
	memcpy(r, front_at(f, bufs[1].addr), used.len);
	return (int)used.len;
}
