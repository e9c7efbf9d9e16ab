/* SPDX-License-Identifier: MIT */
/* warren trace lint, of a guest's tracepoints. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cleanup.h"
#include "cmd.h"
#include "kernel-lint.h"
#include "logging.h"
#include "trace.h"

/* Of each rule so many findings are printed, unless all are wanted. */
#define MOST 10

struct kernel_run {
	bool json, all;
	unsigned n[KERNEL_RULES_N];
};

static void report(void *arg, enum kernel_rule_id rule, const char *time, const char *what)
{
	struct kernel_run *run = arg;
	const char *name = kernel_lint_rules[rule].name;
	json_t *o;

	run->n[rule]++;
	if (!run->json) {
		if (run->all || run->n[rule] <= MOST)
			printf("%s %s: %s\n", time, name, what);
		return;
	}
	o = json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "finding", "rule", name, "who", "guest",
		      "guest_time", time, "what", what);
	if (o)
		json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static int conclude(const struct kernel_run *run)
{
	bool any = false;

	for (size_t i = 0; i < KERNEL_RULES_N; i++) {
		const struct kernel_lint_rule *rule = &kernel_lint_rules[i];

		any = any || run->n[i];
		if (run->n[i] && !run->json)
			printf("%s: %u time%s (guest; %s): %s\n", rule->name, run->n[i],
			       run->n[i] == 1 ? "" : "s", rule->source, rule->text);
	}
	if (!any && !run->json)
		puts("OK: no rule of the tracepoints is broken");
	return any ? EXIT_DIFFERENT : EXIT_OK;
}

void trace_print_kernel_rules(void)
{
	for (size_t i = 0; i < KERNEL_RULES_N; i++)
		printf("%-18s guest   %s\n    %s\n", kernel_lint_rules[i].name,
		       kernel_lint_rules[i].source, kernel_lint_rules[i].text);
}

int trace_lint_kernel(const char *path, bool json, bool all)
{
	struct kernel_run run = {.json = json, .all = all};
	struct kernel_lint *l = kernel_lint_new(report, &run);
	autofclose FILE *f = fopen(path, "re");
	autofree char *line = NULL;
	size_t cap = 0;

	if (!l || !f) {
		log_error("cannot read '%s': %s", path, strerror(errno));
		kernel_lint_free(l);
		return EXIT_ENVIRONMENT;
	}
	while (getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		kernel_lint_line(l, line);
	}
	kernel_lint_free(l);
	return conclude(&run);
}
