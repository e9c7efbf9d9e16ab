/* SPDX-License-Identifier: MIT */
/* warren verify --prove: what was planted, what was found and how it was named; and the false alarms. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "guest-tell.h"
#include "logging.h"
#include "macros.h"
#include "progress.h"
#include "prove.h"
#include "verdict-json.h"
#include "verify.h"

/* A line of the table: the cases of one layer and class. */
struct cell {
	enum layer layer;
	enum damage class;
	unsigned planted, found, right;
};

struct telling {
	const struct verify_options *o;
	struct progress progress;
	struct cell *cells;
	size_t n_cells;
	struct prove_sum sum;
	char *misses; /* what was not named right, a line each */
	size_t n_misses;
	FILE *miss;
};

/* Takes the object. */
static void print(json_t *o)
{
	if (o)
		json_dumpf(o, stdout, JSON_COMPACT);
	fputc('\n', stdout);
	fflush(stdout);
	json_decref(o);
}

static void on_begin(void *ctx, const char *what, unsigned number, unsigned of)
{
	struct telling *t = ctx;

	if (!t->o->quiet)
		progress_step(&t->progress, "run %u of %u: %s", number, of, what);
}

static struct cell *cell_of(struct telling *t, const struct prove_case *c)
{
	struct cell *cell = t->cells;

	for (; cell < t->cells + t->n_cells; cell++)
		if (cell->layer == c->layer && cell->class == c->class)
			return cell;
	*cell = (struct cell){.layer = c->layer, .class = c->class};
	t->n_cells++;
	return cell;
}

/* "bytes 0x1000-0x1fff"; the last byte, as a verdict says it. */
static void put_range(FILE *f, uint64_t from, uint64_t to)
{
	if (to > from)
		fprintf(f, " 0x%" PRIx64 "-0x%" PRIx64, from, to - 1);
}

static void note_miss(struct telling *t, const struct prove_result *r)
{
	const struct prove_case *c = r->c;

	fprintf(t->miss, "  %s: planted %s by %s", r->file, damage_name(c->class),
		layer_name(c->layer));
	put_range(t->miss, c->offset, (uint64_t)c->offset + c->count);
	if (r->found) {
		fprintf(t->miss, ", named %s by %s", damage_name(r->class), layer_name(r->layer));
		put_range(t->miss, r->from, r->to);
		fprintf(t->miss, " (%u finding%s)%s%s", r->found, r->found == 1 ? "" : "s",
			r->evidence ? ": " : "", r->evidence ? r->evidence : "");
	} else {
		fputs(", not found", t->miss);
	}
	fputc('\n', t->miss);
}

static json_t *case_object(const struct prove_result *r)
{
	const struct prove_case *c = r->c;
	bool is_found = r->found > 0;

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:i, s:b, s:o}",
			 "type", "case", "layer", layer_name(c->layer), "class",
			 damage_name(c->class), "kind", prove_kind(c), "file", r->file, "from",
			 (json_int_t)c->offset, "to", (json_int_t)c->offset + c->count,
			 "found_layer", is_found ? json_string(layer_name(r->layer)) : json_null(),
			 "found_class", is_found ? json_string(damage_name(r->class)) : json_null(),
			 "found_from", is_found ? json_integer((json_int_t)r->from) : json_null(),
			 "found_to", is_found ? json_integer((json_int_t)r->to) : json_null(),
			 "findings", (int)r->found, "right", r->is_right, "evidence",
			 json_text(r->evidence));
}

static void on_case(void *ctx, const struct prove_result *r)
{
	struct telling *t = ctx;
	struct cell *cell = cell_of(t, r->c);

	cell->planted++;
	cell->found += r->found > 0;
	cell->right += r->is_right;
	if (t->o->json)
		print(case_object(r));
	if (!r->is_right)
		note_miss(t, r);
}

static void on_run(void *ctx, const struct prove_run *r)
{
	struct telling *t = ctx;

	if (r->alarm)
		fprintf(t->miss, "  false alarm while %s: %s\n",
			r->is_healthy ? "there was nothing to find" : "other files were damaged",
			r->alarm);
	if (t->o->json)
		print(json_pack("{s:s, s:s, s:b, s:i, s:i, s:o, s:f}", "type", "run", "what",
				r->what, "healthy", r->is_healthy, "mounts", (int)r->mounts,
				"false_alarms", (int)r->false_alarms, "alarm", json_text(r->alarm),
				"seconds", r->seconds));
}

static bool is_proved(const struct prove_sum *s)
{
	return s->planted && s->right == s->planted && !s->false_alarms;
}

static char *sentence_of(const struct prove_sum *s)
{
	char *text;

	if (asprintf(&text,
		     "%s: %u of %u planted damages found and named right, %u false alarm%s in %u "
		     "healthy run%s",
		     is_proved(s) ? "PROVED" : "NOT PROVED", s->right, s->planted, s->false_alarms,
		     s->false_alarms == 1 ? "" : "s", s->runs, s->runs == 1 ? "" : "s") < 0)
		return NULL;
	return text;
}

static void print_table(const struct telling *t)
{
	printf("\n  %-12s %-14s %8s %6s %6s\n", "layer", "class", "planted", "found", "right");
	for (const struct cell *c = t->cells; c < t->cells + t->n_cells; c++)
		printf("  %-12s %-14s %8u %6u %6u\n", layer_name(c->layer), damage_name(c->class),
		       c->planted, c->found, c->right);
	printf("  %-27s %8u %6u %6u\n", "all", t->sum.planted, t->sum.found, t->sum.right);
	printf("  %-27s %8u\n", "false alarms", t->sum.false_alarms);
	if (t->sum.skipped)
		printf("  %-27s %8u\n", "not possible with this share", t->sum.skipped);
	fflush(t->miss);
	if (*t->misses)
		printf("\n%s", t->misses);
}

static int print_proof(struct telling *t)
{
	autofree char *sentence = sentence_of(&t->sum);
	int status = is_proved(&t->sum) ? EXIT_OK : EXIT_DIFFERENT;

	if (t->o->json) {
		print(json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:i}", "type", "proof",
				"planted", (int)t->sum.planted, "found", (int)t->sum.found, "right",
				(int)t->sum.right, "runs", (int)t->sum.runs, "false_alarms",
				(int)t->sum.false_alarms, "skipped", (int)t->sum.skipped,
				"sentence", json_text(sentence), "exit", status));
		return status;
	}
	printf("%s\n", sentence ? sentence : "out of memory");
	print_table(t);
	fflush(stdout);
	return status;
}

static int tell_failure(const struct run_result *r)
{
	if (r->end == RUN_INTERRUPTED) {
		log_error("interrupted");
		return 128 + r->signal;
	}
	tell_console(r->console);
	tell_kernel_reports(stderr, &r->reports);
	log_error("%s", r->why ? r->why : "out of memory");
	return r->end == RUN_ENVIRONMENT ? EXIT_ENVIRONMENT : EXIT_GUEST;
}

int verify_prove(const struct verify_options *o, const struct run_plan *base)
{
	static const struct prove_listener listener = {
		.begins = on_begin, .case_done = on_case, .run_done = on_run};
	const struct prove_plan plan = {.run = *base, .healthy = o->runs};
	struct telling t = {.o = o, .cells = calloc(prove_n_cases + 1, sizeof(*t.cells))};
	struct run_result result;
	enum run_end end;
	int status;

	t.miss = t.cells ? open_memstream(&t.misses, &t.n_misses) : NULL;
	if (!t.miss) {
		free(t.cells);
		log_error("out of memory");
		return EXIT_ENVIRONMENT;
	}
	progress_init(&t.progress, "prove");
	end = prove(&plan, &listener, &t, &t.sum, &result);
	progress_done(&t.progress);
	status = end == RUN_DONE ? print_proof(&t) : tell_failure(&result);
	if (end != RUN_DONE)
		run_result_done(&result);
	fclose(t.miss);
	free(t.misses);
	free(t.cells);
	return status;
}
