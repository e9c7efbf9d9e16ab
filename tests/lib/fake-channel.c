/* SPDX-License-Identifier: MIT */
#include "fake-channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#undef NDEBUG
#include <assert.h>

#include "cleanup.h"
#include "list.h"
#include "transport.h"

#define SCRATCH (1u << 17)
#define PATIENCE_SEC 120

struct fake_channel {
	struct channel channel;
	const struct handler *handler;
	struct fake_config cfg;
	void *session;
	bool closed;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t changed;
	struct list replies; /* of struct reply, oldest first */
	unsigned n_frames;   /* with the handler */
	unsigned n_dropped;
	const char *reason;
	bool released;
	struct reply *current; /* of the last recv */
	struct msg m;
};

struct reply {
	struct list link;
	size_t n;
	uint8_t bytes[];
};

/* Every part is a block of its own, so that a sanitizer sees what goes beyond it. */
struct fake_frame {
	struct frame frame;
	struct iovec *data;
	struct iovec *memory;
	int n_memory;
	uint8_t *head;
};

static struct iovec *new_parts(size_t n, size_t part, int cap, int *ret_n)
{
	size_t len = part ? part : n;
	size_t n_parts = len ? (n + len - 1) / len : 0;
	struct iovec *iov;

	if (n_parts > (size_t)cap)
		n_parts = (size_t)cap;
	iov = calloc(n_parts + 1, sizeof(*iov));
	assert(iov);
	for (size_t i = 0; i < n_parts; i++, n -= MIN(n, len)) {
		iov[i].iov_len = MIN(n, len);
		iov[i].iov_base = malloc(iov[i].iov_len);
		assert(iov[i].iov_base);
	}
	*ret_n = (int)n_parts;
	return iov;
}

static void free_parts(struct iovec *iov, int n)
{
	for (int i = 0; i < n; i++)
		free(iov[i].iov_base);
	free(iov);
}

static int payload(struct frame *f, uint32_t head, uint32_t count, struct iovec *iov, int cap,
		   int *ret_n)
{
	struct fake_frame *ff = container_of(f, struct fake_frame, frame);
	struct fake_channel *fc = container_of(f->channel, struct fake_channel, channel);

	assert(!ff->memory && cap > 0);
	if (f->room < head || f->room - head < count)
		return -EMSGSIZE;
	ff->memory = new_parts(count, fc->cfg.part, cap, &ff->n_memory);
	memcpy(iov, ff->memory, (size_t)ff->n_memory * sizeof(*iov));
	*ret_n = ff->n_memory;
	return 0;
}

static void give_back(struct fake_frame *ff)
{
	struct fake_channel *fc = container_of(ff->frame.channel, struct fake_channel, channel);

	assert(fc->n_frames > 0 && !fc->released);
	fc->n_frames--;
	free_parts(ff->memory, ff->n_memory);
	free_parts(ff->data, ff->frame.n_data);
	free(ff->head);
	free(ff);
}

static void gather(uint8_t *to, const struct iovec *iov, size_t n)
{
	while (n) {
		size_t len = MIN(n, iov->iov_len);

		memcpy(to, iov->iov_base, len);
		to += len;
		n -= len;
		iov++;
	}
}

static void reply(struct frame *f, const void *head, uint32_t head_len, uint32_t payload_len)
{
	struct fake_frame *ff = container_of(f, struct fake_frame, frame);
	struct fake_channel *fc = container_of(f->channel, struct fake_channel, channel);
	struct reply *r = malloc(sizeof(*r) + head_len + payload_len);

	assert(r);
	assert(head_len + (size_t)payload_len <= f->room);
	r->n = head_len + (size_t)payload_len;
	memcpy(r->bytes, head, head_len);
	gather(r->bytes + head_len, ff->memory, payload_len);
	pthread_mutex_lock(&fc->lock);
	give_back(ff);
	list_add_tail(&fc->replies, &r->link);
	pthread_cond_broadcast(&fc->changed);
	pthread_mutex_unlock(&fc->lock);
}

static void drop(struct frame *f)
{
	struct fake_channel *fc = container_of(f->channel, struct fake_channel, channel);

	pthread_mutex_lock(&fc->lock);
	give_back(container_of(f, struct fake_frame, frame));
	fc->n_dropped++;
	pthread_cond_broadcast(&fc->changed);
	pthread_mutex_unlock(&fc->lock);
}

static void shut_down(struct channel *ch, const char *reason)
{
	struct fake_channel *fc = container_of(ch, struct fake_channel, channel);

	pthread_mutex_lock(&fc->lock);
	fc->reason = reason;
	pthread_mutex_unlock(&fc->lock);
}

static void released(struct channel *ch)
{
	struct fake_channel *fc = container_of(ch, struct fake_channel, channel);

	pthread_mutex_lock(&fc->lock);
	assert(!fc->released && fc->n_frames == 0);
	fc->released = true;
	pthread_cond_broadcast(&fc->changed);
	pthread_mutex_unlock(&fc->lock);
}

static const struct channel_ops ops = {
	.name = "fake",
	.payload = payload,
	.reply = reply,
	.drop = drop,
	.shutdown = shut_down,
	.released = released,
};

struct fake_channel *fake_channel_new(const struct handler *h, const struct fake_config *cfg)
{
	struct fake_channel *fc = calloc(1, sizeof(*fc));

	assert(fc);
	fc->cfg = *cfg;
	fc->handler = h;
	fc->channel = (struct channel){.ops = &ops, .peer = "fake"};
	fc->channel.max_msize = cfg->max_msize ? cfg->max_msize : 65536;
	fc->channel.msize = fc->channel.max_msize;
	pthread_mutex_init(&fc->lock, NULL);
	pthread_cond_init(&fc->changed, NULL);
	list_init(&fc->replies);
	if (h->ops->opened(h->self, &fc->channel, &fc->session)) {
		free(fc);
		return NULL;
	}
	return fc;
}

void fake_channel_set_room(struct fake_channel *fc, size_t room)
{
	fc->cfg.room = room;
}

void fake_channel_close(struct fake_channel *fc)
{
	fc->closed = true;
	fc->handler->ops->closed(fc->session);
}

/* Waits for a change, with the lock held. */
static void wait_change(struct fake_channel *fc)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_SEC;
	if (pthread_cond_timedwait(&fc->changed, &fc->lock, &until)) {
		fprintf(stderr, "fake channel: waited %d s in vain\n", PATIENCE_SEC);
		abort();
	}
}

static struct reply *take_reply_locked(struct fake_channel *fc)
{
	struct reply *r = list_first(&fc->replies, struct reply, link);

	list_del(&r->link);
	return r;
}

void fake_channel_free(struct fake_channel *fc)
{
	if (!fc->closed)
		fake_channel_close(fc);
	pthread_mutex_lock(&fc->lock);
	while (!fc->released)
		wait_change(fc);
	while (!list_is_empty(&fc->replies))
		free(take_reply_locked(fc));
	pthread_mutex_unlock(&fc->lock);
	free(fc->current);
	pthread_cond_destroy(&fc->changed);
	pthread_mutex_destroy(&fc->lock);
	free(fc);
}

bool fake_channel_is_released(struct fake_channel *fc)
{
	bool is;

	pthread_mutex_lock(&fc->lock);
	is = fc->released;
	pthread_mutex_unlock(&fc->lock);
	return is;
}

const char *fake_channel_shutdown_reason(struct fake_channel *fc)
{
	const char *reason;

	pthread_mutex_lock(&fc->lock);
	reason = fc->reason;
	pthread_mutex_unlock(&fc->lock);
	return reason;
}

static void send_frame(struct fake_channel *fc, const void *bytes, size_t n, const void *data,
		       size_t n_data)
{
	struct fake_frame *ff = calloc(1, sizeof(*ff));
	const uint8_t *from = data;

	assert(ff && !fc->closed);
	ff->head = malloc(n + !n);
	assert(ff->head);
	if (n)
		memcpy(ff->head, bytes, n);
	ff->frame.channel = &fc->channel;
	ff->frame.head = ff->head;
	ff->frame.head_len = n;
	ff->frame.room = fc->cfg.room ? fc->cfg.room : SIZE_MAX;
	ff->data = new_parts(n_data, fc->cfg.part, INT32_MAX, &ff->frame.n_data);
	ff->frame.data = ff->data;
	ff->frame.data_len = n_data;
	for (int i = 0; i < ff->frame.n_data; i++) {
		memcpy(ff->data[i].iov_base, from, ff->data[i].iov_len);
		from += ff->data[i].iov_len;
	}
	pthread_mutex_lock(&fc->lock);
	fc->n_frames++;
	pthread_mutex_unlock(&fc->lock);
	fc->handler->ops->receive(fc->session, &ff->frame);
}

void fake_channel_send_bytes(struct fake_channel *fc, const void *bytes, size_t n)
{
	send_frame(fc, bytes, n, NULL, 0);
}

void fake_channel_send(struct fake_channel *fc, const struct msg *m)
{
	autofree uint8_t *bytes = malloc(SCRATCH);
	struct msg beside = *m;
	const struct data *d = &m->Twrite.data;
	size_t n;
	int err;

	assert(bytes);
	if (m->type == Twrite && fc->cfg.data_beside && d->count) {
		beside.Twrite.data.p = NULL;
		err = msg_encode(&beside, bytes, SCRATCH, &n);
		assert(!err);
		send_frame(fc, bytes, n, d->p, d->count);
		return;
	}
	err = msg_encode(m, bytes, SCRATCH, &n);
	assert(!err);
	send_frame(fc, bytes, n, NULL, 0);
}

/* The message that TEXT, for vprintf, says; its views are in *RET_SCRATCH. */
static void parse(struct msg *m, char **ret_scratch, const char *text, va_list args)
{
	autofree char *line = NULL;
	int n = vasprintf(&line, text, args);
	int err;

	assert(n >= 0);
	*ret_scratch = malloc((size_t)n + 1);
	assert(*ret_scratch);
	err = msg_parse(line, *ret_scratch, (size_t)n + 1, m, NULL);
	if (err)
		fprintf(stderr, "not understood: %s\n", line);
	assert(!err);
}

void fake_channel_sendf(struct fake_channel *fc, const char *text, ...)
{
	autofree char *scratch = NULL;
	struct msg m;
	va_list args;

	va_start(args, text);
	parse(&m, &scratch, text, args);
	va_end(args);
	fake_channel_send(fc, &m);
}

const struct msg *fake_channel_recv(struct fake_channel *fc)
{
	int err;

	free(fc->current);
	pthread_mutex_lock(&fc->lock);
	while (list_is_empty(&fc->replies))
		wait_change(fc);
	fc->current = take_reply_locked(fc);
	pthread_mutex_unlock(&fc->lock);
	err = msg_decode(fc->current->bytes, fc->current->n, 0, MSG_FROM_SERVER, &fc->m);
	assert(!err);
	return &fc->m;
}

bool fake_channel_has_reply(struct fake_channel *fc)
{
	bool has;

	pthread_mutex_lock(&fc->lock);
	has = !list_is_empty(&fc->replies);
	pthread_mutex_unlock(&fc->lock);
	return has;
}

unsigned fake_channel_n_dropped(struct fake_channel *fc)
{
	unsigned n;

	pthread_mutex_lock(&fc->lock);
	n = fc->n_dropped;
	pthread_mutex_unlock(&fc->lock);
	return n;
}

void fake_channel_wait_dropped(struct fake_channel *fc, unsigned n)
{
	pthread_mutex_lock(&fc->lock);
	while (fc->n_dropped < n)
		wait_change(fc);
	pthread_mutex_unlock(&fc->lock);
}

int fake_channel_callf(struct fake_channel *fc, const struct msg **ret_m, const char *text, ...)
{
	autofree char *scratch = NULL;
	const struct msg *back;
	struct msg m;
	va_list args;

	va_start(args, text);
	parse(&m, &scratch, text, args);
	va_end(args);
	fake_channel_send(fc, &m);
	back = fake_channel_recv(fc);
	if (ret_m)
		*ret_m = back;
	if (back->tag != m.tag)
		return -EPROTO;
	if (back->type == Rlerror)
		return -(int)back->Rlerror.ecode;
	return back->type == m.type + 1 ? 0 : -EPROTO;
}
