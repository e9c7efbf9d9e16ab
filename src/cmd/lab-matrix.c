/* SPDX-License-Identifier: MIT */
/* warren lab matrix: verdicts over kernels, shares, cache modes, ..., and what matters. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "guards.h"
#include "lab-trials.h"
#include "lab.h"
#include "logging.h"
#include "macros.h"
#include "monitor.h"
#include "number.h"
#include "options.h"
#include "record.h"
#include "spawn.h"
#include "walk.h"
#include "way-names.h"

#define VERB "lab matrix"
#define CORPUS_IOUNIT "12288"

struct matrix_options {
	const char *lists[MATRIX_N_FACTORS]; /* as given, or the default */
	const char *qemu, *corpus, *record;
	uint32_t runs, memory_mib, timeout_s, fragment;
	bool json, quiet, help;
};

struct matrix_verb {
	struct matrix_options o;
	char **words[MATRIX_N_FACTORS];
	struct matrix_plan plan;
	struct trials trials;
	struct matrix *m;
};

#define FIELD(f) .at = offsetof(struct matrix_options, f)
#define LIST(f) .at = offsetof(struct matrix_options, lists) + (f) * sizeof(char *)
static const struct option_row rows[] = {
	{"kernels", OPTION_TEXT, LIST(MATRIX_KERNEL)},
	{"guests", OPTION_TEXT, LIST(MATRIX_GUEST)},
	{"shares", OPTION_TEXT, LIST(MATRIX_SHARE)},
	{"guards", OPTION_TEXT, LIST(MATRIX_GUARD)},
	{"iounits", OPTION_TEXT, LIST(MATRIX_IOUNIT)},
	{"msizes", OPTION_TEXT, LIST(MATRIX_MSIZE)},
	{"caches", OPTION_TEXT, LIST(MATRIX_CACHE)},
	{"readers", OPTION_TEXT, LIST(MATRIX_READER)},
	{"runs", OPTION_NUMBER, FIELD(runs), .min = 1, .max = 1000},
	{"corpus", OPTION_OPEN, FIELD(corpus)},
	{"qemu", OPTION_TEXT, FIELD(qemu)},
	{"memory", OPTION_NUMBER, FIELD(memory_mib), .min = 64, .max = 65536},
	{"fragment", OPTION_NUMBER, FIELD(fragment), .min = 0, .max = 90},
	{"timeout", OPTION_NUMBER, FIELD(timeout_s), .min = 1, .max = 86400},
	{"record", OPTION_OPEN, FIELD(record)},
	{"json", OPTION_FLAG, FIELD(json)},
	{"quiet", OPTION_FLAG, FIELD(quiet)},
	{"help", OPTION_FLAG, FIELD(help)},
};
#undef FIELD
#undef LIST

static int print_help(void)
{
	printf("usage: warren lab matrix --kernels LIST [OPTION]... [DIR | --corpus [SPEC]]\n\n"
	       "Verifies DIR, or a corpus, in all combinations of the lists, each in a boot of its "
	       "own;\n"
	       "prints a table of verdicts and which of the lists matter.\n\n"
	       "the lists, with commas between:\n"
	       "  --kernels LIST      see 'warren lab kernel list'; or paths, with a slash\n"
	       "  --guests LIST       own (the kernel's), uml, qemu (own)\n"
	       "  --shares LIST       warren, vhost, tcp: warren's server; qemu: its own (warren)\n"
	       "  --guards LIST       default, or guards as for 'warren serve' (default)\n"
	       "  --iounits LIST      what warren's server answers to open (" CORPUS_IOUNIT
	       "; with DIR 0)\n"
	       "  --msizes LIST       bytes of the largest message (16384,512000)\n"
	       "  --caches LIST       cache modes (none,readahead,mmap,loose)\n"
	       "  --readers LIST      the ways of 'warren verify', all in one boot "
	       "(read,plain,mmap,direct)\n\n"
	       "what it does:\n"
	       "  --runs N            boots of each combination, 1 to 1000 (1)\n"
	       "  --corpus [SPEC]     as of 'warren verify' (without DIR)\n"
	       "  --qemu NAME|PATH    which QEMU: a Debian release's, or a program's path\n"
	       "  --memory MIB        memory of a guest, 64 to 65536 (uml: 128, qemu: 512)\n"
	       "  --fragment PERCENT  of the memory to break into pieces first, 0 to 90 (50)\n"
	       "  --timeout SECONDS   end a guest that is silent for so long, 1 to 86400 (60)\n"
	       "  --record[=RUN]      add what came out to the record of RUN (the newest), for "
	       "'warren lab report'\n\n"
	       "what it prints:\n"
	       "  --json              one JSON object a line: cells, factors, the verdict\n"
	       "  --quiet             no progress\n"
	       "  --help              print this text\n\n"
	       "exit code: 0 no damage, 1 damage, 2 wrong usage, 3 no damage, but one of the "
	       "words\n"
	       "was never possible here, 4 guests failed and none saw damage; 130 interrupted, "
	       "after the table as far as it came\n");
	return EXIT_OK;
}

static bool is_number(const char *word, unsigned long min, unsigned long max)
{
	uint64_t n;

	return number_parse(word, min, max, &n);
}

static bool is_among(const char *const *names, const char *word)
{
	return option_find_word(names, word, strlen(word)) >= 0;
}

static bool is_guard(const char *word)
{
	const char *bad;
	uint32_t mask = 0;
	size_t n;

	return !strcmp(word, "default") || !guards_parse(word, &mask, &bad, &n);
}

static bool is_right(enum matrix_factor f, const char *word)
{
	static const char *const guests[] = {"own", "uml", "qemu", NULL};
	static const char *const shares[] = {"warren", "vhost", "tcp", "qemu", NULL};

	switch (f) {
	case MATRIX_KERNEL:
		return *word;
	case MATRIX_GUEST:
		return is_among(guests, word);
	case MATRIX_SHARE:
		return is_among(shares, word);
	case MATRIX_GUARD:
		return is_guard(word);
	case MATRIX_IOUNIT:
		return is_number(word, 0, 1U << 20);
	case MATRIX_MSIZE:
		return is_number(word, 4096, 1U << 20);
	case MATRIX_CACHE:
		return is_among(option_caches, word);
	case MATRIX_READER:
		return option_find_word(way_names, word, strcspn(word, ":")) >= 0;
	case MATRIX_N_FACTORS:
		break;
	}
	return false;
}

static int split_list(struct matrix_verb *v, enum matrix_factor f)
{
	autofree char *text = strdup(v->o.lists[f]);
	char *rest = text, *word;

	while ((word = strsep(&rest, ","))) {
		if (!is_right(f, word))
			return cmd_usage_error(VERB, "--%ss takes no '%s'", matrix_factor_name(f),
					       word);
		if (strv_push(&v->words[f], word) < 0)
			return lab_fail(-ENOMEM, NULL);
	}
	if (strv_len((const char *const *)v->words[f]) > MATRIX_MAX_VALUES)
		return cmd_usage_error(VERB, "--%ss: more than %d words", matrix_factor_name(f),
				       MATRIX_MAX_VALUES);
	v->plan.values[f] = (const char *const *)v->words[f];
	return EXIT_OK;
}

static int take_rest(struct matrix_verb *v, int n, char **words)
{
	if (n > 1)
		return cmd_usage_error(VERB, "give one folder, or one SPEC");
	if (n && v->o.corpus && !strchr(words[0], '='))
		return cmd_usage_error(VERB, "--corpus takes the place of a folder");
	if (n && v->o.corpus)
		v->o.corpus = words[0];
	else if (n)
		v->trials.dir_arg = words[0];
	if (!v->trials.dir_arg)
		v->trials.corpus_arg = v->o.corpus ? v->o.corpus : "";
	return EXIT_OK;
}

static int set_lists(struct matrix_verb *v)
{
	const char *const defaults[MATRIX_N_FACTORS] = {
		[MATRIX_GUEST] = "own",
		[MATRIX_SHARE] = "warren",
		[MATRIX_GUARD] = "default",
		[MATRIX_IOUNIT] = v->trials.dir_arg ? "0" : CORPUS_IOUNIT,
		[MATRIX_MSIZE] = "16384,512000",
		[MATRIX_CACHE] = "none,readahead,mmap,loose",
		[MATRIX_READER] = "read,plain,mmap,direct",
	};
	int status = EXIT_OK;

	if (!v->o.lists[MATRIX_KERNEL])
		return cmd_usage_error(VERB, "which kernels? give --kernels A,B");
	for (int f = 0; f < MATRIX_N_FACTORS && !status; f++) {
		if (!v->o.lists[f])
			v->o.lists[f] = defaults[f];
		status = split_list(v, (enum matrix_factor)f);
	}
	v->plan.runs = v->o.runs;
	return status;
}

/* The boundaries of the corpus are those of the mounts. */
static int set_corpus(struct matrix_verb *v)
{
	struct corpus_spec *s = &v->trials.spec;
	char **msizes = v->words[MATRIX_MSIZE];
	const char *bad;

	if (!v->trials.corpus_arg)
		return EXIT_OK;
	if (corpus_parse(v->trials.corpus_arg, s, &bad) < 0)
		return cmd_usage_error(
			VERB, "--corpus '%.*s': give sizes=, seed=, generation=, msize= or iounit=",
			(int)strcspn(bad, ","), bad);
	for (s->n_msizes = 0; msizes[s->n_msizes]; s->n_msizes++)
		s->msizes[s->n_msizes] = (uint32_t)strtoul(msizes[s->n_msizes], NULL, 10);
	s->iounit = (uint32_t)strtoul(v->words[MATRIX_IOUNIT][0], NULL, 10);
	return EXIT_OK;
}

static int parse(struct matrix_verb *v, int argc, char **argv)
{
	struct option_line line = {.verb = VERB, .rows = rows, .n = ARRAY_SIZE(rows)};
	int rest = 0, status;

	if (options_parse(&line, argc, argv, &v->o, &rest) < 0)
		return line.status;
	if (v->o.help)
		return EXIT_OK;
	status = take_rest(v, argc - rest, argv + rest);
	if (!status)
		status = set_lists(v);
	if (!status)
		status = set_corpus(v);
	return status;
}

/* Kernels are made before the first boot: a build in the midst of a table would surprise. */
static int prepare(struct matrix_verb *v)
{
	struct trials *t = &v->trials;
	enum guest_kind guest;
	char *why = NULL;

	for (char **k = v->words[MATRIX_KERNEL]; *k; k++)
		if (ready_guest_of(*k, &guest, &why))
			return lab_fail(-ENOENT, why);
	for (char **k = v->words[MATRIX_KERNEL]; *k; k++)
		for (char **g = v->words[MATRIX_GUEST]; *g; g++)
			for (char **s = v->words[MATRIX_SHARE]; *s; s++) {
				const struct prepared *p = trials_prepare(t, *k, *g, *s);

				if (p && p->status > 128)
					return p->status;
			}
	return EXIT_OK;
}

static json_t *cell_of(const struct matrix *m, const struct cell *c)
{
	json_t *o = json_object(), *readers = json_object();

	json_object_set_new(o, "type", json_string("cell"));
	for (size_t f = 0; f < MATRIX_READER; f++)
		json_object_set_new(o, matrix_factor_name((enum matrix_factor)f),
				    json_string(c->values[f]));
	json_object_set_new(o, "possible", json_boolean(!c->is_impossible));
	json_object_set_new(o, "runs", json_integer(c->boots));
	json_object_set_new(o, "damaged", json_integer(c->damaged));
	json_object_set_new(o, "failed", json_integer(c->failed));
	for (size_t i = 0; i < m->n_readers; i++)
		json_object_set_new(readers, m->plan->values[MATRIX_READER][i],
				    json_integer(c->reader_damaged[i]));
	json_object_set_new(o, "damaged_by", readers);
	json_object_set_new(o, "text", c->text ? json_string(c->text) : json_null());
	return o;
}

static json_t *effect_of(const struct effect *e)
{
	static const char *const weights[] = {"none", "matters", "decides"};
	json_t *o = json_object(), *values = json_array();

	json_object_set_new(o, "type", json_string("factor"));
	json_object_set_new(o, "factor", json_string(matrix_factor_name(e->factor)));
	json_object_set_new(o, "weight", json_string(weights[e->weight]));
	for (size_t i = 0; i < e->n; i++)
		json_array_append_new(values,
				      json_pack("{s:s, s:i, s:i}", "value", e->values[i], "runs",
						(int)e->boots[i], "damaged", (int)e->damaged[i]));
	json_object_set_new(o, "values", values);
	return o;
}

static void print_object(json_t *o)
{
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static void print_json(const struct matrix *m, int status, const char *sentence)
{
	struct effect effects[MATRIX_N_FACTORS];
	size_t n = matrix_effects(m, effects);
	struct matrix_counts counts = matrix_count(m);

	for (size_t i = 0; i < m->n_cells; i++)
		print_object(cell_of(m, &m->cells[i]));
	for (size_t i = 0; i < n; i++)
		print_object(effect_of(&effects[i]));
	print_object(json_pack("{s:s, s:i, s:s, s:i, s:i, s:i}", "type", "verdict", "exit", status,
			       "sentence", sentence, "runs", (int)counts.boots, "damaged",
			       (int)counts.damaged, "failed", (int)counts.failed));
}

/* For the report: how often each value of each factor came with damage. */
static void record(const struct matrix_verb *v)
{
	autofree char *path = NULL, *why = NULL;
	struct effect effects[MATRIX_N_FACTORS];
	size_t n = matrix_effects(v->m, effects);
	int r = 0;

	if (record_find(*v->o.record ? v->o.record : NULL, &path, &why)) {
		log_warn("not recorded: %s", why ? why : strerror(ENOMEM));
		return;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < effects[i].n && !r; k++) {
			autofree char *what = NULL;

			if (asprintf(&what, "%s=%s", matrix_factor_name(effects[i].factor),
				     effects[i].values[k]) < 0)
				return;
			r = record_add_variation(path, what, effects[i].boots[k],
						 effects[i].damaged[k], 0);
		}
	if (r)
		log_warn("not recorded: %s", strerror(-r));
	else
		log_info("what was varied is in the record %s", path);
}

static int status_of(const struct matrix *m)
{
	struct matrix_counts n = matrix_count(m);

	if (n.damaged)
		return EXIT_DIFFERENT;
	if (!n.boots)
		return EXIT_ENVIRONMENT;
	if (n.failed)
		return EXIT_GUEST;
	return matrix_is_covered(m) ? EXIT_OK : EXIT_ENVIRONMENT;
}

static int print_all(struct matrix_verb *v, int r)
{
	autofree char *sentence = matrix_sentence(v->m);
	int status = r == -EINTR ? 128 + (v->trials.signal ? v->trials.signal : SIGINT)
				 : status_of(v->m);

	if (v->o.json) {
		print_json(v->m, status, sentence ? sentence : "");
	} else {
		printf("%s\n", sentence ? sentence : strerror(ENOMEM));
		matrix_print(v->m, stdout);
	}
	fflush(stdout);
	if (v->o.record)
		record(v);
	if (r == -EINTR)
		log_error("interrupted: the table is what there is");
	else if (r)
		log_error("%s", strerror(-r));
	return status;
}

static int run(struct matrix_verb *v)
{
	struct trials *t = &v->trials;
	int status, r;

	t->qemu = v->o.qemu;
	t->memory_mib = v->o.memory_mib;
	t->fragment = v->o.fragment;
	t->timeout_s = v->o.timeout_s;
	t->is_quiet = v->o.quiet;
	t->readers = v->plan.values[MATRIX_READER];
	t->first_iounit = v->words[MATRIX_IOUNIT][0];
	t->first_guard = v->words[MATRIX_GUARD][0];
	status = trials_open(t, VERB);
	if (!status)
		status = prepare(v);
	if (status)
		return status;
	r = matrix_new(&v->plan, &v->m);
	if (r)
		return lab_fail(r, NULL);
	t->planned = (unsigned)v->m->n_cells * v->plan.runs;
	walk_raise_fd_limit();
	monitor_block_signals();
	return print_all(v, matrix_run(v->m, trials_boot, t));
}

int lab_matrix(int argc, char **argv)
{
	struct matrix_verb v = {
		.o = {.runs = 1, .fragment = 50},
		.trials = TRIALS_INIT,
	};
	int status = parse(&v, argc + 1, argv - 1);

	if (!status)
		status = v.o.help ? print_help() : run(&v);
	matrix_free(v.m);
	trials_done(&v.trials);
	for (size_t f = 0; f < MATRIX_N_FACTORS; f++)
		strv_free(v.words[f]);
	return status;
}
