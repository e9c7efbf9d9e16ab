/* SPDX-License-Identifier: MIT */
/* A link to a vhost-user device, as the Linux client uses one: each tag has a slot of the guest's
 * memory, see vhost-slots.h. */
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
#include "vhost-slots.h"

struct vhost_link {
	struct link link; /* first */
	struct front *front;
	struct vhost_slots slots; /* the last is Tversion's */
	uint8_t *types;		  /* of the request in each slot */
	uint8_t *gathered;
};

/* The bytes that the reply to M may bring beside its header. */
static uint32_t data_wanted(const struct msg *m)
{
	return m->type == Tread ? m->Tread.count : m->type == Treaddir ? m->Treaddir.count : 0;
}

static int put(struct link *link, const struct msg *m)
{
	struct vhost_link *l = container_of(link, struct vhost_link, link);
	unsigned slot = m->tag == P9_NOTAG ? l->slots.n - 1 : m->tag;
	struct slot_sizes sizes = {.data_in = data_wanted(m)};
	struct msg head = *m;
	size_t len;
	int err;

	if (slot >= l->slots.n)
		return -EAGAIN;
	if (m->type == Twrite) {
		sizes.data_out = m->Twrite.data.count;
		head.Twrite.data.p = NULL;
	}
	if (sizes.data_in > SLOT_DATA || sizes.data_out > SLOT_DATA)
		return -EMSGSIZE;
	err = msg_encode(&head, slot_request(&l->slots, slot), SLOT_HEADER, &len);
	if (err)
		return err;
	if (sizes.data_out)
		slot_put_data(&l->slots, slot, m->Twrite.data.p, sizes.data_out);
	sizes.request = (uint32_t)len;
	sizes.reply = sizes.data_in ? P9_READ_HEADER_SIZE : SLOT_HEADER;
	l->types[slot] = m->type;
	slot_offer(&l->slots, slot, &sizes);
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
	slot_get_data(&l->slots, slot, l->gathered, count);
	return l->gathered;
}

static int decode(struct vhost_link *l, const struct vring_used_elem *used, struct msg *ret_m)
{
	bool has_data = l->types[used->id] == Tread || l->types[used->id] == Treaddir;
	uint32_t head = has_data ? MIN(used->len, P9_READ_HEADER_SIZE) : used->len;
	int r;

	if (head > SLOT_HEADER || used->len - head > SLOT_DATA)
		return -EBADMSG;
	r = msg_decode(slot_reply(&l->slots, used->id), head, used->len - head, MSG_FROM_SERVER,
		       ret_m);
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
	if (used.id >= l->slots.n)
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

int link_vhost_user(const char *path, unsigned depth, struct link **ret_l, char **ret_why)
{
	struct vhost_link *l = calloc(1, sizeof(*l));
	int r = l ? 0 : -ENOMEM;

	if (l) {
		l->link.ops = &vhost_ops;
		l->types = calloc(depth + 1, 1);
		l->gathered = malloc(SLOT_DATA);
		l->front = front_connect(path);
		r = !l->types || !l->gathered ? -ENOMEM
		    : !l->front		      ? -errno
					      : vhost_slots_start(&l->slots, l->front, depth + 1);
	}
	if (!r) {
		*ret_l = &l->link;
		return 0;
	}
	if (l)
		free_link(&l->link);
	return why(ret_why, r, "%s", strerror(-r));
}
