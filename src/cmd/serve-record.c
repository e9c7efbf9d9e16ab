/* SPDX-License-Identifier: MIT */
/* warren serve --record: the server's observer is a recording. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "cmd.h"
#include "logging.h"
#include "macros.h"
#include "observer.h"
#include "sandbox.h"
#include "serve.h"
#include "server.h"
#include "trace-conn.h"
#include "trace-writer.h"
#include "transport.h"

struct serve_recording {
	struct trace_writer *writer;
	const char *path;
};

static void *opened(void *self, const struct channel *ch, uint64_t session)
{
	struct serve_recording *rec = self;

	return trace_conn_new(rec->writer, (uint32_t)session, ch->peer, clock_now_ns());
}

static void request(void *observed, const struct frame *f, uint64_t received)
{
	const struct trace_message m = {
		.head = f->head,
		.head_len = f->head_len,
		.iov = f->data,
		.n_iov = f->n_data,
		.data_len = f->data_len,
		.time = received,
		.route = f->route,
	};

	trace_conn_request(observed, &m);
}

static void reply(void *observed, const struct observed_reply *r)
{
	const struct frame *f = r->frame;
	uint64_t now = clock_now_ns();
	const struct trace_message m = {
		.head = r->head,
		.head_len = r->head_len,
		.iov = r->iov,
		.n_iov = r->n_iov,
		.data_len = r->payload_len,
		.time = now,
		.queue = r->started - r->received,
		.service = now - r->started,
	};

	if (r->head_len)
		trace_conn_reply(observed, f->head, f->head_len, &m);
	else
		trace_conn_drop(observed, f->head, f->head_len, now);
}

static void closed(void *observed)
{
	trace_conn_free(observed, clock_now_ns());
}

static const struct observer_ops recording_ops = {
	.opened = opened,
	.request = request,
	.reply = reply,
	.closed = closed,
};

static void failed(void *arg, const char *what)
{
	log_warn("the recording '%s' ends here: %s", (const char *)arg, what);
}

int serve_record_start(const struct serve_options *o, const struct sandbox *sb,
		       struct server_config *cfg, struct serve_recording **ret)
{
	const struct trace_writer_config writer = {
		.path = o->record,
		.max_size = (uint64_t)o->record_mib << 20,
		.keep_data = o->record_data,
		.start_later = true,
		.dir_fd = sb ? MAX(sandbox_record_fd(sb), 0) : 0,
		.failed = failed,
		.arg = (void *)o->record,
	};
	autofree struct serve_recording *rec = NULL;
	autofree char *reason = NULL;
	int err;

	if (!o->record)
		return 0;
	rec = calloc(1, sizeof(*rec));
	err = rec ? trace_writer_new(&writer, &rec->writer, &reason) : -ENOMEM;
	if (err) {
		log_error("%s", reason ? reason : strerror(-err));
		return EXIT_ENVIRONMENT;
	}
	rec->path = o->record;
	cfg->observer = &recording_ops;
	cfg->observer_self = rec;
	*ret = steal_ptr(&rec);
	return 0;
}

int serve_record_go(struct serve_recording *rec)
{
	return rec ? trace_writer_start(rec->writer) : 0;
}

void serve_record_end(struct serve_recording *rec)
{
	struct trace_writer_stats stats;

	if (!rec)
		return;
	trace_writer_get_stats(rec->writer, &stats);
	if (stats.lost)
		log_warn("the recording '%s' lacks %llu messages: the disk was too slow", rec->path,
			 (unsigned long long)stats.lost);
	trace_writer_free(rec->writer);
	free(rec);
}
