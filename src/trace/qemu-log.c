/* SPDX-License-Identifier: MIT */
#include "qemu-log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "clock.h"
#include "fid-paths.h"
#include "macros.h"
#include "qemu-events.h"

/* Lines that are looked at to tell what a file is. */
#define LINES_TO_TELL 1000
#define MAX_LINE 65536

struct qemu_log {
	struct trace_source source; /* first */
	FILE *f;
	char *line, *scratch;
	size_t cap;
	uint8_t head[TRACE_MAX_HEAD];
	struct fid_paths *paths;
	struct kept *requests[UINT16_MAX + 1]; /* in flight, for what replies mean */
	struct msg silent; /* a request whose success is not logged; type 0: none */
};

struct kept {
	size_t len;
	uint8_t head[];
};

/* "2026-11-22T10:21:22.570460Z ", of newer ones. */
static const char *parse_date(const char *line, uint64_t *ret_time)
{
	struct tm tm = {0};
	const char *rest = strptime(line, "%Y-%m-%dT%H:%M:%S", &tm);
	unsigned usec;
	time_t sec;
	int n = 0;

	if (!rest || sscanf(rest, ".%6uZ %n", &usec, &n) != 1 || !n)
		return NULL;
	sec = timegm(&tm);
	if (sec < 0 || sec > UINT32_MAX)
		return NULL;
	*ret_time = (uint64_t)sec * NS_PER_SEC + usec * UINT64_C(1000);
	return rest + n;
}

/* Behind the time, if it is there: "PID@SEC.USEC:", or a date. */
static const char *parse_stamp(const char *line, uint64_t *ret_time)
{
	unsigned long long pid, sec, usec;
	const char *rest;
	int n = 0;

	*ret_time = 0;
	rest = parse_date(line, ret_time);
	if (rest)
		return rest;
	if (sscanf(line, "%llu@%llu.%llu:%n", &pid, &sec, &usec, &n) != 3 || !n ||
	    sec > UINT32_MAX || usec > 999999)
		return line;
	*ret_time = sec * NS_PER_SEC + usec * UINT64_C(1000);
	return line + n;
}

bool qemu_log_is(const char *path)
{
	autofclose FILE *f = fopen(path, "re");
	autofree char *line = malloc(MAX_LINE), *scratch = malloc(MAX_LINE);
	struct msg m;
	uint64_t time;

	if (!f || !line || !scratch)
		return false;
	for (unsigned i = 0; i < LINES_TO_TELL && fgets(line, MAX_LINE, f); i++)
		if (qemu_parse_event(parse_stamp(line, &time), scratch, MAX_LINE, &m))
			return true;
	return false;
}

static void keep_request(struct qemu_log *l, uint16_t tag, size_t len)
{
	struct kept *k = malloc(sizeof(*k) + len);

	free(l->requests[tag]);
	l->requests[tag] = k;
	if (!k)
		return;
	k->len = len;
	memcpy(k->head, l->head, len);
}

static int next(struct trace_source *s, struct trace_record *ret_r);

int qemu_log_open(const char *path, struct qemu_log **ret_l)
{
	struct qemu_log *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->source.next = next;
	l->f = fopen(path, "re");
	l->paths = fid_paths_new();
	l->line = malloc(MAX_LINE);
	l->scratch = malloc(MAX_LINE);
	if (!l->f || !l->paths || !l->line || !l->scratch) {
		int err = l->f ? -ENOMEM : -errno;

		qemu_log_free(l);
		return err;
	}
	*ret_l = l;
	return 0;
}

void qemu_log_free(struct qemu_log *l)
{
	if (!l)
		return;
	for (unsigned tag = 0; tag <= UINT16_MAX; tag++)
		free(l->requests[tag]);
	if (l->f)
		fclose(l->f);
	fid_paths_free(l->paths);
	free(l->line);
	free(l->scratch);
	free(l);
}

struct trace_source *qemu_log_source(struct qemu_log *l)
{
	return &l->source;
}

static uint32_t payload_of(const struct msg *m)
{
	return m->type == Rread	     ? m->Rread.data.count
	       : m->type == Rreaddir ? m->Rreaddir.data.count
	       : m->type == Twrite   ? m->Twrite.data.count
				     : 0;
}

static void set_paths(struct qemu_log *l, const struct msg *m, struct trace_record *r)
{
	uint32_t fids[2];

	msg_fids(m, fids);
	for (unsigned i = 0; i < 2; i++)
		if (fids[i] != P9_NOFID)
			r->path[i] = fid_path(l->paths, fids[i]);
}

static void follow_reply(struct qemu_log *l, const struct msg *reply)
{
	autofree struct kept *k = steal_ptr(&l->requests[reply->tag]);
	struct msg m;

	if (k && !msg_decode(k->head, k->len, 0, MSG_FROM_CLIENT, &m))
		fid_paths_reply(l->paths, &m, reply);
}

/* After its own line: fids of Tclunk and Tremove are gone, whatever comes. */
static void follow_silent(struct qemu_log *l)
{
	struct msg reply = {.type = (uint8_t)(l->silent.type + 1)};

	if (l->silent.type)
		fid_paths_reply(l->paths, &l->silent, &reply);
	l->silent.type = 0;
}

static void note_request(struct qemu_log *l, const struct msg *m, struct trace_record *r)
{
	set_paths(l, m, r);
	r->is_reply_unlogged = !qemu_logs_reply(m->type);
	if (m->type == Tclunk || m->type == Tremove)
		l->silent = *m;
	else
		keep_request(l, m->tag, r->head_len);
}

/* M as a record; false: it cannot be one. */
static bool make_record(struct qemu_log *l, const struct msg *m, uint64_t time,
			struct trace_record *r)
{
	size_t len;

	if (msg_encode(m, l->head, sizeof(l->head), &len))
		return false;
	*r = (struct trace_record){
		.kind = msg_is_request(m->type) ? TRACE_REQUEST : TRACE_REPLY,
		.time = time,
		.conn = 1,
		.peer = {.p = "QEMU", .len = 4},
		.head = l->head,
		.head_len = (uint32_t)len,
		.payload_len = payload_of(m),
	};
	return true;
}

static int next(struct trace_source *s, struct trace_record *ret_r)
{
	struct qemu_log *l = container_of(s, struct qemu_log, source);
	struct msg m;
	uint64_t time;

	follow_silent(l);
	while (fgets(l->line, MAX_LINE, l->f)) {
		l->line[strcspn(l->line, "\n")] = '\0';
		if (!qemu_parse_event(parse_stamp(l->line, &time), l->scratch, MAX_LINE, &m) ||
		    !make_record(l, &m, time, ret_r))
			continue;
		if (ret_r->kind == TRACE_REPLY)
			follow_reply(l, &m);
		else
			note_request(l, &m, ret_r);
		return 1;
	}
	return ferror(l->f) ? -EIO : 0;
}
