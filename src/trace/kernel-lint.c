/* SPDX-License-Identifier: MIT */
#include "kernel-lint.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"

#define PAGE 4096U
#define REQUESTS_MAX 256 /* that are under way; the oldest is forgotten */
#define PARTS_MAX 64	 /* of a request */
#define HEAD_LINES 64	 /* that a log may begin with before it shows that it is one */

struct span {
	uint64_t from, to;
};

/* A cached read that is under way. */
struct request {
	unsigned id;
	uint64_t inode, from, to, size;
	bool has_failed, is_too_large;
	struct span filled[PARTS_MAX];
	size_t n_filled;
	struct sub {
		unsigned number;
		struct span is;
	} subs[PARTS_MAX];
	size_t n_subs;
};

struct kernel_lint {
	void (*report)(void *arg, enum kernel_rule_id rule, const char *time, const char *what);
	void *arg;
	char time[32];
	struct request requests[REQUESTS_MAX];
	size_t n, oldest;
};

#define R(id, name, source, text) [KERNEL_##id] = {name, source, text},
const struct kernel_lint_rule kernel_lint_rules[KERNEL_RULES_N] = {KERNEL_RULES(R)};
#undef R

struct kernel_lint *kernel_lint_new(void (*report)(void *arg, enum kernel_rule_id rule,
						   const char *time, const char *what),
				    void *arg)
{
	struct kernel_lint *l = calloc(1, sizeof(*l));

	if (l) {
		l->report = report;
		l->arg = arg;
	}
	return l;
}

void kernel_lint_free(struct kernel_lint *l)
{
	free(l);
}

static void tell(struct kernel_lint *l, enum kernel_rule_id rule, const char *fmt, ...)
	printf_like(3, 4);

static void tell(struct kernel_lint *l, enum kernel_rule_id rule, const char *fmt, ...)
{
	char what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	l->report(l->arg, rule, l->time, what);
}

static struct request *find_request(struct kernel_lint *l, unsigned id)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->requests[i].id == id)
			return &l->requests[i];
	return NULL;
}

static void forget(struct kernel_lint *l, struct request *r)
{
	*r = l->requests[--l->n];
}

/* "R=00000001 READAHEAD c=00000000 ni=a84135 s=0 l=4000 sz=328f": reads past the cache lock no folios. */
static void take_read(struct kernel_lint *l, const char *at)
{
	struct request r = {0}, *place;
	char kind[16];
	uint64_t len;

	if (sscanf(at, "R=%x %15s c=%*x ni=%" SCNx64 " s=%" SCNx64 " l=%" SCNx64 " sz=%" SCNx64,
		   &r.id, kind, &r.inode, &r.from, &len, &r.size) != 6 ||
	    (strcmp(kind, "READAHEAD") != 0 && strcmp(kind, "READPAGE") != 0) ||
	    r.from + len < r.from)
		return;
	r.to = r.from + len;
	place = find_request(l, r.id);
	if (!place)
		place = l->n < REQUESTS_MAX ? &l->requests[l->n++]
					    : &l->requests[l->oldest++ % REQUESTS_MAX];
	*place = r;
}

/* Neighbours and what overlaps become one. */
static void fill(struct request *r, uint64_t from, uint64_t to)
{
	struct span s = {from, to};

	for (size_t i = r->n_filled; i-- > 0;)
		if (r->filled[i].from <= s.to && s.from <= r->filled[i].to) {
			s.from = MIN(s.from, r->filled[i].from);
			s.to = MAX(s.to, r->filled[i].to);
			r->filled[i] = r->filled[--r->n_filled];
		}
	if (r->n_filled < PARTS_MAX)
		r->filled[r->n_filled++] = s;
	else
		r->is_too_large = true;
}

/* Where the first byte is that is not filled; TO when all are. */
static uint64_t first_hole(const struct request *r, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < r->n_filled; i++)
		if (r->filled[i].from <= from && from < r->filled[i].to)
			return MIN(r->filled[i].to, to);
	return from;
}

static void keep_sub(struct request *r, unsigned number, uint64_t from, uint64_t to)
{
	size_t i = 0;

	while (i < r->n_subs && r->subs[i].number != number)
		i++;
	if (i == PARTS_MAX) {
		r->is_too_large = true;
		return;
	}
	r->n_subs = MAX(r->n_subs, i + 1);
	r->subs[i] = (struct sub){number, {from, to}};
}

/* "R=00000001[2] ZERO TERM  f=102 s=328f d71/d71 s=4 e=0": which, what of, and how it went. Until 6.13 an end
 * that lies within a folio is given to the neighbour: then the ranges are what is left. */
static void take_sub(struct kernel_lint *l, const char *at)
{
	char source[8], event[8];
	uint64_t from, done, len;
	unsigned id, number;
	struct request *r;
	int err;

	if (sscanf(at, "R=%x[%x] %7s %7s f=%*x s=%" SCNx64 " %" SCNx64 "/%" SCNx64 " s=%*x e=%d",
		   &id, &number, source, event, &from, &done, &len, &err) != 8)
		return;
	r = find_request(l, id);
	if (!r || from + len < from || done > len)
		return;
	r->has_failed = r->has_failed || err;
	if (!strcmp(event, "TERM") || !strcmp(event, "CLEAR") || !strcmp(event, "+DON") ||
	    !strcmp(event, "DON-N"))
		fill(r, from, from + done);
	if (strcmp(event, "TERM") != 0)
		return;
	keep_sub(r, number, from, from + done);
	if (!err && done < len && from + len <= r->size)
		tell(l, KERNEL_TRANSFERRED,
		     "R=%08x[%x] %s: 0x%" PRIx64 " of 0x%" PRIx64 " bytes at 0x%" PRIx64, id,
		     number, source, done, len, from);
}

/* "R=00000001[01] s=3000 ct=3000/328f pa=28f/28f sl=3", until 6.13: what the subrequest has brought is
 * looked at from S on, CT bytes behind its start. */
static void take_progress(struct kernel_lint *l, const char *at)
{
	uint64_t from, consumed, done;
	struct request *r;
	unsigned id;

	if (sscanf(at, "R=%x[%*x] s=%" SCNx64 " ct=%" SCNx64 "/%" SCNx64, &id, &from, &consumed,
		   &done) != 4)
		return;
	r = find_request(l, id);
	if (r && consumed <= from && consumed <= done)
		fill(r, from - consumed, from - consumed + done);
}

/* "i=a84135 ix=00003-00003 read-unlock" */
static void take_folio(struct kernel_lint *l, const char *at)
{
	uint64_t inode, first, last;
	char event[32];

	if (sscanf(at, "i=%" SCNx64 " ix=%" SCNx64 "-%" SCNx64 " %31s", &inode, &first, &last,
		   event) != 4 ||
	    strcmp(event, "read-unlock") != 0 || last < first || last > UINT64_MAX / PAGE - 1)
		return;
	for (size_t i = 0; i < l->n; i++) {
		const struct request *r = &l->requests[i];
		uint64_t to = (last + 1) * PAGE, hole;

		if (r->inode != inode || r->has_failed || r->is_too_large ||
		    first * PAGE < r->from || to > r->to)
			continue;
		hole = first_hole(r, first * PAGE, to);
		if (hole < to)
			tell(l, KERNEL_EARLY_UNLOCK,
			     "R=%08x inode %" PRIx64 ": the folio at 0x%" PRIx64
			     " is unlocked, 0x%" PRIx64 "-0x%" PRIx64 " is not filled yet",
			     r->id, inode, first * PAGE, hole, to - 1);
	}
}

static void judge_done(struct kernel_lint *l, const struct request *r)
{
	uint64_t hole = first_hole(r, r->from, r->to);

	if (hole < r->to)
		tell(l, KERNEL_NOT_FILLED,
		     "R=%08x inode %" PRIx64 ": done, but 0x%" PRIx64 " was not filled", r->id,
		     r->inode, hole);
	for (size_t i = 0; i < r->n_subs; i++)
		for (size_t k = 0; k < i; k++) {
			const struct span *a = &r->subs[i].is, *b = &r->subs[k].is;

			if (a->from < b->to && b->from < a->to)
				tell(l, KERNEL_FILLED_TWICE,
				     "R=%08x inode %" PRIx64 ": 0x%" PRIx64
				     " by subrequests %x and %x",
				     r->id, r->inode, MAX(a->from, b->from), r->subs[k].number,
				     r->subs[i].number);
		}
}

/* "R=00000001 RA DONE    f=200" */
static void take_request(struct kernel_lint *l, const char *at)
{
	char origin[8], event[16];
	struct request *r;
	unsigned id;

	if (sscanf(at, "R=%x %7s %15s", &id, origin, event) != 3 || strcmp(event, "DONE") != 0)
		return;
	r = find_request(l, id);
	if (!r)
		return;
	if (!r->has_failed && !r->is_too_large)
		judge_done(l, r);
	forget(l, r);
}

static void take_failure(struct kernel_lint *l, const char *at)
{
	struct request *r;
	unsigned id;

	r = sscanf(at, "R=%x", &id) == 1 ? find_request(l, id) : NULL;
	if (r)
		r->has_failed = true;
}

static const struct {
	const char *event;
	void (*take)(struct kernel_lint *l, const char *at);
} events[] = {
	{"netfs_read: ", take_read},	     {"netfs_sreq: ", take_sub},
	{"netfs_progress: ", take_progress}, {"netfs_folio: ", take_folio},
	{"netfs_rreq: ", take_request},	     {"netfs_failure: ", take_failure},
};

/* What stands before the event: "probe-19 [000] ..... 0.527120: ". */
static void keep_time(struct kernel_lint *l, const char *line, const char *event)
{
	const char *end = event;

	while (end > line && (end[-1] == ' ' || end[-1] == ':'))
		end--;
	for (event = end; event > line && event[-1] != ' ';)
		event--;
	snprintf(l->time, sizeof(l->time), "%.*s", (int)(end - event), event);
}

void kernel_lint_line(struct kernel_lint *l, const char *line)
{
	/* "CPU:0 [LOST 123 EVENTS]": any of them may have been the missing one. */
	if (strstr(line, "[LOST ")) {
		l->n = 0;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		const char *at = strstr(line, events[i].event);

		if (!at)
			continue;
		keep_time(l, line, at);
		events[i].take(l, at + strlen(events[i].event));
		return;
	}
}

bool kernel_log_is(const char *path)
{
	autofclose FILE *f = fopen(path, "re");
	autofree char *line = NULL;
	size_t cap = 0;

	for (unsigned i = 0; f && i < HEAD_LINES && getline(&line, &cap, f) > 0; i++)
		if (strstr(line, ": netfs_") || strstr(line, ": 9p_"))
			return true;
	return false;
}
