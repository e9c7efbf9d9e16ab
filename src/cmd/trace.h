/* SPDX-License-Identifier: MIT */
/* The parts of `warren trace`, one file each: trace-NAME.c. */
#ifndef CMD_TRACE_H
#define CMD_TRACE_H

#include "convert.h"
#include "exchange-filter.h"
#include "options.h"
#include "trace-format.h"

/* Word after `warren trace`, function, arguments and summary. A function gets its word and those
 * after it, and has an exit code as its result. */
#define TRACE_VERBS(V)                                                                      \
	V("record", trace_record, "a proxy that records what goes through it")              \
	V("stats", trace_stats, "count operations, errors, bytes, latencies")               \
	V("convert", trace_convert, "to JSON lines, text, pcapng or Perfetto")              \
	V("lint", trace_lint, "check the rules of the protocol")                            \
	V("replay", trace_replay, "send what is recorded to a server, compare its replies") \
	V("show", trace_show, "print a line for each completed request")

#define V(name, fn, summary) int fn(int argc, char **argv);
TRACE_VERBS(V)
#undef V

/* A file that is read: a recording, or QEMU's log. */
struct trace_input {
	struct trace_source source;
	struct trace_reader *reader; /* one of these */
	struct qemu_log *log;
	struct convert_times times;
};

/* 0, or an exit code: the reason has been said. */
int trace_input_open(const char *path, struct trace_input *ret_in);

/* Says what was damaged. STATUS, or EXIT_DIFFERENT if it was EXIT_OK and something was. */
int trace_input_close(struct trace_input *in, int status);

/* The options of a verb, ROWS for the struct O, and behind them the one word that is *RET_FILE; WHAT says
 * what is missing. RET_FILE may be NULL: then there must be none. An exit code, EXIT_OK if all is well. */
int trace_options(int argc, char **argv, const struct option_row *rows, size_t n, void *o,
		  const char *what, const char **ret_file);

/* The same as `trace lint PATH`, for other verbs: says nothing when no rule is broken. */
int trace_lint_after(const char *path, bool json);

/* The same of a tracepoint log of a guest (kernel-lint.h); says when no rule is broken. */
int trace_lint_kernel(const char *path, bool json, bool all);
void trace_print_kernel_rules(void);

/* The options that say which exchanges are wanted: rows for a struct that begins with the filter. */
#define TRACE_FILTER_ROWS                                         \
	{"path", OPTION_TAKE, .take = trace_take_path},           \
		{"op", OPTION_TAKE, .take = trace_take_op},       \
		{"tag", OPTION_TAKE, .take = trace_take_tag},     \
		{"since", OPTION_TAKE, .take = trace_take_since}, \
		{"until", OPTION_TAKE, .take = trace_take_until}, \
	{                                                         \
		"errno", OPTION_TAKE, .take = trace_take_errno    \
	}
#define TRACE_FILTER_HELP                                                        \
	"  --path PATTERN  of this path and below it, or of paths that match\n"  \
	"  --op NAME,...   of these operations: read, Twalk ...\n"               \
	"  --tag N         with this tag\n"                                      \
	"  --since S       that ended S seconds after the start or later\n"      \
	"  --until S       that began no later than S seconds after the start\n" \
	"  --errno NAME    that failed so: ENOENT, 2; 'any' failure; 'none'\n"

int trace_take_path(struct option_line *l, void *f, const char *value);
int trace_take_op(struct option_line *l, void *f, const char *value);
int trace_take_tag(struct option_line *l, void *f, const char *value);
int trace_take_since(struct option_line *l, void *f, const char *value);
int trace_take_until(struct option_line *l, void *f, const char *value);
int trace_take_errno(struct option_line *l, void *f, const char *value);

/* Times are relative until then. */
void trace_filter_start(struct exchange_filter *f, const struct trace_input *in);

#endif
