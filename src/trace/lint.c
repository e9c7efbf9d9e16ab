/* SPDX-License-Identifier: MIT */
#include "lint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "exchange.h"
#include "fid-paths.h"
#include "lint-parts.h"
#include "text.h"

/* At the end of the recording a request may have waited so long. */
#define PATIENCE (5 * NS_PER_SEC)

#define R(id, name, who, source, text) {name, who, source, text},
const struct lint_rule lint_rules[LINT_N] = {LINT_RULES(R)};
#undef R

static char is_flushed; /* its address is the value of all in lint_conn.flushed */

struct lint *lint_new(void (*report)(void *arg, const struct lint_finding *f), void *arg)
{
	struct lint *l = calloc(1, sizeof(*l));

	if (l) {
		l->report = report;
		l->arg = arg;
	}
	return l;
}

static void free_conn(void *value)
{
	struct lint_conn *c = value;

	u64_map_done(&c->tags, free);
	u64_map_done(&c->fids, free);
	u64_map_done(&c->files, free);
	u64_map_done(&c->flushed, NULL);
	free(c);
}

void lint_free(struct lint *l)
{
	if (!l)
		return;
	u64_map_done(&l->conns, free_conn);
	free(l);
}

static void put_message(FILE *f, const struct trace_record *r)
{
	const char *name = r->head_len < P9_HEADER_SIZE ? NULL : msg_name(r->head[4]);

	fputs(name ? name : "a message", f);
	if (r->head_len >= P9_HEADER_SIZE)
		fprintf(f, " tag %u", r->head[5] | (unsigned)r->head[6] << 8);
	if (r->path[0].p) {
		fputs(" of ", f);
		text_put(f, r->path[0].p, r->path[0].len);
	}
}

void lint_found(struct lint *l, enum lint_id rule, const struct trace_record *r, const char *fmt,
		...)
{
	struct lint_finding finding = {.rule = rule, .record = r};
	autofree char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	va_list args;

	if (!f)
		return;
	put_message(f, r);
	fputs(": ", f);
	va_start(args, fmt);
	vfprintf(f, fmt, args);
	va_end(args);
	fclose(f);
	finding.what = text;
	l->report(l->arg, &finding);
}

void *lint_entry(struct u64_map *m, uint64_t key, size_t size, bool *ret_is_new)
{
	void *value = u64_map_get(m, key), *old;

	*ret_is_new = !value;
	if (value)
		return value;
	value = calloc(1, size);
	if (!value || u64_map_put(m, key, value, &old)) {
		free(value);
		return NULL;
	}
	return value;
}

static struct lint_conn *conn_of(struct lint *l, const struct trace_record *r)
{
	bool is_new;
	struct lint_conn *c = lint_entry(&l->conns, r->conn, sizeof(*c), &is_new);

	if (c && is_new) {
		c->number = r->conn;
		c->is_partial = r->kind != TRACE_OPENED;
	}
	return c;
}

void lint_forget(struct u64_map *m, uint64_t key)
{
	free(u64_map_take(m, key));
}

struct lint_fid *lint_set_fid(struct lint_conn *c, uint32_t number, enum fid_state state)
{
	bool is_new;
	struct lint_fid *f = lint_entry(&c->fids, number, sizeof(*f), &is_new);

	if (f)
		*f = (struct lint_fid){.state = state};
	return f;
}

/* The fid that M makes, if it makes one. */
static uint32_t new_fid(const struct msg *m)
{
	switch (m->type) {
	case Tattach:
		return m->Tattach.fid;
	case Twalk:
		return m->Twalk.newfid == m->Twalk.fid ? P9_NOFID : m->Twalk.newfid;
	case Txattrwalk:
		return m->Txattrwalk.newfid;
	default:
		return P9_NOFID;
	}
}

static void check_fids(struct lint *l, struct lint_conn *c, const struct trace_record *r,
		       const struct msg *m, struct waiting *w)
{
	uint32_t fids[2], made = new_fid(m);
	const struct lint_fid *f;

	msg_fids(m, fids);
	for (unsigned i = 0; i < 2; i++) {
		f = fids[i] == P9_NOFID ? NULL : u64_map_get(&c->fids, fids[i]);
		if (fids[i] == P9_NOFID || (f && f->state == FID_MADE))
			continue;
		if (!f && c->is_partial)
			continue;
		w->is_bad_fid = !f;
		lint_found(l, LINT_FID_UNKNOWN, r, "fid %" PRIu32 " %s", fids[i],
			   !f			   ? "does not exist"
			   : f->state == FID_BEING ? "has no reply yet that makes it"
						   : "is being clunked");
	}
	f = made == P9_NOFID ? NULL : u64_map_get(&c->fids, made);
	if (f && f->state != FID_GOING)
		lint_found(l, LINT_FID_IN_USE, r, "fid %" PRIu32 " exists", made);
	else if (made != P9_NOFID && !f)
		lint_set_fid(c, made, FID_BEING);
	if (m->type == Tclunk || m->type == Tremove) {
		struct lint_fid *going = u64_map_get(&c->fids, fids[0]);

		if (going)
			going->state = FID_GOING;
	}
}

static int remember(struct lint *l, struct lint_conn *c, const struct trace_record *r,
		    const struct msg *m)
{
	uint16_t tag = m->tag;
	struct waiting *w = calloc(1, sizeof(*w) + r->head_len + r->path[0].len);
	void *old = NULL;
	int err;

	if (!w)
		return -ENOMEM;
	memcpy(w->bytes, r->head, r->head_len);
	w->r = *r;
	w->r.head = w->bytes;
	w->r.path[1].p = NULL;
	if (r->path[0].p)
		w->r.path[0].p = memcpy(w->bytes + r->head_len, r->path[0].p, r->path[0].len);
	err = u64_map_put(&c->tags, tag, w, &old);
	if (err) {
		free(w);
		return err;
	}
	u64_map_take(&c->flushed, tag);
	if (old && !((struct waiting *)old)->r.is_reply_unlogged)
		lint_found(l, LINT_TAG_REUSE, r, "the request before with this tag has no reply");
	free(old);
	return 0;
}

static void check_size(struct lint *l, const struct lint_conn *c, const struct trace_record *r)
{
	size_t size = (size_t)r->head_len + r->payload_len;

	if (c->msize && size > c->msize)
		lint_found(l, LINT_MSIZE, r, "%zu bytes, and msize is %" PRIu32, size, c->msize);
}

/* Both also when they fail. */
static void forget_gone(struct lint_conn *c, const struct msg *t)
{
	if (t->type == Tclunk || t->type == Tremove)
		lint_forget(&c->fids, t->type == Tclunk ? t->Tclunk.fid : t->Tremove.fid);
}

static int add_request(struct lint *l, struct lint_conn *c, const struct trace_record *r)
{
	struct msg m;
	bool well_formed = trace_decode_msg(r, MSG_FROM_CLIENT, &m);
	struct waiting *w;
	int err;

	if (r->head_len < P9_HEADER_SIZE)
		return 0;
	if (!well_formed)
		lint_found(l, LINT_MALFORMED, r, "it cannot be decoded");
	if (!c->is_partial && !c->has_version && m.type != Tversion)
		lint_found(l, LINT_VERSION_FIRST, r, "there was no Tversion before");
	if (m.tag == P9_NOTAG && m.type != Tversion)
		lint_found(l, LINT_VERSION_FIRST, r, "NOTAG is for Tversion");
	c->has_version = true; /* said once */
	if (m.type != Tversion)
		check_size(l, c, r);
	err = remember(l, c, r, &m);
	if (err || !well_formed)
		return err;
	w = u64_map_get(&c->tags, m.tag);
	check_fids(l, c, r, &m, w);
	if (r->is_reply_unlogged)
		forget_gone(c, &m);
	return 0;
}

static void failed(struct lint_conn *c, const struct msg *t)
{
	uint32_t made = new_fid(t);
	const struct lint_fid *f = made == P9_NOFID ? NULL : u64_map_get(&c->fids, made);

	if (f && f->state == FID_BEING)
		lint_forget(&c->fids, made);
}

/* No reply to OLDTAG may come any more. */
static void flush_answered(struct lint_conn *c, uint16_t oldtag)
{
	void *old;

	if (u64_map_get(&c->tags, oldtag))
		(void)u64_map_put(&c->flushed, oldtag, &is_flushed, &old);
	lint_forget(&c->tags, oldtag);
}

static void check_reply(struct lint *l, struct lint_conn *c, const struct trace_record *r,
			const struct waiting *w)
{
	struct msg t, m;

	if (!trace_decode_msg(&w->r, MSG_FROM_CLIENT, &t))
		return;
	if (!trace_decode_msg(r, MSG_FROM_SERVER, &m)) {
		lint_found(l, LINT_MALFORMED, r, "it cannot be decoded");
		return;
	}
	if (m.type != Rlerror && m.type != t.type + 1) {
		lint_found(l, LINT_REPLY_TYPE, r, "the request was %s", msg_name(t.type));
		return;
	}
	if (m.type != Rlerror && w->is_bad_fid)
		lint_found(l, LINT_FID_ACCEPTED, r, "its fid does not exist");
	if (m.type == Rlerror)
		failed(c, &t);
	else
		lint_succeeded(l, c, r, &t, &m);
	forget_gone(c, &t);
	if (m.type == Rflush)
		flush_answered(c, t.Tflush.oldtag);
}

static void add_reply(struct lint *l, struct lint_conn *c, const struct trace_record *r)
{
	autofree struct waiting *w = NULL;
	struct trace_record reply = *r;
	uint16_t tag;

	if (r->head_len < P9_HEADER_SIZE)
		return;
	tag = (uint16_t)(r->head[5] | r->head[6] << 8);
	w = u64_map_take(&c->tags, tag);
	if (!w) {
		if (u64_map_take(&c->flushed, tag))
			lint_found(l, LINT_FLUSH_ORDER, r, "it comes after Rflush");
		else if (!c->is_partial)
			lint_found(l, LINT_UNASKED, r, "no request with this tag waits");
		return;
	}
	reply.path[0] = w->r.path[0];
	l->asked = w->r.time;
	check_size(l, c, &reply);
	check_reply(l, c, &reply, w);
}

static void check_waiting(struct lint *l, const struct lint_conn *c)
{
	for (size_t i = 0; i < c->tags.cap; i++) {
		const struct waiting *w = c->tags.slots[i].value;

		if (w && !w->r.is_reply_unlogged && l->now - w->r.time > PATIENCE)
			lint_found(l, LINT_NO_REPLY, &w->r, "none came for %" PRIu64 " s",
				   (uint64_t)((l->now - w->r.time) / NS_PER_SEC));
	}
}

static void lose(struct lint *l)
{
	for (size_t i = 0; i < l->conns.cap; i++) {
		struct lint_conn *c = l->conns.slots[i].value;

		if (!c)
			continue;
		c->is_partial = true;
		u64_map_done(&c->tags, free);
		u64_map_done(&c->fids, free);
		u64_map_done(&c->files, free);
		u64_map_done(&c->flushed, NULL);
	}
}

int lint_add(struct lint *l, const struct trace_record *r)
{
	struct lint_conn *c;

	l->now = MAX(l->now, r->time);
	if (r->kind == TRACE_LOST || r->is_unverified) {
		lose(l);
		return 0;
	}
	c = conn_of(l, r);
	if (!c)
		return -ENOMEM;
	switch (r->kind) {
	case TRACE_REQUEST:
		return add_request(l, c, r);
	case TRACE_REPLY:
		add_reply(l, c, r);
		break;
	case TRACE_DROPPED:
		if (r->head_len >= P9_HEADER_SIZE)
			lint_forget(&c->tags, (uint64_t)(r->head[5] | r->head[6] << 8));
		break;
	case TRACE_CLOSED:
		check_waiting(l, c);
		free_conn(u64_map_take(&l->conns, r->conn));
		break;
	case TRACE_OPENED:
	case TRACE_LOST:
	case TRACE_KINDS:
		break;
	}
	return 0;
}

void lint_end(struct lint *l)
{
	for (size_t i = 0; i < l->conns.cap; i++)
		if (l->conns.slots[i].value)
			check_waiting(l, l->conns.slots[i].value);
}
