/* SPDX-License-Identifier: MIT */
/* warren trace show */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "cmd.h"
#include "exchange-text.h"
#include "logging.h"
#include "macros.h"
#include "qemu-events.h"
#include "trace-reader.h"
#include "trace.h"

/* Requests that last longer than that may be missed at --since. */
#define LONGEST (60 * NS_PER_SEC)

struct show_options {
	struct exchange_filter filter;
	const char *path;
	bool messages, json;
	int style;
};

/* 0 is ours; that of QEMU is asked for. */
static const char *const styles[] = {"warren", "qemu", NULL};

#define FIELD(f) .at = offsetof(struct show_options, f)
static const struct option_row rows[] = {
	{"messages", OPTION_FLAG, FIELD(messages)},
	{"json", OPTION_FLAG, FIELD(json)},
	{"style", OPTION_WORD, FIELD(style), .words = styles, .hint = "there is only qemu"},
	TRACE_FILTER_ROWS,
};
#undef FIELD

/* 1 or -errno. */
static int put(const struct show_options *o, const struct trace_input *in, const struct exchange *e)
{
	int err = 0;

	if (o->json) {
		err = exchange_put_json(stdout, e, &in->times);
		putchar('\n');
	} else if (o->style) {
		if (e->kind != EXCHANGE_OTHER)
			qemu_print_exchange(stdout, e, in->times.start, in->times.wall);
	} else if (o->messages) {
		exchange_print_messages(stdout, e, in->times.start);
	} else {
		exchange_print(stdout, e, in->times.start);
	}
	return err ? err : 1;
}

static int show_all(const struct show_options *o, struct trace_input *in)
{
	struct exchanges *x = exchanges_new(&in->source);
	struct exchange e;
	int got = x ? 1 : -ENOMEM;

	while (got > 0 && !ferror(stdout)) {
		got = exchanges_next(x, &e);
		if (got <= 0 || !exchange_is_wanted(&o->filter, &e))
			continue;
		got = put(o, in, &e);
	}
	exchanges_free(x);
	if (got < 0 && !ferror(stdout))
		log_error("reading '%s': %s", o->path, strerror(-got));
	return got < 0 && !ferror(stdout) ? EXIT_ENVIRONMENT : EXIT_OK;
}

int trace_show(int argc, char **argv)
{
	struct show_options o = {0};
	struct trace_input in;
	int status = trace_options(argc, argv, rows, ARRAY_SIZE(rows), &o,
				   "show which recording? give one FILE", &o.path);

	if (!status)
		status = trace_input_open(o.path, &in);
	if (status)
		return status;
	trace_filter_start(&o.filter, &in);
	if (in.reader && o.filter.since > LONGEST)
		trace_reader_skip_to(in.reader, o.filter.since - LONGEST);
	status = show_all(&o, &in);
	/* who reads may have seen enough */
	if (fflush(stdout) && !status && errno != EPIPE) {
		log_error("standard output: %s", strerror(errno));
		status = EXIT_ENVIRONMENT;
	}
	return trace_input_close(&in, status);
}
