/* SPDX-License-Identifier: MIT */
/* warren trace: recordings, and what is done with them. */
#include "trace.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "cmd.h"
#include "logging.h"
#include "macros.h"
#include "qemu-log.h"
#include "trace-reader.h"

struct trace_verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

#define V(name, fn, summary) {name, fn, summary},
static const struct trace_verb verbs[] = {TRACE_VERBS(V)};
#undef V

static int print_help(void)
{
	printf("usage: warren trace record --listen ADDRESS --connect ADDRESS --record FILE\n"
	       "       warren trace show [--messages | --json | --style qemu]\n"
	       "                         [FILTER]... FILE\n"
	       "       warren trace stats [--json] [FILTER]... FILE\n"
	       "       warren trace lint [--all] [--ignore RULE,...] [--json] FILE\n"
	       "       warren trace lint --rules\n"
	       "       warren trace replay --connect ADDRESS [--aname NAME] FILE\n"
	       "       warren trace convert --to FORM [--output FILE] FILE\n\n"
	       "Recordings of 9P messages. --record of serve, verify and lab run makes them too. "
	       "What\n"
	       "reads them reads a log of QEMU (-trace 'v9fs*' -msg timestamp=on) as well.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		printf("  %-8s  %s\n", verbs[i].name, verbs[i].summary);
	printf("\noptions of record:\n"
	       "  --listen ADDRESS   where clients come: unix:PATH, tcp:ADDRESS:PORT ...\n"
	       "  --connect ADDRESS  where the server is: unix:PATH, tcp:ADDRESS:PORT; also of "
	       "replay\n"
	       "  --record FILE      the recording\n"
	       "  --record-data      with all file data, not only its digests\n"
	       "  --record-size N    keep about the newest N MiB\n"
	       "  --fault DAMAGE     damage payloads once they are recorded, for tests\n"
	       "  --ready-fd N       write 'ready ADDRESS' to descriptor N once clients may come\n"
	       "  --quiet            print warnings and errors only\n"
	       "\noptions of show:\n"
	       "  --messages      print requests and replies in a line each, with all fields\n"
	       "  --json          print a JSON object for each, also with stats and lint\n"
	       "  --style qemu    print the trace events that QEMU's server would log\n"
	       "\noptions of lint:\n"
	       "  --rules         print the rules, and who says so\n"
	       "  --all           print every finding, not ten of each rule\n"
	       "  --ignore RULE,...  not these\n"
	       "\noptions of replay: --connect, and\n"
	       "  --aname NAME    attach to NAME, whatever was recorded\n"
	       "\noptions of convert:\n"
	       "  --to FORM       json (lines), text, pcapng (Wireshark), perfetto (timeline)\n"
	       "  --output FILE   write there, also -o FILE (standard output)\n"
	       "\nfilters: only requests\n" TRACE_FILTER_HELP "\n"
	       "  --help          print this text\n");
	return EXIT_OK;
}

int cmd_trace(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return print_help();
	if (argc < 2)
		return cmd_usage_error("trace", "what about a recording? give record, show, stats, "
						"lint, replay or convert");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	return cmd_usage_error("trace", "there is no 'trace %s'", argv[1]);
}

static int next_record(struct trace_source *s, struct trace_record *ret_r)
{
	struct trace_input *in = container_of(s, struct trace_input, source);
	struct trace_source *log = in->log ? qemu_log_source(in->log) : NULL;
	int got = log ? log->next(log, ret_r) : trace_reader_next(in->reader, ret_r);

	/* a log, or a damaged head: times are counted from the first record */
	if (got > 0 && !in->times.start)
		in->times.start = ret_r->time;
	if (got > 0 && log)
		in->times.wall = in->times.start;
	return got;
}

static int open_log(const char *path, struct trace_input *in)
{
	int err = qemu_log_open(path, &in->log);

	if (err)
		log_error("cannot read '%s': %s", path, strerror(-err));
	return err ? EXIT_ENVIRONMENT : EXIT_OK;
}

int trace_input_open(const char *path, struct trace_input *ret_in)
{
	struct trace_input in = {.source.next = next_record};
	autofree char *reason = NULL;
	int err = trace_reader_open(path, &in.reader, &reason);

	if (err == -EBADMSG && qemu_log_is(path)) {
		err = open_log(path, &in);
		*ret_in = in;
		return err;
	}
	if (err) {
		log_error("%s", reason ? reason : strerror(-err));
		return err == -EBADMSG || err == -ENOENT ? EXIT_USAGE : EXIT_ENVIRONMENT;
	}
	in.times.start = trace_reader_head(in.reader)->mono;
	in.times.wall = trace_reader_head(in.reader)->wall;
	*ret_in = in;
	return EXIT_OK;
}

int trace_input_close(struct trace_input *in, int status)
{
	const struct trace_damage *d = in->reader ? trace_reader_damage(in->reader) : NULL;

	qemu_log_free(in->log);
	if (!d)
		return status;
	if (d->n) {
		log_error("the recording is damaged in %u place%s (%llu bytes): %s; lines with a ? "
			  "are not verified",
			  d->n, d->n == 1 ? "" : "s", (unsigned long long)d->bytes, d->first);
		if (status == EXIT_OK)
			status = EXIT_DIFFERENT;
	} else if (!d->has_index) {
		log_warn("the recording has no end: its writer was killed, or still writes");
	}
	trace_reader_free(in->reader);
	return status;
}

int trace_options(int argc, char **argv, const struct option_row *rows, size_t n, void *o,
		  const char *what, const char **ret_file)
{
	struct option_line l = {.verb = "trace", .rows = rows, .n = n};
	int rest;

	if (options_parse(&l, argc, argv, o, &rest))
		return l.status ? l.status : EXIT_ENVIRONMENT;
	if (argc - rest != (ret_file != NULL))
		return cmd_usage_error("trace", "%s", what);
	if (ret_file)
		*ret_file = argv[rest];
	return EXIT_OK;
}

static int take_seconds(struct option_line *l, const char *name, const char *text, uint64_t *ret)
{
	char *end;
	double s = strtod(text, &end);

	if (!*text || *end || !isfinite(s) || s < 0 || s > 1e9)
		return option_wrong(l, name, text, "give seconds, such as 1.5");
	*ret = (uint64_t)(s * (double)NS_PER_SEC) + 1; /* 0 means no limit */
	return 0;
}

int trace_take_path(struct option_line *l, void *f, const char *value)
{
	(void)l;
	((struct exchange_filter *)f)->path = value;
	return 0;
}

int trace_take_op(struct option_line *l, void *f, const char *value)
{
	return exchange_filter_ops(f, value)
		       ? option_wrong(l, "op", value, "give names such as read,walk")
		       : 0;
}

int trace_take_tag(struct option_line *l, void *f, const char *value)
{
	struct exchange_filter *filter = f;
	uint32_t tag;

	if (option_number(l, "tag", value, 0, UINT16_MAX, &tag))
		return -EINVAL;
	filter->by_tag = true;
	filter->tag = (uint16_t)tag;
	return 0;
}

int trace_take_since(struct option_line *l, void *f, const char *value)
{
	return take_seconds(l, "since", value, &((struct exchange_filter *)f)->since);
}

int trace_take_until(struct option_line *l, void *f, const char *value)
{
	return take_seconds(l, "until", value, &((struct exchange_filter *)f)->until);
}

int trace_take_errno(struct option_line *l, void *f, const char *value)
{
	return exchange_filter_errno(f, value)
		       ? option_wrong(l, "errno", value,
				      "give a name such as ENOENT, a number, any or none")
		       : 0;
}

void trace_filter_start(struct exchange_filter *f, const struct trace_input *in)
{
	if (f->since)
		f->since += in->times.start - 1;
	if (f->until)
		f->until += in->times.start - 1;
}
