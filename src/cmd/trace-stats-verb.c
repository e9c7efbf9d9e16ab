/* SPDX-License-Identifier: MIT */
/* warren trace stats */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "logging.h"
#include "trace-stats.h"
#include "trace.h"

enum stats_key { STATS_JSON = 1 };

static const struct option long_options[] = {
	{"json", no_argument, NULL, STATS_JSON},
	TRACE_FILTER_OPTIONS,
	{NULL, 0, NULL, 0},
};

static int parse(int argc, char **argv, struct exchange_filter *f, bool *json)
{
	int key, status = EXIT_OK;

	optind = 1;
	opterr = 0;
	while (!status && (key = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (key == '?')
			status = cmd_usage_error("trace", "unknown option '%s'", argv[optind - 1]);
		else if (key == ':')
			status = cmd_usage_error("trace", "'%s' needs a value", argv[optind - 1]);
		else if (key == STATS_JSON)
			*json = true;
		else
			status = trace_filter_option(f, key, optarg);
	}
	if (!status && argc - optind != 1)
		status = cmd_usage_error("trace", "stats of which recording? give one FILE");
	return status;
}

static int count_all(struct trace_stats *s, const struct exchange_filter *f, struct trace_input *in)
{
	struct exchanges *x = exchanges_new(&in->source);
	struct exchange e;
	int got = x ? 1 : -ENOMEM;

	while (got > 0) {
		got = exchanges_next(x, &e);
		if (got > 0 && exchange_is_wanted(f, &e)) {
			int err = stats_add(s, &e);

			got = err ? err : 1;
		}
	}
	exchanges_free(x);
	return got;
}

int trace_stats(int argc, char **argv)
{
	struct exchange_filter filter = {0};
	struct trace_stats s = {0};
	struct trace_input in;
	bool json = false;
	int err, status = parse(argc, argv, &filter, &json);

	if (!status)
		status = trace_input_open(argv[optind], &in);
	if (status)
		return status;
	trace_filter_start(&filter, &in);
	err = count_all(&s, &filter, &in);
	if (err) {
		log_error("reading '%s': %s", argv[optind], strerror(-err));
		status = EXIT_ENVIRONMENT;
	} else if (json) {
		stats_print_json(stdout, &s);
	} else {
		stats_print(stdout, &s);
	}
	stats_done(&s);
	return trace_input_close(&in, status);
}
