/* SPDX-License-Identifier: MIT */
/* warren trace replay: the recorded requests to a server, and whether it answers the same. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "async.h"
#include "cleanup.h"
#include "cmd.h"
#include "exchange-text.h"
#include "link.h"
#include "logging.h"
#include "macros.h"
#include "reply-diff.h"
#include "trace.h"
#include "u64-map.h"

struct replay {
	const char *path;
	const char *connect;
	const char *aname; /* to attach to instead; NULL: as recorded */
	struct address address;
	struct u64_map clients; /* struct async by the number of the connection */
	struct trace_input *in;
	uint64_t n, n_different, n_skipped;
	char *why; /* why it cannot go on */
};

#define FIELD(f) .at = offsetof(struct replay, f)
static const struct option_row rows[] = {
	{"connect", OPTION_TEXT, FIELD(connect)},
	{"aname", OPTION_TEXT, FIELD(aname)},
};
#undef FIELD

static int parse(int argc, char **argv, struct replay *r)
{
	autofree char *reason = NULL;
	int status = trace_options(argc, argv, rows, ARRAY_SIZE(rows), r,
				   "replay which recording? give one FILE", &r->path);

	if (status)
		return status;
	if (!r->connect)
		return cmd_usage_error("trace", "to which server? give --connect ADDRESS");
	if (address_parse(r->connect, &r->address, &reason))
		return cmd_usage_error("trace", "%s", reason ? reason : strerror(EINVAL));
	return EXIT_OK;
}

static void free_client(void *value)
{
	async_free(value);
}

/* The client that stands for connection NUMBER. */
static int client_of(struct replay *r, uint32_t number, struct async **ret_a)
{
	struct async *a = u64_map_get(&r->clients, number);
	struct link *link;
	void *old;
	int err;

	if (!a) {
		err = link_connect(&r->address, &link, &r->why);
		if (!err)
			err = async_new(link, 1, &a);
		if (!err)
			err = u64_map_put(&r->clients, number, a, &old);
		if (err)
			return err;
	}
	*ret_a = a;
	return 0;
}

static bool can_be_sent(const struct exchange *e)
{
	const struct data *d = &e->t.Twrite.data;

	/* a flush of nothing says nothing; a write needs its data */
	return e->kind == EXCHANGE_DONE && e->t_well_formed && e->r_well_formed &&
	       !e->request.is_unverified && e->t.type != Tflush &&
	       (e->t.type != Twrite || !d->count || e->request.data);
}

static void print_difference(struct replay *r, const struct exchange *e, const char *what)
{
	r->n_different++;
	exchange_print(stdout, e, r->in->times.start);
	printf("    %s\n", what);
}

/* 0, or why the server cannot be asked any more. */
static int replay_one(struct replay *r, const struct exchange *e)
{
	autofree char *what = NULL;
	struct msg m = e->t, now;
	struct async *a = NULL;
	bool is_same;
	size_t n;
	FILE *f;
	int err = client_of(r, e->request.conn, &a);

	if (err)
		return err;
	if (m.type == Tattach && r->aname)
		m.Tattach.aname = str_of(r->aname, strlen(r->aname));
	if (m.type == Twrite)
		m.Twrite.data.p = e->request.data;
	memset(&now, 0, sizeof(now));
	err = async_call_now(a, &m, &now);
	if (err && now.type != Rlerror)
		return err;
	if (now.type == Rversion)
		async_link(a)->ops->set_msize(async_link(a), now.Rversion.msize);
	r->n++;
	f = open_memstream(&what, &n);
	if (!f)
		return -ENOMEM;
	is_same = reply_is_same(f, e, &now);
	fclose(f);
	if (!is_same)
		print_difference(r, e, what);
	return 0;
}

static int replay_all(struct replay *r)
{
	struct exchanges *x = exchanges_new(&r->in->source);
	struct exchange e;
	int got = x ? 1 : -ENOMEM;

	while (got > 0) {
		got = exchanges_next(x, &e);
		if (got <= 0)
			break;
		if (e.kind == EXCHANGE_OTHER && e.request.kind == TRACE_CLOSED)
			async_free(u64_map_take(&r->clients, e.request.conn));
		else if (e.kind != EXCHANGE_OTHER && !can_be_sent(&e))
			r->n_skipped++;
		else if (e.kind != EXCHANGE_OTHER) {
			int err = replay_one(r, &e);

			got = err ? err : 1;
		}
	}
	exchanges_free(x);
	return got;
}

static int conclude(const struct replay *r)
{
	printf("%s%llu requests replayed, %llu answered otherwise",
	       r->n_different ? "" : "OK: ", (unsigned long long)r->n,
	       (unsigned long long)r->n_different);
	if (r->n_skipped)
		printf(", %llu left out (no reply, malformed, flushes, writes without recorded "
		       "data)",
		       (unsigned long long)r->n_skipped);
	putchar('\n');
	return r->n_different ? EXIT_DIFFERENT : EXIT_OK;
}

int trace_replay(int argc, char **argv)
{
	struct replay r = {0};
	struct trace_input in;
	int err, status = parse(argc, argv, &r);

	if (!status)
		status = trace_input_open(r.path, &in);
	if (status)
		return status;
	r.in = &in;
	err = replay_all(&r);
	if (err) {
		log_error("the server at %s failed after %llu requests: %s", r.connect,
			  (unsigned long long)r.n, r.why ? r.why : strerror(-err));
		status = EXIT_GUEST;
	} else {
		status = conclude(&r);
	}
	u64_map_done(&r.clients, free_client);
	free(r.why);
	return trace_input_close(&in, status);
}
