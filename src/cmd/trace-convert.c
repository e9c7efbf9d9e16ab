/* SPDX-License-Identifier: MIT */
/* warren trace convert */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "convert.h"
#include "logging.h"
#include "trace.h"

enum convert_key { CONVERT_TO = 1, CONVERT_OUT };

struct convert_options {
	const struct converter_ops *to;
	const char *in, *out;
};

static const struct option long_options[] = {
	{"to", required_argument, NULL, CONVERT_TO},
	{"output", required_argument, NULL, CONVERT_OUT},
	{NULL, 0, NULL, 0},
};

static int set_option(struct convert_options *o, int key, const char *value)
{
	if (key == CONVERT_TO) {
		o->to = converter_find(value);
		if (!o->to)
			return cmd_usage_error(
				"trace", "--to %s: give json, text, pcapng or perfetto", value);
	} else {
		o->out = value;
	}
	return 0;
}

static int parse(int argc, char **argv, struct convert_options *o)
{
	int key, status = EXIT_OK;

	optind = 1;
	opterr = 0;
	while (!status && (key = getopt_long(argc, argv, ":o:", long_options, NULL)) != -1) {
		if (key == '?')
			status = cmd_usage_error("trace", "unknown option '%s'", argv[optind - 1]);
		else if (key == ':')
			status = cmd_usage_error("trace", "'%s' needs a value", argv[optind - 1]);
		else
			status = set_option(o, key, optarg);
	}
	if (status)
		return status;
	if (argc - optind != 1)
		return cmd_usage_error("trace", "convert which recording? give one FILE");
	if (!o->to)
		return cmd_usage_error("trace", "convert to what? give --to json, text, pcapng or "
						"perfetto");
	o->in = argv[optind];
	return EXIT_OK;
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
