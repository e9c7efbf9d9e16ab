/* SPDX-License-Identifier: MIT */
/* warren trace convert */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "convert.h"
#include "logging.h"
#include "macros.h"
#include "trace.h"

struct convert_options {
	const struct converter_ops *to;
	const char *in, *out;
};

static int take_form(struct option_line *l, void *o, const char *value)
{
	const struct converter_ops *to = converter_find(value);

	if (!to)
		return option_wrong(l, "to", value, "give json, text, pcapng or perfetto");
	((struct convert_options *)o)->to = to;
	return 0;
}

static const struct option_row rows[] = {
	{"to", OPTION_TAKE, .take = take_form},
	{"output", OPTION_TEXT, .at = offsetof(struct convert_options, out), .letter = 'o'},
};

static int parse(int argc, char **argv, struct convert_options *o)
{
	int status = trace_options(argc, argv, rows, ARRAY_SIZE(rows), o,
				   "convert which recording? give one FILE", &o->in);

	if (!status && !o->to)
		return cmd_usage_error("trace", "convert to what? give --to json, text, pcapng or "
						"perfetto");
	return status;
}

int trace_convert(int argc, char **argv)
{
	struct convert_options o = {0};
	struct trace_input in;
	autofclose FILE *to_file = NULL;
	int err, status = parse(argc, argv, &o);

	if (!status)
		status = trace_input_open(o.in, &in);
	if (status)
		return status;
	if (o.out && !(to_file = fopen(o.out, "we"))) {
		log_error("cannot write '%s': %s", o.out, strerror(errno));
		return trace_input_close(&in, EXIT_ENVIRONMENT);
	}
	err = convert_all(&in.source, o.to, to_file ? to_file : stdout, &in.times);
	if (err) {
		log_error("converting '%s': %s", o.in, strerror(-err));
		status = EXIT_ENVIRONMENT;
	}
	return trace_input_close(&in, status);
}
