/* SPDX-License-Identifier: MIT */
/* warren serve --transport-fault: replies are damaged when the server is done with them, recorded and all,
 * before they go to the ring or socket: as a transport would that is broken. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "logging.h"
#include "macros.h"
#include "observer.h"
#include "msg.h"
#include "sabotage.h"
#include "serve.h"
#include "server.h"
#include "transport.h"

struct serve_damage {
	const struct observer_ops *inner; /* the recording; NULL: there is none */
	void *inner_self;
	struct sabotage *faults[SERVE_MAX_FAULTS];
	size_t n_faults;
};

struct damaged {
	struct serve_damage *d;
	void *inner;
};

static void *opened(void *self, const struct channel *ch, uint64_t session)
{
	struct serve_damage *d = self;
	struct damaged *o = malloc(sizeof(*o));

	if (!o)
		return NULL;
	*o = (struct damaged){d, d->inner ? d->inner->opened(d->inner_self, ch, session) : NULL};
	return o;
}

static void request(void *observed, const struct frame *f, uint64_t received)
{
	const struct damaged *o = observed;

	if (o && o->d->inner)
		o->d->inner->request(o->inner, f, received);
}

static bool is_read(const struct observed_reply *r)
{
	return r->frame->head_len > 4 && ((const uint8_t *)r->frame->head)[4] == Tread;
}

/* A mark may stand across two parts: all of them are looked at as one. */
static void damage(struct serve_damage *d, const struct observed_reply *r)
{
	autofree uint8_t *flat = malloc(r->payload_len + 1);
	size_t at = 0, changed = 0;

	if (!flat)
		return;
	for (int i = 0; i < r->n_iov && at < r->payload_len; i++) {
		size_t len = MIN(r->iov[i].iov_len, r->payload_len - at);

		memcpy(flat + at, r->iov[i].iov_base, len);
		at += len;
	}
	for (size_t i = 0; i < d->n_faults; i++)
		changed += sabotage_act(d->faults[i], flat, at);
	at = 0;
	for (int i = 0; changed && i < r->n_iov && at < r->payload_len; i++) {
		size_t len = MIN(r->iov[i].iov_len, r->payload_len - at);

		memcpy(r->iov[i].iov_base, flat + at, len);
		at += len;
	}
}

static void reply(void *observed, const struct observed_reply *r)
{
	const struct damaged *o = observed;

	if (!o)
		return;
	if (o->d->inner)
		o->d->inner->reply(o->inner, r);
	if (r->payload_len && is_read(r))
		damage(o->d, r);
}

static void closed(void *observed)
{
	struct damaged *o = observed;

	if (o && o->d->inner)
		o->d->inner->closed(o->inner);
	free(o);
}

static const struct observer_ops damage_ops = {
	.opened = opened,
	.request = request,
	.reply = reply,
	.closed = closed,
};

int serve_damage_start(const struct serve_options *o, struct server_config *cfg,
		       struct serve_damage **ret)
{
	struct serve_damage *d;

	if (!o->n_transport_faults)
		return 0;
	d = calloc(1, sizeof(*d));
	if (!d)
		return EXIT_ENVIRONMENT;
	*d = (struct serve_damage){.inner = cfg->observer, .inner_self = cfg->observer_self};
	for (; d->n_faults < o->n_transport_faults; d->n_faults++) {
		const char *text = o->transport_faults[d->n_faults];
		autofree char *why = NULL;

		if (sabotage_new(text, &d->faults[d->n_faults], &why)) {
			serve_damage_end(d);
			return cmd_usage_error("serve", "--transport-fault %s: %s", text,
					       why ? why : strerror(ENOMEM));
		}
	}
	log_warn("--transport-fault: clients will get damaged files");
	cfg->observer = &damage_ops;
	cfg->observer_self = d;
	*ret = d;
	return 0;
}

void serve_damage_end(struct serve_damage *d)
{
	for (size_t i = 0; d && i < d->n_faults; i++)
		sabotage_free(d->faults[i]);
	free(d);
}
