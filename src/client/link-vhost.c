/* SPDX-License-Identifier: MIT */
/* A link to a vhost-user device, as the Linux client uses one: a message's header and its file data
 * in descriptors of their own, the data a page each, pages in no order.
 *
 * Each tag has a slot of the guest's memory: room for a request, for a reply, for the data of a
 * read or write, and an indirect table with their descriptors. A slot is one entry of the ring.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "link.h"
#include "macros.h"
#include "msg.h"
#include "vhost-front.h"

#define PAGE 4096u
#define MAX_MSIZE 512000u /* 125 pages and the headers: what Linux's virtio client has */
#define DATA_PAGES (MAX_MSIZE / PAGE)
/* Of a slot: request, reply, table, then the data's pages. */
#define AT_REPLY PAGE
#define AT_TABLE ((uint64_t)2 * PAGE)
#define AT_DATA ((uint64_t)3 * PAGE)
#define SLOT_SIZE (AT_DATA + (uint64_t)DATA_PAGES * PAGE)
#define MEM_ADDR 0x100000ULL
#define STRIDE 37u /* no divisor in common with DATA_PAGES: page i of the data is page i * 37 */

struct vhost_link {
	struct link link; /* first */
	struct front *front;
	unsigned n_slots; /* the last is Tversion's */
	uint64_t slots;	  /* guest address */
	uint8_t *types;	  /* of the request in each slot */
	uint8_t *gathered;
};

static uint64_t slot_addr(const struct vhost_link *l, unsigned slot)
{
	return l->slots + (uint64_t)slot * SLOT_SIZE;
}

static uint64_t data_page(const struct vhost_link *l, unsigned slot, uint32_t i)
{
	return slot_addr(l, slot) + AT_DATA + (uint64_t)(i * STRIDE % DATA_PAGES) * PAGE;
}

/* Descriptors for COUNT bytes of data. */
static int data_bufs(const struct vhost_link *l, unsigned slot, uint32_t count, bool writable,
		     struct front_buf *bufs)
{
	int n = 0;

	for (uint32_t at = 0; at < count; at += PAGE)
		bufs[n++] = (struct front_buf){data_page(l, slot, at / PAGE), MIN(count - at, PAGE),
					       writable};
	return n;
}

static void fill_data(struct vhost_link *l, unsigned slot, const struct data *d)
{
	for (uint32_t at = 0; at < d->count; at += PAGE)
		memcpy(front_at(l->front, data_page(l, slot, at / PAGE)), d->p + at,
		       MIN(d->count - at, PAGE));
}

/* The bytes that the reply to M may bring beside its header. */
static uint32_t data_wanted(const struct msg *m)
{
	return m->type == Tread ? m->Tread.count : m->type == Treaddir ? m->Treaddir.count : 0;
}

static int put(struct link *link, const struct msg *m)
{
	struct vhost_link *l = container_of(link, struct vhost_link, link);
	unsigned slot = m->tag == P9_NOTAG ? l->n_slots - 1 : m->tag;
	uint32_t wanted = data_wanted(m);
	struct front_buf bufs[DATA_PAGES + 2];
	uint64_t addr = slot_addr(l, slot);
	struct msg head = *m;
	int n = 1, err;
	size_t len;

	if (slot >= l->n_slots)
		return -EAGAIN;
	if (wanted > MAX_MSIZE || (m->type == Twrite && m->Twrite.data.count > MAX_MSIZE))
		return -EMSGSIZE;
	if (m->type == Twrite)
		head.Twrite.data.p = NULL;
	err = msg_encode(&head, front_at(l->front, addr), PAGE, &len);
	if (err)
		return err;
	bufs[0] = (struct front_buf){addr, (uint32_t)len, false};
	if (m->type == Twrite) {
		fill_data(l, slot, &m->Twrite.data);
		n += data_bufs(l, slot, m->Twrite.data.count, false, &bufs[n]);
	}
	bufs[n++] = (struct front_buf){addr + AT_REPLY, wanted ? P9_READ_HEADER_SIZE : PAGE, true};
	n += data_bufs(l, slot, wanted, true, &bufs[n]);
	l->types[slot] = m->type;
	l->front->next_desc = (uint16_t)slot; /* a slot's entry of the ring is its own */
	front_offer(l->front, front_fill(l->front, bufs, n, addr + AT_TABLE));
	return 0;
}

static int flush(struct link *link)
{
	struct vhost_link *l = container_of(link, struct vhost_link, link);

	if (l->front->shown != l->front->avail->idx)
		front_kick(l->front);
	return 0;
}

/* The data of a reply in one piece, for those who look at it. */
static const uint8_t *gather(struct vhost_link *l, unsigned slot, uint32_t count)
{
	for (uint32_t at = 0; at < count; at += PAGE)
		memcpy(l->gathered + at, front_at(l->front, data_page(l, slot, at / PAGE)),
		       MIN(count - at, PAGE));
	return l->gathered;
}

static int decode(struct vhost_link *l, const struct vring_used_elem *used, struct msg *ret_m)
{
	bool has_data = l->types[used->id] == Tread || l->types[used->id] == Treaddir;
	uint32_t head = has_data ? MIN(used->len, P9_READ_HEADER_SIZE) : used->len;
	int r;

	if (head > PAGE || used->len - head > MAX_MSIZE)
		return -EBADMSG;
	r = msg_decode(front_at(l->front, slot_addr(l, used->id) + AT_REPLY), head,
		       used->len - head, MSG_FROM_SERVER, ret_m);
	if (!r && ret_m->type == Rreaddir)
		ret_m->Rreaddir.data.p = gather(l, used->id, ret_m->Rreaddir.data.count);
	return r == -EPROTO ? -EBADMSG : r;
}

/* The connection has an end of file or an error only when the device is gone. */
static bool is_gone(const struct front *f)
{
	struct pollfd p = {.fd = f->fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static int take(struct link *link, struct msg *ret_m)
{
	struct vhost_link *l = container_of(link, struct vhost_link, link);
	struct vring_used_elem used;
	int r;

	if (!front_take(l->front, &used)) {
		/* What comes after the descriptor was read rings it again. */
		front_count_calls(l->front);
		if (!front_take(l->front, &used))
			return is_gone(l->front) ? -ECONNRESET : 0;
	}
	if (used.id >= l->n_slots)
		return -EBADMSG;
	r = decode(l, &used, ret_m);
	return r ? r : 1;
}

static int poll_fd(struct link *link, short *ret_events)
{
	*ret_events = POLLIN;
	return container_of(link, struct vhost_link, link)->front->call_fd;
}

static void set_msize(struct link *link, uint32_t msize)
{
	(void)link;
	(void)msize;
}

static pid_t peer(struct link *link)
{
	struct vhost_link *l = container_of(link, struct vhost_link, link);
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);

	return getsockopt(l->front->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ? 0 : cred.pid;
}

static void free_link(struct link *link)
{
	struct vhost_link *l = container_of(link, struct vhost_link, link);

	front_free(l->front);
	free(l->types);
	free(l->gathered);
	free(l);
}

static const struct link_ops vhost_ops = {
	.name = "vhost-user",
	.put = put,
	.flush = flush,
	.take = take,
	.poll_fd = poll_fd,
	.set_msize = set_msize,
	.peer = peer,
	.free = free_link,
};

/* The smallest power of two that has an entry for each slot. */
static uint16_t ring_size(unsigned n_slots)
{
	uint16_t n = 2;

	while (n < n_slots)
		n = (uint16_t)(n * 2);
	return n;
}

static int start(struct vhost_link *l)
{
	struct front *f = l->front;
	uint16_t num = ring_size(l->n_slots);
	uint64_t ring = (num * 32ULL + 2ULL * PAGE) / PAGE * PAGE;
	int r = front_negotiate(f, 0);

	if (!r && !(f->features >> VIRTIO_F_INDIRECT_DESC & 1))
		return -EPROTONOSUPPORT;
	if (!r)
		r = front_add_region(f, MEM_ADDR, ring + (uint64_t)l->n_slots * SLOT_SIZE, 0);
	if (!r)
		r = front_send_table(f);
	if (r)
		return r > 0 ? -EPROTO : r;
	l->slots = MEM_ADDR + ring;
	front_place_ring(f, MEM_ADDR, num);
	r = front_start_ring(f, 0);
	return r > 0 ? -EPROTO : r;
}

int link_vhost_user(const char *path, unsigned depth, struct link **ret_l, char **ret_why)
{
	struct vhost_link *l = calloc(1, sizeof(*l));
	int r = l ? 0 : -ENOMEM;

	static_assert(AT_TABLE + (DATA_PAGES + 2) * sizeof(struct vring_desc) <= AT_DATA,
		      "a table fits its page");
	if (l) {
		*l = (struct vhost_link){.link.ops = &vhost_ops, .n_slots = depth + 1};
		l->types = calloc(l->n_slots, 1);
		l->gathered = malloc(MAX_MSIZE);
		l->front = front_connect(path);
		r = !l->types || !l->gathered ? -ENOMEM : !l->front ? -errno : start(l);
	}
	if (!r) {
		*ret_l = &l->link;
		return 0;
	}
	if (l)
		free_link(&l->link);
	return why(ret_why, r, "%s", strerror(-r));
}
