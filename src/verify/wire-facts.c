/* SPDX-License-Identifier: MIT */
#include "wire-facts.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "compare.h"
#include "exchange-text.h"
#include "exchange.h"
#include "macros.h"
#include "manifest.h"
#include "qemu-log.h"
#include "trace-reader.h"
#include "wire-attr.h"
#include "wire-listing.h"
#include "wire-payload.h"

#define POLL_MS 20

struct reading {
	struct trace_source source;
	struct trace_reader *reader;
	struct qemu_log *log; /* or this one */
	struct exchanges *exchanges;
	const struct wire_question *q;
	struct wire_asked *asked; /* sorted by path */
	size_t n;
	uint64_t start, last;		      /* times of records */
	enum { BEFORE, WITHIN, BEHIND } part; /* of the walk */
	bool has_begun;			      /* the walk: its mark was seen */
	char path[EXCHANGE_PATH_SIZE];
};

static int next_record(struct trace_source *s, struct trace_record *ret_r)
{
	struct reading *r = container_of(s, struct reading, source);
	int got = r->log ? qemu_log_source(r->log)->next(qemu_log_source(r->log), ret_r)
			 : trace_reader_next(r->reader, ret_r);

	if (got > 0 && !r->start)
		r->start = ret_r->time;
	if (got > 0)
		r->last = ret_r->time;
	return got;
}

/* The number in a request for the name ".warren-WHAT-N" (probe-mount.c); 0: it is none. */
static unsigned mark_of(const struct exchange *e, const char *what)
{
	char name[64];
	struct str s;
	size_t n;

	if (!e->t_well_formed || e->t.type != Twalk || e->t.Twalk.wname.n != 1)
		return 0;
	s = e->t.Twalk.wname.at[0];
	n = (size_t)snprintf(name, sizeof(name), ".warren-%s-", what);
	if (s.len <= n || s.len >= sizeof(name) || memcmp(s.p, name, n) != 0)
		return 0;
	memcpy(name, s.p, s.len);
	name[s.len] = '\0';
	return (unsigned)strtoul(name + n, NULL, 10);
}

static void pass_mark(struct reading *r, const struct exchange *e)
{
	unsigned walk = mark_of(e, "walk"), look = mark_of(e, "look");

	if (walk == r->q->walk) {
		r->part = WITHIN;
		r->has_begun = true;
	} else if (walk > r->q->walk || look == r->q->walk) {
		r->part = BEHIND;
	}
}

static struct wire_request request_of(const struct reading *r, const struct exchange *e)
{
	bool is_read = e->t.type == Tread;

	return (struct wire_request){
		.tag = e->t.tag,
		.is_write = !is_read,
		.offset = is_read ? e->t.Tread.offset : e->t.Twrite.offset,
		.asked = is_read ? e->t.Tread.count : e->t.Twrite.data.count,
		.got = is_read ? e->r.Rread.data.count : e->r.Rwrite.count,
		.time = e->request.time - r->start,
		.took = e->reply.time - e->request.time,
		.has_route = e->request.has_route,
		.is_zero_copy = e->request.has_route &&
				route_is_zero_copy(&e->request.route, e->t.type),
		.overlaps = is_read && e->reply.overlaps,
	};
}

static void take_other(struct wire_asked *a, const struct exchange *e)
{
	struct wire_facts *f = a->facts;
	autofree char *text = NULL;
	enum seen seen = a->is_folder ? wire_judge_listing(&a->listing, e, f->f->class, &text)
				      : wire_judge_reply(e, f->f, a->node, &text);

	if (seen == SEEN_NOT)
		return;
	f->n_replies++;
	if (seen == SEEN_WRONG && !f->text) {
		f->sent = SEEN_WRONG;
		f->text = steal_ptr(&text);
	} else if (f->sent == SEEN_NOT && f->f->to == f->f->from) {
		f->sent = seen;
	}
}

static void take_earlier(struct reading *r, struct wire_asked *a, const struct exchange *e)
{
	bool is_write = e->t.type == Twrite && e->r.type == Rwrite;
	struct wire_request q;

	if (!is_write && (e->t.type != Tread || e->r.type != Rread))
		return;
	q = request_of(r, e);
	wire_look_for_old(a, &q, is_write ? &e->request : &e->reply);
	if (is_write && r->q->has_writes)
		wire_take_write(a, e, &q);
}

static void note_size(struct wire_facts *f, uint64_t size)
{
	f->least_size = f->has_size ? MIN(f->least_size, size) : size;
	f->has_size = true;
}

static void take_exchange(struct reading *r, struct wire_asked *a, const struct exchange *e)
{
	bool is_done = e->kind == EXCHANGE_DONE && e->r_well_formed;
	struct wire_request q;

	if (!is_done)
		return;
	if (r->log && e->r.type != Rread && e->r.type != Rlerror)
		return;
	if (e->r.type == Rgetattr && !a->is_folder)
		note_size(a->facts, e->r.Rgetattr.size);
	if (r->part == BEFORE) {
		if (!a->is_folder)
			take_earlier(r, a, e);
	} else if (e->t.type == Tread && e->r.type == Rread && !a->is_folder) {
		q = request_of(r, e);
		wire_take_read(a, e, &q);
	} else {
		take_other(a, e);
	}
}

static int compare_asked(const void *a, const void *b)
{
	return strcmp(((const struct wire_asked *)a)->path, ((const struct wire_asked *)b)->path);
}

/* All that ask for the path of this exchange stand side by side. */
static void give_exchange(struct reading *r, const struct exchange *e)
{
	const struct wire_asked key = {.path = r->path};
	struct wire_asked *a;

	exchange_path(e, 0, r->path, sizeof(r->path));
	a = r->path[0] && r->n ? bsearch(&key, r->asked, r->n, sizeof(key), compare_asked) : NULL;
	if (!a)
		return;
	while (a > r->asked && !strcmp(a[-1].path, r->path))
		a--;
	for (; a < r->asked + r->n && !strcmp(a->path, r->path); a++)
		take_exchange(r, a, e);
}

static int read_exchanges(struct reading *r)
{
	struct exchange e;
	int got;

	while ((got = exchanges_next(r->exchanges, &e)) > 0 && r->part != BEHIND) {
		if (e.kind == EXCHANGE_OTHER || e.kind == EXCHANGE_NO_REQUEST)
			continue;
		pass_mark(r, &e);
		if (r->part != BEHIND)
			give_exchange(r, &e);
	}
	return got < 0 ? got : 0;
}

static int add_asked(struct reading *r, struct wire_facts *f)
{
	const char *path = f->f->path, *slash = strrchr(path, '/');
	struct wire_asked a = {
		.facts = f, .m = r->q->m, .fd = -1, .node = manifest_find(r->q->m, path)};

	if (a.node) {
		a.path = strdup(strcmp(path, ".") ? path : "/");
		if (!a.path)
			return -ENOMEM;
		r->asked[r->n++] = a;
	}
	f->is_logged = r->log != NULL;
	if (!wire_is_listed(f->f->class) || r->log)
		return 0;
	a.is_folder = true;
	a.path = slash ? strndup(path, (size_t)(slash - path)) : strdup("/");
	a.listing.name = slash ? slash + 1 : path;
	if (!a.path)
		return -ENOMEM;
	r->asked[r->n++] = a;
	return 0;
}

static int prepare(struct reading *r)
{
	int err = 0;

	r->asked = calloc(2 * r->q->n + 1, sizeof(*r->asked));
	if (!r->asked)
		return -ENOMEM;
	for (size_t i = 0; i < r->q->n && !err; i++)
		err = add_asked(r, &r->q->facts[i]);
	qsort(r->asked, r->n, sizeof(*r->asked), compare_asked);
	return err;
}

int wire_facts_read(const struct wire_question *q)
{
	struct reading r = {.source.next = next_record, .q = q};
	autofree char *why = NULL;
	int err = q->is_log ? qemu_log_open(q->path, &r.log)
			    : trace_reader_open(q->path, &r.reader, &why);

	if (err)
		return err;
	r.exchanges = exchanges_new(&r.source);
	err = r.exchanges ? prepare(&r) : -ENOMEM;
	err = err ? err : read_exchanges(&r);
	if (!err && !r.has_begun)
		err = -ENODATA;
	for (size_t i = 0; i < r.n; i++) {
		wire_end_writes(&r.asked[i]);
		if (r.asked[i].fd >= 0)
			close(r.asked[i].fd);
		free(r.asked[i].path);
	}
	free(r.asked);
	exchanges_free(r.exchanges);
	trace_reader_free(r.reader);
	qemu_log_free(r.log);
	return err;
}

void wire_facts_done(struct wire_facts *facts, size_t n)
{
	for (size_t i = 0; facts && i < n; i++)
		free(facts[i].text);
}

/* Is the mark in it already? From *SINCE on, which moves to where the next look has to begin. */
static bool has_mark(const char *path, unsigned walk, uint64_t *since)
{
	struct reading r = {.source.next = next_record};
	autofree char *why = NULL;
	struct exchange e;
	uint64_t next = 0;
	bool found = false;

	if (trace_reader_open(path, &r.reader, &why))
		return false;
	trace_reader_skip_to(r.reader, *since);
	r.exchanges = exchanges_new(&r.source);
	while (r.exchanges && !found && exchanges_next(r.exchanges, &e) > 0) {
		if (e.kind == EXCHANGE_OTHER || mark_of(&e, "look") != walk)
			continue;
		found = e.kind == EXCHANGE_DONE;
		next = e.request.time; /* its reply may be yet to come */
	}
	exchanges_free(r.exchanges);
	trace_reader_free(r.reader);
	*since = next ? next : MAX(r.last, *since);
	return found;
}

bool wire_facts_wait(const char *path, unsigned walk, int ms)
{
	uint64_t end = clock_now_ns() + (uint64_t)ms * (uint64_t)NS_PER_MS, since = 0;

	while (!has_mark(path, walk, &since)) {
		if (clock_now_ns() >= end)
			return false;
		poll(NULL, 0, POLL_MS);
	}
	return true;
}
