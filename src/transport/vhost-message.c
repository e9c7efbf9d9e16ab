/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "logging.h"
#include "macros.h"
#include "vhost-device.h"

/* Messages obeyed before other descriptors have their turn. */
#define BATCH 16

struct row {
	const char *name;
	int (*obey)(struct vhost_user *vu, const char **ret_why);
	uint32_t min, max; /* payload bytes */
	unsigned max_fds;
	int feature;	/* the protocol feature's bit */
	unsigned flags; /* VU_REPLIES ... */
};

static const struct row rows[] = {
#define M(number, upper, fn, from, to, fds, bit, what) \
	[number] = {#upper, vu_##fn, from, to, fds, VU_PROTOCOL_F_##bit, what},
	VU_MESSAGES(M)
#undef M
};

void vu_message_drop_fds(struct vhost_user *vu)
{
	for (unsigned i = 0; i < vu->in.n_fds; i++)
		if (vu->in.fds[i] >= 0)
			close(vu->in.fds[i]);
	vu->in.n_fds = 0;
}

/* Takes the descriptors over; those of more than one message's worth are closed. */
static int keep_fds(struct vu_inbox *in, struct cmsghdr *c)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (in->n_fds < VU_MAX_FDS) {
			in->fds[in->n_fds++] = fd;
		} else {
			close(fd);
			r = -E2BIG;
		}
	}
	return r;
}

/* What is left of the message at hand: header, then payload. */
static struct iovec next_part(struct vu_inbox *in)
{
	size_t header = sizeof(in->m.header);

	if (in->got < header)
		return (struct iovec){(char *)&in->m.header + in->got, header - in->got};
	return (struct iovec){(char *)&in->m.payload + (in->got - header),
			      in->m.header.size - (in->got - header)};
}

/* Some bytes of the message at hand. 1, 0 when there are none now, -errno. */
/* #syscalls: recvmsg */
static int receive_some(struct vhost_user *vu, const char **ret_why)
{
	union {
		char bytes[CMSG_SPACE(VU_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = next_part(&vu->in);
	struct msghdr h = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(vu->conn.fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int r = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -ECONNRESET;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    keep_fds(&vu->in, c))
			r = -E2BIG;
	if (r || h.msg_flags & MSG_CTRUNC) {
		*ret_why = "too many descriptors in one message";
		return -EPROTO;
	}
	vu->in.got += (size_t)n;
	return 1;
}

static const char *check_header(const struct vu_header *h)
{
	if ((h->flags & VU_FLAG_VERSION_MASK) != VU_VERSION)
		return "a message of another version of vhost-user";
	if (h->flags & VU_FLAG_REPLY)
		return "a reply, and nobody asked";
	if (h->size > sizeof(union vu_payload))
		return "a message is too long";
	return NULL;
}

/* The whole message at hand: 1, 0 when more must come first, -errno. */
static int receive(struct vhost_user *vu, const char **ret_why)
{
	struct vu_inbox *in = &vu->in;
	size_t header = sizeof(in->m.header);

	while (in->got < header || in->got < header + in->m.header.size) {
		int r = receive_some(vu, ret_why);

		if (r <= 0)
			return r;
		if (in->got >= header)
			*ret_why = check_header(&in->m.header);
		if (*ret_why)
			return -EPROTO;
	}
	return 1;
}

/* The payload as it is goes back. A front end that lets replies pile up is not worth waiting for.
 */
/* #syscalls: sendmsg */
static int send_reply(struct vhost_user *vu)
{
	struct vu_message *m = &vu->in.m;
	struct iovec parts[] = {{&m->header, sizeof(m->header)}, {&m->payload, m->header.size}};
	struct msghdr h = {.msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts)};
	ssize_t n;

	m->header.flags = VU_VERSION | VU_FLAG_REPLY;
	do
		n = sendmsg(vu->conn.fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)(sizeof(m->header) + m->header.size) ? 0 : -EIO;
}

static bool wants_ack(const struct vhost_user *vu)
{
	return vu->in.m.header.flags & VU_FLAG_NEED_REPLY &&
	       vu->protocol_features >> VU_PROTOCOL_F_REPLY_ACK & 1;
}

static const struct row *find_row(const struct vhost_user *vu)
{
	uint32_t request = vu->in.m.header.request;
	const struct row *row = request < ARRAY_SIZE(rows) ? &rows[request] : NULL;

	if (!row || !row->obey)
		return NULL;
	if (row->feature != VU_PROTOCOL_F_NONE && !(vu->protocol_features >> row->feature & 1))
		return NULL;
	return row;
}

static int check(const struct vhost_user *vu, const struct row *row, const char **ret_why)
{
	const struct vu_inbox *in = &vu->in;

	if (!row)
		*ret_why = "a message that is unknown, or was not negotiated";
	else if (in->m.header.size < row->min || in->m.header.size > row->max)
		*ret_why = "a message has a wrong size";
	else if (in->n_fds > row->max_fds)
		*ret_why = "a message has too many descriptors";
	return *ret_why ? -EPROTO : 0;
}

/* The loop goes on, and vu_message_resume comes back when the last request is done. */
static bool must_wait(struct vhost_user *vu)
{
	bool wait;

	pthread_mutex_lock(&vu->lock);
	wait = vu->draining = vu->in_flight;
	pthread_mutex_unlock(&vu->lock);
	return wait;
}

/* What follows from how the message went: a reply, or the end. */
static int answer(struct vhost_user *vu, const struct row *row, int r)
{
	struct vu_message *m = &vu->in.m;

	if (row && row->flags & VU_REPLIES)
		return r ? r : send_reply(vu);
	if (wants_ack(vu)) {
		m->payload.u64 = r ? 1 : 0;
		m->header.size = sizeof(m->payload.u64);
		return send_reply(vu);
	}
	return row && row->flags & VU_MAY_FAIL ? 0 : r;
}

/* The complete message at hand. 0, or -errno: the connection is to end. */
static int obey(struct vhost_user *vu, const char **ret_why)
{
	const struct row *row = find_row(vu);
	int r = check(vu, row, ret_why);

	if (!r && row->flags & VU_DRAINS && must_wait(vu)) {
		vu->in.deferred = true;
		/* Only its end can be heard meanwhile. */
		return loop_change(vu->loop, &vu->conn, 0);
	}
	vu->in.deferred = false;
	if (row)
		log_debug("%s: %s", vu->peer, row->name);
	if (!r)
		r = row->obey(vu, ret_why);
	r = answer(vu, row, r);
	vu_message_drop_fds(vu);
	vu->in.got = 0;
	return r;
}

void vu_message_ready(struct watch *w, uint32_t events)
{
	struct vhost_user *vu = container_of(w, struct vhost_user, conn);
	const char *why = NULL;
	int r = 1;

	if (vu->in.deferred && events & (EPOLLHUP | EPOLLERR)) {
		vu_disconnect(vu, NULL);
		return;
	}
	for (int i = 0; i < BATCH && r > 0 && !vu->in.deferred; i++) {
		r = receive(vu, &why);
		if (r > 0 && obey(vu, &why))
			r = -EPROTO;
	}
	if (r < 0)
		vu_disconnect(vu, r == -ECONNRESET ? NULL : why ? why : "a message was refused");
}

void vu_message_resume(struct vhost_user *vu)
{
	const char *why = NULL;

	if (!vu->in.deferred)
		return;
	if (obey(vu, &why))
		vu_disconnect(vu, why ? why : "a message was refused");
	else if (!vu->in.deferred && loop_change(vu->loop, &vu->conn, EPOLLIN))
		vu_disconnect(vu, "out of memory");
}
