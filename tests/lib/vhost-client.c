/* SPDX-License-Identifier: MIT */
#include "vhost-client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "macros.h"
#include "msg.h"
#include "vhost-front.h"
#include "vhost-slots.h"

#define LOOK_AGAIN_MS 20 /* a reply may be there that nobody told us of */
#define LIMIT_NS (120 * NS_PER_SEC)

struct vhost_client {
	struct front *front;
	struct vhost_slots slots;
};

struct vhost_client *vhost_client_new(int fd)
{
	struct vhost_client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return NULL;
	}
	c->front = front_new(fd);
	if (c->front && !vhost_slots_start(&c->slots, c->front, 1))
		return c;
	vhost_client_free(c);
	return NULL;
}

void vhost_client_free(struct vhost_client *c)
{
	if (!c)
		return;
	front_free(c->front);
	free(c);
}

/* A chain that comes back with nothing in it says that no reply will come: Linux's client waits on. */
static bool take_reply(struct front *f, struct vring_used_elem *ret)
{
	return front_take(f, ret) && ret->len;
}

static int wait_reply(struct front *f, struct vring_used_elem *ret)
{
	uint64_t end = clock_now_ns() + LIMIT_NS;

	while (!take_reply(f, ret)) {
		struct pollfd fds[] = {{.fd = f->call_fd, .events = POLLIN},
				       {.fd = f->err_fd, .events = POLLIN},
				       {.fd = f->fd, .events = POLLRDHUP}};

		if (clock_now_ns() >= end)
			return -ETIMEDOUT;
		poll(fds, ARRAY_SIZE(fds), LOOK_AGAIN_MS);
		front_count_calls(f);
		/* what was answered before its end counts */
		if (fds[1].revents || fds[2].revents)
			return take_reply(f, ret) ? 0 : -ECONNRESET;
	}
	return 0;
}

int vhost_client_call(struct vhost_client *c, const char *text, struct msg *ret_reply)
{
	struct slot_sizes sizes = {.reply = SLOT_HEADER};
	autofree char *scratch = malloc(strlen(text) + 1);
	struct vring_used_elem used;
	struct msg m;
	size_t len;
	int err = scratch ? 0 : -ENOMEM;

	if (!err && msg_parse(text, scratch, strlen(text) + 1, &m, NULL))
		err = -EBADMSG;
	if (!err)
		err = msg_encode(&m, slot_request(&c->slots, 0), SLOT_HEADER, &len);
	if (err)
		return err;
	sizes.request = (uint32_t)len;
	slot_offer(&c->slots, 0, &sizes);
	front_kick(c->front);
	err = wait_reply(c->front, &used);
	if (!err && used.len > SLOT_HEADER)
		err = -EBADMSG;
	return err ? err
		   : msg_decode(slot_reply(&c->slots, 0), used.len, 0, MSG_FROM_SERVER, ret_reply);
}
