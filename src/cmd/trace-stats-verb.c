/* SPDX-License-Identifier: MIT */
/* warren trace stats */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "logging.h"
#include "macros.h"
#include "trace-stats.h"
#include "trace.h"

struct stats_options {
	struct exchange_filter filter;
	bool json;
};

static const struct option_row rows[] = {
	{"json", OPTION_FLAG, .at = offsetof(struct stats_options, json)},
	TRACE_FILTER_ROWS,
};

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
	struct stats_options o = {0};
	struct trace_stats s = {0};
	struct trace_input in;
	const char *path;
	int err, status = trace_options(argc, argv, rows, ARRAY_SIZE(rows), &o,
					"stats of which recording? give one FILE", &path);

	if (!status)
		status = trace_input_open(path, &in);
	if (status)
		return status;
	trace_filter_start(&o.filter, &in);
	err = count_all(&s, &o.filter, &in);
	if (err) {
		log_error("reading '%s': %s", path, strerror(-err));
		status = EXIT_ENVIRONMENT;
	} else if (o.json) {
		stats_print_json(stdout, &s);
	} else {
		stats_print(stdout, &s);
	}
	stats_done(&s);
	return trace_input_close(&in, status);
}
