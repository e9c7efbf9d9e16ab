/* SPDX-License-Identifier: MIT */
/* warren trace lint */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "clock.h"
#include "cmd.h"
#include "kernel-lint.h"
#include "lint.h"
#include "logging.h"
#include "macros.h"
#include "trace.h"

/* Of each rule so many findings are printed, unless --all. */
#define MOST 10

struct lint_run {
	const char *path;
	bool rules, all, json;
	bool is_silent; /* when all is well */
	bool ignored[LINT_N];
	uint64_t n[LINT_N];
	uint64_t start;
};

static int ignore(struct option_line *l, void *o, const char *names)
{
	struct lint_run *run = o;

	while (*names) {
		size_t n = strcspn(names, ","), i = 0;

		while (i < LINT_N && (strncmp(lint_rules[i].name, names, n) != 0 ||
				      strlen(lint_rules[i].name) != n))
			i++;
		if (i == LINT_N)
			return option_wrong(l, "ignore", names,
					    "no such rule; 'warren trace lint --rules' lists them");
		run->ignored[i] = true;
		names += n + (names[n] == ',');
	}
	return 0;
}

#define FIELD(f) .at = offsetof(struct lint_run, f)
static const struct option_row rows[] = {
	{"rules", OPTION_FLAG, FIELD(rules)},
	{"all", OPTION_FLAG, FIELD(all)},
	{"ignore", OPTION_TAKE, .take = ignore},
	{"json", OPTION_FLAG, FIELD(json)},
};
#undef FIELD

static int print_rules(void)
{
	for (size_t i = 0; i < LINT_N; i++)
		printf("%-14s %-7s %s\n    %s\n", lint_rules[i].name, lint_rules[i].who,
		       lint_rules[i].source, lint_rules[i].text);
	trace_print_kernel_rules();
	return EXIT_OK;
}

static void print_json(const struct lint_run *run, const struct lint_finding *f)
{
	const struct lint_rule *rule = &lint_rules[f->rule];
	json_t *o = json_pack("{s:s, s:s, s:s, s:f, s:I, s:s}", "type", "finding", "rule",
			      rule->name, "who", rule->who, "time",
			      (double)(int64_t)(f->record->time - run->start) / 1e9, "conn",
			      (json_int_t)f->record->conn, "what", f->what);

	if (o)
		json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
	putchar('\n');
	json_decref(o);
}

static void report(void *arg, const struct lint_finding *f)
{
	struct lint_run *run = arg;
	uint64_t ns = f->record->time - run->start;

	if (run->ignored[f->rule])
		return;
	run->n[f->rule]++;
	if (run->json) {
		print_json(run, f);
		return;
	}
	if (!run->all && run->n[f->rule] > MOST)
		return;
	printf("%llu.%06llu ", ns / NS_PER_SEC, ns % NS_PER_SEC / 1000);
	if (f->record->conn > 1)
		printf("#%u ", f->record->conn);
	printf("%s: %s\n", lint_rules[f->rule].name, f->what);
}

static int read_all(struct lint *l, struct lint_run *run, struct trace_input *in)
{
	struct trace_record r;
	int got;

	while ((got = in->source.next(&in->source, &r)) > 0) {
		int err;

		run->start = in->times.start;
		err = lint_add(l, &r);
		if (err)
			return err;
	}
	lint_end(l);
	return got;
}

/* What was broken, and what that means. */
static int conclude(const struct lint_run *run)
{
	bool any = false;

	for (size_t i = 0; i < LINT_N; i++) {
		if (!run->n[i])
			continue;
		if (!any && !run->json)
			putchar('\n');
		any = true;
		if (!run->json)
			printf("%s: %llu time%s (%s; %s): %s\n", lint_rules[i].name,
			       (unsigned long long)run->n[i], run->n[i] == 1 ? "" : "s",
			       lint_rules[i].who, lint_rules[i].source, lint_rules[i].text);
	}
	if (!any && !run->json && !run->is_silent)
		puts("OK: no rule is broken");
	return any ? EXIT_DIFFERENT : EXIT_OK;
}

static int lint_file(struct lint_run *run)
{
	struct trace_input in;
	struct lint *l;
	int err = trace_input_open(run->path, &in);

	if (err)
		return err;
	l = lint_new(report, run);
	err = l ? read_all(l, run, &in) : -ENOMEM;
	lint_free(l);
	if (err) {
		log_error("reading '%s': %s", run->path, strerror(-err));
		return trace_input_close(&in, EXIT_ENVIRONMENT);
	}
	return trace_input_close(&in, conclude(run));
}

int trace_lint_after(const char *path, bool json)
{
	struct lint_run run = {.path = path, .json = json, .is_silent = true};

	return lint_file(&run);
}

int trace_lint(int argc, char **argv)
{
	struct lint_run run = {0};
	struct option_line l = {.verb = "trace", .rows = rows, .n = ARRAY_SIZE(rows)};
	int rest;

	if (options_parse(&l, argc, argv, &run, &rest))
		return l.status ? l.status : EXIT_ENVIRONMENT;
	if (run.rules)
		return print_rules();
	if (argc - rest != 1)
		return cmd_usage_error("trace", "lint which recording? give one FILE");
	run.path = argv[rest];
	return kernel_log_is(run.path) ? trace_lint_kernel(run.path, run.json, run.all)
				       : lint_file(&run);
}
