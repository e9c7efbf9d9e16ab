/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "msg.h"
#include "vhost-device.h"

#define RLERROR_SIZE 11u

static struct vu_frame *vu_frame(struct frame *f)
{
	return container_of(f, struct vu_frame, base);
}

static struct vu_channel *channel_of(const struct vu_frame *f)
{
	return container_of(f->base.channel, struct vu_channel, base);
}

static void channel_free(struct vu_channel *ch)
{
	for (unsigned i = 0; i < ch->n_frames; i++)
		free(ch->frames[i].chain.parts);
	free(ch);
}

static void channel_unref(struct vu_channel *ch)
{
	struct vhost_user *vu = ch->vu;
	bool last;

	pthread_mutex_lock(&vu->lock);
	last = --ch->refs == 0;
	if (last) {
		vu->n_channels--;
		vu_post_locked(vu); /* the next front end may be waiting */
		pthread_cond_broadcast(&vu->released);
	}
	pthread_mutex_unlock(&vu->lock);
	if (last)
		channel_free(ch);
}

/* Copies N bytes at P to the first writable bytes of the chain. */
static void scatter(const struct vq_chain *c, const void *p, size_t n)
{
	const struct iovec *part = &c->parts[c->n_readable];
	const char *from = p;

	while (n) {
		size_t k = MIN(n, part->iov_len);

		memcpy(part->iov_base, from, k);
		from += k;
		n -= k;
		part++;
	}
}

/* The frame is free again, its chain goes back to the driver with LEN bytes filled. */
static void finish(struct vu_frame *f, uint32_t len)
{
	struct vu_channel *ch = channel_of(f);
	struct vhost_user *vu = ch->vu;
	struct guest_memory *memory = f->memory;

	free(f->big);
	f->big = NULL;
	pthread_mutex_lock(&vu->lock);
	if (f->epoch == vu->ring.epoch && !vu->ring.broken)
		vu_ring_push_locked(vu, f->chain.head, len);
	f->next = ch->free;
	ch->free = f;
	vu->in_flight--;
	if (vu->starved || (vu->draining && !vu->in_flight) || guest_memory_is_lost(memory))
		vu_post_locked(vu);
	pthread_mutex_unlock(&vu->lock);
	guest_memory_unref(memory);
}

static int op_payload(struct frame *base, uint32_t head, uint32_t count, struct iovec *iov, int cap,
		      int *ret_n)
{
	const struct vq_chain *c = &vu_frame(base)->chain;
	const struct iovec *part = &c->parts[c->n_readable];
	size_t skip = head, left = count;
	int n = 0;

	if (skip + left > c->writable)
		return -EMSGSIZE;
	for (; skip && skip >= part->iov_len; part++)
		skip -= part->iov_len;
	for (; left; part++) {
		size_t k = MIN(left, part->iov_len - skip);

		if (n == cap)
			return -EMSGSIZE;
		iov[n++] = (struct iovec){.iov_base = (char *)part->iov_base + skip, .iov_len = k};
		left -= k;
		skip = 0;
	}
	*ret_n = n;
	return 0;
}

/* The server does not answer with more than the room; if it ever did, this is what fits. */
static void reply_too_long(struct vu_frame *f)
{
	const uint8_t *tag = (const uint8_t *)f->base.head + 5;
	const uint8_t error[RLERROR_SIZE] = {RLERROR_SIZE, 0,	   0,	   0,
					     Rlerror,	   tag[0], tag[1], EMSGSIZE};

	scatter(&f->chain, error, sizeof(error));
	finish(f, sizeof(error));
}

static void op_reply(struct frame *base, const void *head, uint32_t head_len, uint32_t payload_len)
{
	struct vu_frame *f = vu_frame(base);

	if ((size_t)head_len + payload_len > f->chain.writable) {
		reply_too_long(f);
		return;
	}
	scatter(&f->chain, head, head_len);
	finish(f, head_len + payload_len);
}

/* A used length of 0: the Linux driver takes its descriptors back and tells nobody. */
static void op_drop(struct frame *base)
{
	finish(vu_frame(base), 0);
}

static void op_shutdown(struct channel *base, const char *reason)
{
	struct vu_channel *ch = container_of(base, struct vu_channel, base);
	const char *none = NULL;

	if (!atomic_compare_exchange_strong(&ch->shutdown, &none, reason))
		return;
	pthread_mutex_lock(&ch->vu->lock);
	vu_post_locked(ch->vu);
	pthread_mutex_unlock(&ch->vu->lock);
}

static void op_released(struct channel *base)
{
	channel_unref(container_of(base, struct vu_channel, base));
}

static const struct channel_ops vhost_user_ops = {
	.name = "vhost-user",
	.payload = op_payload,
	.reply = op_reply,
	.drop = op_drop,
	.shutdown = op_shutdown,
	.released = op_released,
};

static struct vu_channel *channel_new(struct vhost_user *vu, unsigned n_frames)
{
	struct vu_channel *ch = calloc(1, sizeof(*ch) + n_frames * sizeof(ch->frames[0]));

	if (!ch)
		return NULL;
	ch->base.ops = &vhost_user_ops;
	ch->base.max_msize = 4096 * (VQ_MAX_PARTS - 3);
	ch->base.pipe_min = UINT32_MAX;
	atomic_init(&ch->base.msize, ch->base.max_msize);
	memcpy(ch->base.peer, vu->peer, sizeof(ch->base.peer));
	ch->vu = vu;
	ch->refs = 2;
	ch->n_frames = n_frames;
	for (unsigned i = 0; i < n_frames; i++) {
		ch->frames[i].base.channel = &ch->base;
		ch->frames[i].next = i + 1 < n_frames ? &ch->frames[i + 1] : NULL;
	}
	ch->free = ch->frames;
	return ch;
}

int vu_channel_open(struct vhost_user *vu)
{
	const struct handler *h = vu->handler;
	struct vu_channel *ch = channel_new(vu, MIN(vu->ring.config.num, VU_MAX_FRAMES));
	int r;

	if (!ch)
		return -ENOMEM;
	r = h->ops->opened(h->self, &ch->base, &ch->session);
	if (r) {
		channel_free(ch);
		return r;
	}
	pthread_mutex_lock(&vu->lock);
	vu->n_channels++;
	pthread_mutex_unlock(&vu->lock);
	vu->channel = ch;
	return 0;
}

void vu_channel_close(struct vhost_user *vu)
{
	struct vu_channel *ch = vu->channel;

	if (!ch)
		return;
	vu->channel = NULL;
	vu->handler->ops->closed(ch->session);
	channel_unref(ch);
}

/* Moves the first N bytes of the readable parts to P, each read once. */
static void gather(struct vq_chain *c, struct iovec **part, uint8_t *p, size_t n)
{
	while (n) {
		size_t k = MIN(n, (*part)->iov_len);

		memcpy(p, (*part)->iov_base, k);
		(*part)->iov_base = (char *)(*part)->iov_base + k;
		(*part)->iov_len -= k;
		c->readable -= k;
		p += k;
		n -= k;
		if (!(*part)->iov_len)
			(*part)++;
	}
	/* Nobody looks at the guest's copy again. */
	__asm__ volatile("" ::: "memory");
}

/* The file data of a Twrite stays where it is. PART and what follows are what is left. */
static void set_data(struct vu_frame *f, struct iovec *part, size_t len)
{
	struct iovec *end = &f->chain.parts[f->chain.n_readable];

	f->base.data = part;
	f->base.data_len = len;
	for (f->base.n_data = 0; len && part < end; part++) {
		part->iov_len = MIN(part->iov_len, len);
		len -= part->iov_len;
		f->base.n_data++;
	}
}

/* The message in the frame's chain: its head is copied here, and checked as far as the frame
 * depends on it. NULL, or what is wrong. */
static const char *load_message(struct vu_frame *f, uint32_t msize)
{
	struct vq_chain *c = &f->chain;
	struct iovec *part = c->parts;
	size_t first = MIN(c->readable, P9_WRITE_HEADER_SIZE);
	uint8_t *head = f->head;
	uint32_t size;

	if (c->writable < RLERROR_SIZE)
		return "a chain has no room for a reply";
	if (first < P9_HEADER_SIZE)
		return "a message is shorter than its header";
	gather(c, &part, f->head, first);
	memcpy(&size, f->head, sizeof(size));
	if (size < P9_HEADER_SIZE || size > first + c->readable)
		return "a message's size is not that of its chain";
	if (size > msize)
		return "a message is longer than msize";
	f->base.room = c->writable;
	f->base.head_len = size;
	if (f->head[4] == Twrite && size >= P9_WRITE_HEADER_SIZE) {
		f->base.head = f->head;
		f->base.head_len = P9_WRITE_HEADER_SIZE;
		set_data(f, part, size - P9_WRITE_HEADER_SIZE);
		return NULL;
	}
	if (size > VU_MAX_HEAD)
		return "a message that is no Twrite is longer than 64 KiB";
	if (size > VU_INLINE_HEAD) {
		head = f->big = malloc(size);
		if (!head)
			return "out of memory";
		memcpy(head, f->head, first);
	}
	if (size > first)
		gather(c, &part, head + first, size - first);
	f->base.head = head;
	return NULL;
}

static struct vu_frame *get_frame(struct vhost_user *vu)
{
	struct vu_frame *f;

	pthread_mutex_lock(&vu->lock);
	f = vu->channel->free;
	if (f) {
		vu->channel->free = f->next;
		vu->in_flight++;
	} else {
		vu->starved = true;
	}
	pthread_mutex_unlock(&vu->lock);
	return f;
}

int vu_frame_take(struct vhost_user *vu, struct vu_frame **ret, const char **ret_why)
{
	struct vu_frame *f;
	int r;

	if (!vq_has_avail(&vu->ring.vq))
		return 0;
	f = get_frame(vu);
	if (!f)
		return 0;
	f->memory = guest_memory_ref(vu->memory);
	f->epoch = vu->ring.epoch;
	f->base.route = &f->chain.route;
	f->base.data = NULL;
	f->base.n_data = 0;
	f->base.data_len = 0;
	r = vq_pop(&vu->ring.vq, &f->chain);
	*ret_why = r > 0 ? load_message(f, atomic_load(&vu->channel->base.msize)) : vu->ring.vq.why;
	if (r > 0 && !*ret_why) {
		*ret = f;
		return 1;
	}
	f->epoch = vu->ring.epoch - 1; /* nothing goes back */
	finish(f, 0);
	return r ? -EPROTO : 0;
}
