/* SPDX-License-Identifier: MIT */
/* Tversion, Tauth, Tattach, Tflush. */
#include <errno.h>
#include <string.h>

#include "core.h"
#include "handlers.h"
#include "macros.h"
#include "session.h"

static bool is_our_version(const struct request *r)
{
	return str_is(r->msg.Tversion.version, P9_VERSION);
}

static uint32_t choose_msize(const struct request *r)
{
	const struct session *s = r->session;
	uint32_t most = MIN(s->channel->max_msize, s->server->cfg.max_msize);

	return MIN(r->msg.Tversion.msize, most);
}

void version_finish(struct request *r)
{
	struct session *s = r->session;
	struct msg_Rversion *a = &r->reply.Rversion;
	bool ours = is_our_version(r);
	const char *version = ours ? P9_VERSION : P9_VERSION_UNKNOWN;

	fid_table_clear(&s->fids);
	a->msize = choose_msize(r);
	a->version = str_of(version, strlen(version));
	atomic_store(&s->channel->msize, a->msize);
	atomic_store(&s->negotiated, ours);
}

int op_version(struct request *r)
{
	int err;

	if (r->msg.Tversion.msize < P9_MIN_MSIZE)
		return -EINVAL;
	atomic_store(&r->session->negotiated, false);
	err = request_wait_alone(r);
	if (!err)
		version_finish(r);
	return err;
}

/* Nobody needs to: the transport says who may connect. ENOENT is what clients (of diod, say) take
 * as "no authentication required"; another error ends them. */
int op_auth(struct request *r)
{
	(void)r;
	return -ENOENT;
}

int op_attach(struct request *r)
{
	const struct msg_Tattach *m = &r->msg.Tattach;
	struct backend *b = r->session->server->cfg.backend;
	autofid struct fid *f = NULL;
	struct call c;
	int err;

	if (m->afid != P9_NOFID)
		return -EINVAL;
	f = fid_new(m->fid, FID_PATH, NULL);
	if (!f)
		return -ENOMEM;
	err = backend_admit(b, m->n_uname, &f->uid);
	if (err)
		return err;
	c = handler_call(r, f);
	err = backend_call(b, attach, &c, m->aname, &f->node, &f->qid);
	if (err)
		return err;
	f->root = f->qid.path;
	r->reply.Rattach.qid = f->qid;
	return fid_table_add(&r->session->fids, f);
}

int op_flush(struct request *r)
{
	return request_flush(r, r->msg.Tflush.oldtag);
}
