/* SPDX-License-Identifier: MIT */
/* `warren verify --scenarios`: one sentence, then the table of scenarios and cache modes, then what is
 * known about what is forbidden in it. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "guards.h"
#include "guest-tell.h"
#include "kernel.h"
#include "logging.h"
#include "options.h"
#include "progress.h"
#include "scenario.h"
#include "scenarios.h"
#include "verdict-json.h"
#include "verify.h"

#define STEP_LIMIT_S 20
#define NAME_WIDTH 22
#define MODE_WIDTH 11

struct table {
	struct printer *p;
	struct scenarios_plan plan;
	struct progress progress;
	struct cell cells[VERIFY_MAX_SCENARIOS * VERIFY_MAX_WORDS]; /* as they came */
	size_t n, n_caches, n_judged, n_forbidden;
};

static int add_scenario(struct option_line *l, struct verify_options *o, const char *word,
			size_t len)
{
	size_t i = 0;

	if (scenario_find(word, len, &i))
		return option_wrong(l, "scenarios", word,
				    "no such scenario; warren-verify(1) lists them");
	if (o->n_scenarios == VERIFY_MAX_SCENARIOS)
		return option_wrong(l, "scenarios", word, "these are too many");
	o->scenarios[o->n_scenarios++] = i;
	return 0;
}

int verify_take_scenarios(struct option_line *l, void *options, const char *value)
{
	struct verify_options *o = options;
	int r = 0;

	o->n_scenarios = 0;
	for (size_t i = 0; !value && i < scenario_count(); i++)
		o->scenarios[o->n_scenarios++] = i;
	for (const char *at = value; at && !r; at += *at == ',') {
		size_t len = strcspn(at, ",");

		r = add_scenario(l, o, at, len);
		at += len;
		if (!*at)
			break;
	}
	return r;
}

static const char *name_of(const struct table *t, const struct cell *c)
{
	struct scenario s;

	return scenario_get(t->plan.which[c->scenario], &s) ? "" : s.name;
}

static void print_json(json_t *o)
{
	if (o)
		json_dumpf(o, stdout, JSON_COMPACT);
	fputc('\n', stdout);
	fflush(stdout);
	json_decref(o);
}

static void json_cell(const struct table *t, const struct cell *c)
{
	const struct judgement *j = &c->judgement;

	print_json(json_pack("{s:s, s:s, s:s, s:s, s:b, s:s?, s:o, s:f}", "type", "cell",
			     "scenario", name_of(t, c), "cache", t->plan.caches[c->cache], "mark",
			     mark_word(j->mark), "forbidden", mark_is_forbidden(j->mark), "problem",
			     problem_name(j->problem), "text", json_text(j->text), "seconds",
			     c->seconds));
}

static void on_cell(void *ctx, const struct cell *c)
{
	struct table *t = ctx;

	if (t->n == sizeof(t->cells) / sizeof(t->cells[0]))
		return;
	t->cells[t->n++] = *c;
	t->n_judged += c->judgement.mark != MARK_NONE;
	t->n_forbidden += mark_is_forbidden(c->judgement.mark);
	if (t->p->o->json)
		json_cell(t, c);
}

static void on_progress(void *ctx, size_t n, const char *name, const char *cache)
{
	struct table *t = ctx;

	if (t->p->o->quiet)
		return;
	if (name)
		progress_update(&t->progress, "%zu of %zu cells, %s with cache=%s", n,
				t->plan.n_which * t->n_caches, name, cache);
	else
		progress_update(&t->progress, "%zu of %zu cells, the guest boots", n,
				t->plan.n_which * t->n_caches);
}

static const struct cell *find_cell(const struct table *t, size_t scenario, size_t cache)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->cells[i].scenario == scenario && t->cells[i].cache == cache)
			return &t->cells[i];
	return NULL;
}

static void print_table(const struct table *t)
{
	printf("%-*s", NAME_WIDTH, "");
	for (size_t c = 0; c < t->n_caches; c++)
		printf(" %-*s", c + 1 < t->n_caches ? MODE_WIDTH : 0, t->plan.caches[c]);
	putchar('\n');
	for (size_t i = 0; i < t->plan.n_which; i++) {
		const struct cell any = {.scenario = i};

		printf("%-*s", NAME_WIDTH, name_of(t, &any));
		for (size_t c = 0; c < t->n_caches; c++) {
			const struct cell *cell = find_cell(t, i, c);
			const char *problem = cell ? problem_name(cell->judgement.problem) : NULL;
			char text[32];

			snprintf(text, sizeof(text), "%s%s%s",
				 cell ? mark_word(cell->judgement.mark) : "?", problem ? " " : "",
				 problem ? problem : "");
			printf(" %-*s", c + 1 < t->n_caches ? MODE_WIDTH : 0, text);
		}
		putchar('\n');
	}
	putchar('\n');
}

static void print_meanings(const struct table *t)
{
	for (int m = MARK_NONE; m < N_MARKS; m++)
		for (size_t i = 0; i < t->n; i++)
			if (t->cells[i].judgement.mark == (enum mark)m) {
				printf("%-8s %s\n", mark_word((enum mark)m),
				       mark_meaning((enum mark)m));
				break;
			}
}

static bool has_problem(const struct table *t, enum problem p, size_t cache)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->cells[i].judgement.problem == p && t->cells[i].cache == cache)
			return true;
	return false;
}

/* "readahead, mmap"; false: nowhere. */
static bool put_modes(FILE *f, const struct table *t, enum problem p)
{
	bool is_first = true;

	for (size_t c = 0; c < t->n_caches; c++)
		if (has_problem(t, p, c)) {
			fprintf(f, "%s%s", is_first ? "" : ", ", t->plan.caches[c]);
			is_first = false;
		}
	return !is_first;
}

static void print_problems(const struct table *t)
{
	for (enum problem p = PROBLEM_NONE + 1; p < N_PROBLEMS; p++) {
		bool is_there = false;

		for (size_t c = 0; c < t->n_caches; c++)
			is_there = is_there || has_problem(t, p, c);
		if (is_there)
			printf("\n%s: %s\n    %s%s\n", problem_name(p), problem_text(p),
			       t->plan.stage.share == SHARE_QEMU_9PFS ? "warren's server: " : "",
			       problem_guards(p));
	}
}

static void print_evidence(const struct table *t)
{
	if (t->n_forbidden)
		putchar('\n');
	for (size_t i = 0; i < t->n; i++) {
		const struct judgement *j = &t->cells[i].judgement;

		if (mark_is_forbidden(j->mark))
			printf("%s, cache=%s: %s: %s\n", name_of(t, &t->cells[i]),
			       t->plan.caches[t->cells[i].cache],
			       j->problem ? problem_name(j->problem) : mark_word(j->mark), j->text);
	}
}

/* "L1 (readahead, mmap), L4 (mmap), and 2 cells without a name" */
static void put_findings(FILE *f, const struct table *t)
{
	size_t nameless = t->n_forbidden;
	bool is_first = true;

	for (size_t i = 0; i < t->n; i++)
		nameless -= mark_is_forbidden(t->cells[i].judgement.mark) &&
			    t->cells[i].judgement.problem != PROBLEM_NONE;
	for (enum problem p = PROBLEM_NONE + 1; p < N_PROBLEMS; p++) {
		autofree char *modes = NULL;
		size_t n;
		FILE *m = open_memstream(&modes, &n);
		bool is_there = m && put_modes(m, t, p);

		if (m)
			fclose(m);
		if (is_there)
			fprintf(f, "%s%s (%s)", is_first ? "" : ", ", problem_name(p), modes);
		is_first = is_first && !is_there;
	}
	if (nameless)
		fprintf(f, "%s%zu that no known problem explains", is_first ? "" : ", and ",
			nameless);
}

static char *make_sentence(const struct table *t, const struct scenarios_result *r)
{
	const struct stage_plan *s = &t->plan.stage;
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	if (t->n_forbidden)
		fprintf(f, "FOUND: %zu of %zu cells show what no cache mode allows in ",
			t->n_forbidden, t->n_judged);
	else if (r->end != RUN_DONE)
		fprintf(f,
			"UNFINISHED: the first %zu of %zu cells show nothing that their cache mode "
			"does not allow in ",
			t->n_judged, t->plan.n_which * t->n_caches);
	else
		fprintf(f, "OK: %zu cells show nothing that their cache mode does not allow in ",
			t->n_judged);
	fprintf(f, "Linux %s (%s, %s, ", r->release ? r->release : "?",
		s->guest == GUEST_UML ? "UML" : "QEMU", s->share == SHARE_TCP ? "tcp" : "virtio");
	if (s->share == SHARE_QEMU_9PFS)
		fputs("QEMU's own server)", f);
	else
		fprintf(f, "warren's server, guards: %s)",
			s->server.guard ? s->server.guard : "default");
	if (t->n_forbidden) {
		fputs(": ", f);
		put_findings(f, t);
	}
	fclose(f);
	return text;
}

static int status_of(const struct table *t, const struct scenarios_result *r)
{
	switch (r->end) {
	case RUN_DONE:
		break;
	case RUN_ENVIRONMENT:
		return EXIT_ENVIRONMENT;
	case RUN_FAILED:
		return EXIT_GUEST;
	case RUN_INTERRUPTED:
		return 128 + r->signal;
	}
	return t->n_forbidden ? EXIT_DIFFERENT : r->report || !t->n_judged ? EXIT_GUEST : EXIT_OK;
}

static void print_text(const struct table *t, const struct scenarios_result *r,
		       const char *sentence)
{
	if (!t->n)
		return;
	printf("%s\n\n", sentence ? sentence : strerror(ENOMEM));
	print_table(t);
	print_meanings(t);
	print_problems(t);
	print_evidence(t);
	if (r->report)
		printf("\nthe guest's kernel reported: %s\n", r->report);
	fflush(stdout);
}

static int print_all(struct table *t, struct scenarios_result *r)
{
	autofree char *sentence = make_sentence(t, r);
	int status = status_of(t, r);

	if (!t->p->o->json)
		print_text(t, r, sentence);
	if (r->end == RUN_DONE && t->p->o->json)
		print_json(json_pack(
			"{s:s, s:s, s:i, s:o, s:i, s:i, s:o, s:i, s:o}", "type", "verdict",
			"status", status ? status == EXIT_DIFFERENT ? "found" : "failed" : "ok",
			"exit", status, "sentence", json_text(sentence), "cells", (int)t->n_judged,
			"forbidden", (int)t->n_forbidden, "kernel", json_text(r->release), "boots",
			(int)r->boots, "kernel_report", json_text(r->report)));
	if (r->end == RUN_DONE)
		return status;
	return print_failure(t->p, status,
			     r->end == RUN_INTERRUPTED ? strdup("interrupted") : steal_ptr(&r->why),
			     r->end == RUN_INTERRUPTED ? NULL : r->console);
}

/* Does the server answer EIO where a guest would spin or read zeros? */
static bool has_honest_guards(const struct run_plan *plan)
{
	uint32_t mask = guards_default();
	const char *bad;
	size_t len;

	if (plan->share == SHARE_QEMU_9PFS)
		return false;
	if (plan->server.guard)
		guards_parse(plan->server.guard, &mask, &bad, &len);
	return mask & (1u << GUARD_SPIN | 1u << GUARD_SHRUNK);
}

int verify_scenarios(struct printer *p)
{
	static const struct scenarios_listener listener = {.cell = on_cell,
							   .progress = on_progress};
	const struct run_plan *r = p->plan;
	struct scenarios_result result;
	autofree struct table *t = calloc(1, sizeof(*t));
	int status;

	if (!t)
		return print_failure(p, EXIT_ENVIRONMENT, NULL, NULL);
	t->p = p;
	t->plan = (struct scenarios_plan){
		.stage = {.guest = r->guest,
			  .share = r->share,
			  .kernel = r->kernel,
			  .qemu = r->qemu,
			  .warren = r->warren,
			  .probe = r->probe,
			  .memory_mib = r->memory_mib,
			  .server = r->server,
			  .debug_mask = r->debug_mask,
			  .trace = r->trace,
			  .cpu = r->cpu},
		.caches = r->caches,
		.which = p->o->scenarios,
		.n_which = p->o->n_scenarios,
		.msize = r->msizes[0],
		.limit_s = p->o->timeout_s ? p->o->timeout_s : STEP_LIMIT_S,
		.eio_is_honest = has_honest_guards(r),
	};
	while (r->caches[t->n_caches])
		t->n_caches++;
	progress_init(&t->progress, "scenarios");
	scenarios_run(&t->plan, &listener, t, &result);
	progress_done(&t->progress);
	status = print_all(t, &result);
	scenarios_result_done(&result);
	return status;
}
