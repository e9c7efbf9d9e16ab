/* SPDX-License-Identifier: MIT */
#include "exchange-text.h"

#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "fid-paths.h"
#include "macros.h"
#include "text.h"

/* Of a payload so many digests are shown. */
#define MOST_DIGESTS 4u

/* Joins what fits. */
static void add_name(char *buf, size_t cap, struct str name)
{
	size_t at = strlen(buf), slash = at && buf[at - 1] != '/';

	if (at + slash + name.len + 1 > cap)
		return;
	if (slash)
		buf[at++] = '/';
	memcpy(buf + at, name.p, name.len);
	buf[at + name.len] = '\0';
	/* paths are relative to the root, which is "/" */
	if (buf[0] == '/' && buf[1])
		memmove(buf, buf + 1, strlen(buf));
}

static void set_path(const struct exchange *e, unsigned i, uint32_t fid, char *buf, size_t cap)
{
	const struct trace_text *t = &e->request.path[i];

	if (t->p)
		snprintf(buf, cap, "%.*s", (int)MIN(t->len, TRACE_MAX_PATH), t->p);
	else if (fid != P9_NOFID)
		snprintf(buf, cap, "<fid %" PRIu32 ">", fid);
}

/* The names that M adds to its path I. */
static void add_names(const struct msg *m, unsigned i, char *buf, size_t cap)
{
	switch (m->type) {
	case Twalk:
		for (unsigned n = 0; n < m->Twalk.wname.n; n++)
			add_name(buf, cap, m->Twalk.wname.at[n]);
		break;
	case Tlcreate:
		add_name(buf, cap, m->Tlcreate.name);
		break;
	case Tsymlink:
		add_name(buf, cap, m->Tsymlink.name);
		break;
	case Tmknod:
		add_name(buf, cap, m->Tmknod.name);
		break;
	case Tmkdir:
		add_name(buf, cap, m->Tmkdir.name);
		break;
	case Tunlinkat:
		add_name(buf, cap, m->Tunlinkat.name);
		break;
	case Trenameat:
		add_name(buf, cap, i ? m->Trenameat.newname : m->Trenameat.oldname);
		break;
	case Trename:
		if (i)
			add_name(buf, cap, m->Trename.name);
		break;
	case Tlink:
		if (!i)
			add_name(buf, cap, m->Tlink.name);
		break;
	default:
		break;
	}
}

void exchange_path(const struct exchange *e, unsigned i, char *buf, size_t cap)
{
	uint32_t fids[2];

	buf[0] = '\0';
	if (!e->t_well_formed)
		return;
	msg_fids(&e->t, fids);
	set_path(e, i, fids[i], buf, cap);
	if (i == 0 || fids[1] != P9_NOFID)
		add_names(&e->t, i, buf, cap);
}

static bool is_argument(const char *field)
{
	static const char *const shown_elsewhere[] = {
		"fid",	 "dfid", "olddirfid", "newdirfid", "dirfd", "name",
		"wname", "data", "oldname",   "newname",   "offset"};

	for (size_t i = 0; i < ARRAY_SIZE(shown_elsewhere); i++)
		if (!strcmp(field, shown_elsewhere[i]))
			return false;
	return true;
}

/* The name of an attribute is none of a path. */
static bool is_no_fid(const char *field)
{
	return strcmp(field, "fid") != 0;
}

void exchange_put_arguments(FILE *f, const struct exchange *e)
{
	const struct msg *m = &e->t;

	if (!e->t_well_formed)
		return;
	if (m->type == Tread)
		fprintf(f, " @%" PRIu64 "+%" PRIu32, m->Tread.offset, m->Tread.count);
	else if (m->type == Treaddir)
		fprintf(f, " @%" PRIu64 "+%" PRIu32, m->Treaddir.offset, m->Treaddir.count);
	else if (m->type == Twrite)
		fprintf(f, " @%" PRIu64 "+%" PRIu32, m->Twrite.offset, m->Twrite.data.count);
	else if (m->type == Txattrwalk || m->type == Txattrcreate)
		msg_print_fields(f, m, is_no_fid);
	else if (m->type == Tattach)
		fprintf(f, " fid=%" PRIu32, m->Tattach.fid);
	if (m->type != Tread && m->type != Treaddir && m->type != Txattrwalk &&
	    m->type != Txattrcreate)
		msg_print_fields(f, m, is_argument);
}

const char *errno_text(uint32_t err, char *buf)
{
	const char *name = err < 4096 ? strerrorname_np((int)err) : NULL;

	if (name && err)
		return name;
	snprintf(buf, 16, "errno %" PRIu32, err % 100000000);
	return buf;
}

/* What most look for; the rest is in --messages. A log of QEMU tells the mode only. */
static void put_attributes(FILE *f, const struct msg_Rgetattr *a)
{
	fprintf(f, " mode=%#" PRIo32 " uid=%" PRIu32 " gid=%" PRIu32, a->mode, a->uid, a->gid);
	if (a->nlink)
		fprintf(f, " size=%" PRIu64 " qid=%02x.%" PRIu32 ".%" PRIx64, a->size, a->qid.type,
			a->qid.version, a->qid.path);
}

static void put_reply(FILE *f, const struct exchange *e)
{
	const struct msg *m = &e->r;
	char buf[16];

	if (m->type == Rlerror)
		fprintf(f, "%s", errno_text(m->Rlerror.ecode, buf));
	else if (m->type == Rread)
		fprintf(f, "%" PRIu32, m->Rread.data.count);
	else if (m->type == Rreaddir)
		fprintf(f, "%" PRIu32, m->Rreaddir.data.count);
	else if (m->type == Rwrite)
		fprintf(f, "%" PRIu32, m->Rwrite.count);
	else if (m->type == Rwalk && e->t_well_formed && m->Rwalk.wqid.n < e->t.Twalk.wname.n)
		fprintf(f, "only %u of %u names", m->Rwalk.wqid.n, e->t.Twalk.wname.n);
	else
		fputs("ok", f);
	if (m->type == Rgetattr)
		put_attributes(f, &m->Rgetattr);
	else if (m->type != Rlerror && m->type != Rread && m->type != Rreaddir && m->type != Rwrite)
		msg_print_fields(f, m, NULL);
	if (e->t_well_formed && m->type != Rlerror && m->type != e->t.type + 1)
		fprintf(f, " (%s, which is no reply to that)", msg_name(m->type));
}

void exchange_put_result(FILE *f, const struct exchange *e)
{
	switch (e->kind) {
	case EXCHANGE_NO_REPLY:
		fputs(e->request.is_reply_unlogged ? "not logged" : "no reply", f);
		break;
	case EXCHANGE_DROPPED:
		fputs("dropped", f);
		break;
	case EXCHANGE_DONE:
	case EXCHANGE_NO_REQUEST:
	case EXCHANGE_OTHER:
		if (e->r_well_formed)
			put_reply(f, e);
		else
			fputs("malformed reply", f);
		break;
	}
}

static void put_time(FILE *f, uint64_t time, uint64_t start)
{
	uint64_t ns = time >= start ? time - start : start - time;

	fprintf(f, "%s%llu.%06llu", time >= start ? "" : "-", ns / NS_PER_SEC,
		ns % NS_PER_SEC / 1000);
}

static void put_duration(FILE *f, uint64_t ns)
{
	if (ns < 10 * NS_PER_MS)
		fprintf(f, "%" PRIu64 "us", (ns + 500) / 1000);
	else
		fprintf(f, "%llums", (ns + NS_PER_MS / 2) / NS_PER_MS);
}

static void put_half(FILE *f, const char *name, const struct route_half *h)
{
	fprintf(f, " %s=", name);
	for (unsigned i = 0; i < h->n_runs; i++) {
		fprintf(f, "%s%" PRIu32, i ? "," : "", h->runs[i].size);
		if (h->runs[i].n > 1)
			fprintf(f, "x%" PRIu32, h->runs[i].n);
	}
	if (h->is_truncated)
		fputs(",...", f);
}

static void put_digests(FILE *f, const struct trace_record *r, uint32_t most)
{
	uint32_t n = trace_n_digests(r->grid, r->payload_len);

	if (!trace_has_digests(r))
		return;
	fputs("  [", f);
	for (uint32_t i = 0; i < MIN(n, most); i++)
		fprintf(f, "%s%016" PRIx64, i ? " " : "", trace_digest(r, i));
	if (n > most)
		fprintf(f, " +%" PRIu32, n - most);
	fputs("]", f);
}

static bool is_data(uint8_t type)
{
	return type == Tread || type == Twrite || type == Treaddir;
}

static void put_other(FILE *f, const struct trace_record *r, uint64_t start)
{
	put_time(f, r->time, start);
	if (r->kind == TRACE_LOST) {
		fprintf(f, " # %" PRIu64 " messages are not recorded here\n", r->lost);
		return;
	}
	fprintf(f, " # connection %" PRIu32 " %s: ", r->conn,
		r->kind == TRACE_OPENED ? "begins" : "ends");
	text_put(f, r->peer.p, r->peer.len);
	fputc('\n', f);
}

static void put_type(FILE *f, const struct trace_record *r, bool well_formed)
{
	const char *name = r->head_len < P9_HEADER_SIZE ? NULL : msg_name(r->head[4]);

	fprintf(f, " %-8s", name ? name : "?");
	if (!well_formed)
		fprintf(f, " (malformed, %" PRIu32 " bytes)", r->head_len + r->payload_len);
}

static void put_path(FILE *f, const struct exchange *e)
{
	char path[EXCHANGE_PATH_SIZE];

	exchange_path(e, 0, path, sizeof(path));
	if (!path[0])
		return;
	fputc(' ', f);
	text_put(f, path, strlen(path));
	exchange_path(e, 1, path, sizeof(path));
	if (!path[0])
		return;
	fputs(e->t.type == Tlink ? " = " : " -> ", f);
	text_put(f, path, strlen(path));
}

/* The columns behind the result: how long it took, how it travelled, digests. */
static void put_travel(FILE *f, const struct exchange *e)
{
	if (e->kind == EXCHANGE_DONE) {
		fputs("  ", f);
		put_duration(f, exchange_latency(e));
	}
	if (e->reply.queue >= 1000) {
		fputs("  queue=", f);
		put_duration(f, e->reply.queue);
	}
	if (e->request.has_route && is_data(e->t.type))
		fprintf(f, "  zc=%s",
			route_is_zero_copy(&e->request.route, e->t.type) ? "yes" : "no");
	if (e->reply.overlaps)
		fputs("  overlaps", f);
	if (e->t.type == Twrite)
		put_digests(f, &e->request, MOST_DIGESTS);
	else
		put_digests(f, &e->reply, MOST_DIGESTS);
}

static void put_start(FILE *f, const struct exchange *e, const struct trace_record *r,
		      uint64_t start)
{
	if (r->is_unverified)
		fputs("? ", f);
	put_time(f, r->time, start);
	if (e->request.conn > 1 || e->reply.conn > 1)
		fprintf(f, " #%" PRIu32, r->conn);
}

void exchange_print(FILE *f, const struct exchange *e, uint64_t start)
{
	bool has_request = e->kind != EXCHANGE_NO_REQUEST;

	if (e->kind == EXCHANGE_OTHER) {
		put_other(f, &e->request, start);
		return;
	}
	put_start(f, e, has_request ? &e->request : &e->reply, start);
	if (has_request) {
		put_type(f, &e->request, e->t_well_formed);
		put_path(f, e);
		exchange_put_arguments(f, e);
	} else {
		fprintf(f, " (request not recorded, tag %u)", e->r.tag);
	}
	fputs(" -> ", f);
	exchange_put_result(f, e);
	put_travel(f, e);
	fputc('\n', f);
}

static void put_message(FILE *f, const struct exchange *e, const struct trace_record *r,
			uint64_t start)
{
	bool is_request = r == &e->request;
	bool well_formed = is_request ? e->t_well_formed : e->r_well_formed;

	put_start(f, e, r, start);
	fprintf(f, " %c ", is_request ? '>' : '<');
	if (well_formed) {
		msg_print(f, is_request ? &e->t : &e->r);
	} else {
		put_type(f, r, false);
	}
}

void exchange_print_messages(FILE *f, const struct exchange *e, uint64_t start)
{
	if (e->kind == EXCHANGE_OTHER) {
		put_other(f, &e->request, start);
		return;
	}
	if (e->kind != EXCHANGE_NO_REQUEST) {
		put_message(f, e, &e->request, start);
		fputs(" ", f);
		put_path(f, e);
		if (e->request.has_route) {
			fprintf(f, "  ring=%u", e->request.route.index);
			put_half(f, "out", &e->request.route.out);
			put_half(f, "in", &e->request.route.in);
		}
		put_digests(f, &e->request, UINT32_MAX);
		fputc('\n', f);
	}
	if (e->kind == EXCHANGE_NO_REPLY)
		return;
	if (e->kind == EXCHANGE_DROPPED) {
		put_start(f, e, &e->reply, start);
		fprintf(f, " < (none: dropped) tag=%u\n", e->t.tag);
		return;
	}
	put_message(f, e, &e->reply, start);
	fputs("  queue=", f);
	put_duration(f, e->reply.queue);
	fputs(" service=", f);
	put_duration(f, e->reply.service);
	put_digests(f, &e->reply, UINT32_MAX);
	fputc('\n', f);
}
