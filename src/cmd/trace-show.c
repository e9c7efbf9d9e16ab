/* SPDX-License-Identifier: MIT */
/* warren trace show */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "cmd.h"
#include "exchange-text.h"
#include "logging.h"
#include "qemu-events.h"
#include "trace-reader.h"
#include "trace.h"

/* Requests that last longer than that may be missed at --since. */
#define LONGEST (60 * NS_PER_SEC)

enum show_key { SHOW_MESSAGES = 1, SHOW_JSON, SHOW_STYLE };

struct show_options {
	const char *path;
	struct exchange_filter filter;
	bool messages, json, qemu;
};

static const struct option long_options[] = {
	{"messages", no_argument, NULL, SHOW_MESSAGES},
	{"json", no_argument, NULL, SHOW_JSON},
	{"style", required_argument, NULL, SHOW_STYLE},
	TRACE_FILTER_OPTIONS,
	{NULL, 0, NULL, 0},
};

static int parse(int argc, char **argv, struct show_options *o)
{
	int key, status = EXIT_OK;

	optind = 1;
	opterr = 0;
	while (!status && (key = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (key == '?')
			status = cmd_usage_error("trace", "unknown option '%s'", argv[optind - 1]);
		else if (key == ':')
			status = cmd_usage_error("trace", "'%s' needs a value", argv[optind - 1]);
		else if (key == SHOW_MESSAGES)
			o->messages = true;
		else if (key == SHOW_JSON)
			o->json = true;
		else if (key == SHOW_STYLE && !strcmp(optarg, "qemu"))
			o->qemu = true;
		else if (key == SHOW_STYLE)
			status = cmd_usage_error("trace", "--style %s: there is only qemu", optarg);
		else
			status = trace_filter_option(&o->filter, key, optarg);
	}
	if (status)
		return status;
	if (argc - optind != 1)
		return cmd_usage_error("trace", "show which recording? give one FILE");
	o->path = argv[optind];
	return EXIT_OK;
}

/* 1 or -errno. */
static int put(const struct show_options *o, const struct trace_input *in, const struct exchange *e)
{
	int err = 0;

	if (o->json) {
		err = exchange_put_json(stdout, e, &in->times);
		putchar('\n');
	} else if (o->qemu) {
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
	int status = parse(argc, argv, &o);

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
