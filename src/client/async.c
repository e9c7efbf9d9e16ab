/* SPDX-License-Identifier: MIT */
#include "async.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "macros.h"
#include "msg.h"

#define SYNC_TIMEOUT_MS 30000
/* A signal that comes between the look at the flag and the wait is seen after so long. */
#define STOP_SLICE_MS 500

struct async {
	struct link *link;
	unsigned depth, n_free;
	uint16_t *free_tags;	   /* a stack */
	struct async_call **calls; /* by tag */
	struct async_call *version;
	int patience_ms;
	const volatile int *stop; /* NULL: nothing ends a wait early */
};

int async_new(struct link *l, unsigned depth, struct async **ret_a)
{
	struct async *a = calloc(1, sizeof(*a));

	depth = MIN(depth, P9_NOTAG);
	if (a) {
		a->free_tags = calloc(depth, sizeof(*a->free_tags));
		a->calls = calloc(depth, sizeof(*(a->calls)));
	}
	if (!a || !a->free_tags || !a->calls) {
		if (a) {
			free(a->free_tags);
			free(a->calls);
		}
		free(a);
		l->ops->free(l);
		return -ENOMEM;
	}
	a->link = l;
	a->depth = depth;
	a->patience_ms = SYNC_TIMEOUT_MS;
	while (a->n_free < depth) {
		a->free_tags[a->n_free] = (uint16_t)(depth - 1 - a->n_free);
		a->n_free++;
	}
	*ret_a = a;
	return 0;
}

void async_set_patience(struct async *a, int ms, const volatile int *stop)
{
	a->patience_ms = ms;
	a->stop = stop;
}

void async_free(struct async *a)
{
	if (!a)
		return;
	a->link->ops->free(a->link);
	free(a->free_tags);
	free(a->calls);
	free(a);
}

unsigned async_in_flight(const struct async *a)
{
	return a->depth - a->n_free + !!a->version;
}

struct link *async_link(struct async *a)
{
	return a->link;
}

int async_send(struct async *a, const struct msg *m, struct async_call *c)
{
	struct msg tagged = *m;
	int err;

	if (m->type == Tversion) {
		tagged.tag = P9_NOTAG;
	} else {
		if (!a->n_free)
			return -EAGAIN;
		tagged.tag = a->free_tags[a->n_free - 1];
	}
	err = a->link->ops->put(a->link, &tagged);
	if (err)
		return err;
	c->tag = tagged.tag;
	c->type = m->type;
	if (m->type == Tversion) {
		a->version = c;
	} else {
		a->n_free--;
		a->calls[c->tag] = c;
	}
	return 0;
}

int async_flush(struct async *a)
{
	return a->link->ops->flush(a->link);
}

/* The request that TAG names, which is in flight no more; NULL: there is none. */
static struct async_call *take_call(struct async *a, uint16_t tag)
{
	struct async_call *c = NULL;

	if (tag == P9_NOTAG) {
		c = a->version;
		a->version = NULL;
	} else if (tag < a->depth && a->calls[tag]) {
		c = a->calls[tag];
		a->calls[tag] = NULL;
		a->free_tags[a->n_free++] = tag;
	}
	return c;
}

static void fail_all(struct async *a, int err)
{
	struct async_call *c = take_call(a, P9_NOTAG);

	if (c)
		c->done(c, NULL, err);
	for (unsigned tag = 0; tag < a->depth; tag++) {
		c = take_call(a, (uint16_t)tag);
		if (c)
			c->done(c, NULL, err);
	}
}

static int deliver(struct async *a, const struct msg *m)
{
	struct async_call *c = take_call(a, m->tag);
	int err = 0;

	if (!c)
		return -EPROTO;
	if (m->type == Rlerror)
		err = m->Rlerror.ecode > 0 && m->Rlerror.ecode < 4096 ? -(int)m->Rlerror.ecode
								      : -EIO;
	else if (m->type != c->type + 1)
		err = -EPROTO;
	c->done(c, m, err);
	return 0;
}

int async_take(struct async *a)
{
	struct msg m;
	int r;

	while ((r = a->link->ops->take(a->link, &m)) > 0) {
		r = deliver(a, &m);
		if (r)
			break;
	}
	if (r)
		fail_all(a, r);
	return r;
}

int async_wait(struct async *a, int ms)
{
	struct pollfd p = {0};
	int err = async_flush(a), n;

	if (err)
		return err;
	p.fd = a->link->ops->poll_fd(a->link, &p.events);
	n = poll(&p, 1, ms);
	if (n < 0)
		return -errno;
	return n ? async_take(a) : -ETIMEDOUT;
}

struct sync {
	struct async_call call;
	struct msg *reply;
	int err;
	bool done;
};

static void note_reply(struct async_call *c, const struct msg *reply, int err)
{
	struct sync *s = container_of(c, struct sync, call);

	if (reply)
		*s->reply = *reply;
	s->err = err;
	s->done = true;
}

int async_call_now(struct async *a, struct msg *m, struct msg *ret_reply)
{
	struct sync s = {.call.done = note_reply, .reply = ret_reply};
	int err = async_send(a, m, &s.call), left = a->patience_ms;

	while (!err && !s.done) {
		int slice = MIN(left, a->stop ? STOP_SLICE_MS : left);

		if (a->stop && *a->stop) {
			err = -EINTR;
			break;
		}
		err = async_wait(a, slice);
		if (err == -EINTR)
			err = 0;
		else if (err == -ETIMEDOUT && (left -= slice) > 0)
			err = 0;
		else if (!err) /* bytes went or came */
			left = a->patience_ms;
	}
	if (err && !s.done)
		take_call(a, s.call.tag);
	return s.done ? s.err : err;
}

int async_attach(struct async *a, uint32_t msize, uint32_t uid, const char *aname,
		 uint32_t *ret_msize)
{
	struct msg m = {.type = Tversion}, r;
	int err;

	m.Tversion.msize = msize;
	m.Tversion.version = str_of(P9_VERSION, strlen(P9_VERSION));
	err = async_call_now(a, &m, &r);
	if (err)
		return err;
	if (!str_is(r.Rversion.version, P9_VERSION) || r.Rversion.msize > msize ||
	    r.Rversion.msize < P9_MIN_MSIZE)
		return -EPROTONOSUPPORT;
	a->link->ops->set_msize(a->link, r.Rversion.msize);
	*ret_msize = r.Rversion.msize;
	m = (struct msg){.type = Tattach};
	m.Tattach.fid = 0;
	m.Tattach.afid = P9_NOFID;
	m.Tattach.n_uname = uid;
	m.Tattach.aname = str_of(aname, strlen(aname));
	return async_call_now(a, &m, &r);
}
