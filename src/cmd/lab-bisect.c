/* SPDX-License-Identifier: MIT */
/* warren lab bisect: the first bad kernel of those at hand. */
#include "lab-bisect.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bisect.h"
#include "cleanup.h"
#include "cmd.h"
#include "kernel-edits.h"
#include "lab-trials.h"
#include "lab.h"
#include "logging.h"
#include "macros.h"
#include "monitor.h"
#include "options.h"
#include "record.h"
#include "walk.h"

#define VERB "lab bisect"

struct bisect_options {
	const char *good, *bad, *share, *cache, *msize, *iounit, *qemu, *corpus, *record;
	uint32_t runs, memory_mib, timeout_s, fragment;
	bool is_script, json, quiet, help;
};

/* What is known of a kernel of the row. */
struct trial {
	unsigned ok, failed;
	bool is_damaged, is_tested;
	char *text; /* the damage, or why it failed */
};

struct bisection {
	struct bisect_options o;
	struct bisect_row row;
	struct trial *trials_of; /* one for each of the row */
	struct trials trials;
};

static int take_size(struct option_line *l, void *o, const char *value)
{
	struct bisect_options *b = o;
	uint32_t n;

	b->msize = value;
	return option_number(l, "msize", value, 4096, 1U << 20, &n);
}

static int take_iounit(struct option_line *l, void *o, const char *value)
{
	struct bisect_options *b = o;
	uint32_t n;

	b->iounit = value;
	return option_number(l, "iounit", value, 0, 1U << 20, &n);
}

static int take_word(struct option_line *l, const char *name, const char *value,
		     const char *const *words, const char *hint, const char **ret)
{
	if (option_find_word(words, value, strlen(value)) < 0)
		return option_wrong(l, name, value, hint);
	*ret = value;
	return 0;
}

static int take_cache(struct option_line *l, void *o, const char *value)
{
	return option_cache(l, value, &((struct bisect_options *)o)->cache);
}

static int take_share(struct option_line *l, void *o, const char *value)
{
	static const char *const words[] = {"warren", "vhost", "tcp", "qemu", NULL};

	return take_word(l, "share", value, words, "give warren, vhost, tcp or qemu",
			 &((struct bisect_options *)o)->share);
}

#define FIELD(f) .at = offsetof(struct bisect_options, f)
static const struct option_row rows[] = {
	{"good", OPTION_TEXT, FIELD(good)},
	{"bad", OPTION_TEXT, FIELD(bad)},
	{"runs", OPTION_NUMBER, FIELD(runs), .min = 1, .max = 1000},
	{"share", OPTION_TAKE, .take = take_share},
	{"cache", OPTION_TAKE, .take = take_cache},
	{"msize", OPTION_TAKE, .take = take_size},
	{"iounit", OPTION_TAKE, .take = take_iounit},
	{"corpus", OPTION_OPEN, FIELD(corpus)},
	{"qemu", OPTION_TEXT, FIELD(qemu)},
	{"memory", OPTION_NUMBER, FIELD(memory_mib), .min = 64, .max = 65536},
	{"fragment", OPTION_NUMBER, FIELD(fragment), .min = 0, .max = 90},
	{"timeout", OPTION_NUMBER, FIELD(timeout_s), .min = 1, .max = 86400},
	{"record", OPTION_OPEN, FIELD(record)},
	{"script", OPTION_FLAG, FIELD(is_script)},
	{"json", OPTION_FLAG, FIELD(json)},
	{"quiet", OPTION_FLAG, FIELD(quiet)},
	{"help", OPTION_FLAG, FIELD(help)},
};
#undef FIELD

static int print_help(void)
{
	printf("usage: warren lab bisect --good KERNEL --bad KERNEL [OPTION]... [DIR | --corpus "
	       "[SPEC]]\n"
	       "       warren lab bisect --script [--runs N]\n\n"
	       "Finds the first bad kernel among those at hand: the two, all in the cache whose "
	       "version\n"
	       "is between, and each fix that was undone in one of the two.\n\n"
	       "  --good, --bad KERNEL  see 'warren lab kernel list'; both for the same kind of "
	       "guest\n"
	       "  --runs N              boots until a kernel is good, 1 to 1000 (3)\n"
	       "  --share WORD          warren, vhost, tcp: warren's server; qemu: its own "
	       "(warren)\n"
	       "  --cache MODE          none, readahead, mmap, loose (mmap)\n"
	       "  --msize N             bytes of the largest message (512000; with --share qemu "
	       "16384)\n"
	       "  --iounit N            what warren's server answers to open (12288; with DIR 0)\n"
	       "  --corpus [SPEC]       as of 'warren verify' (without DIR)\n"
	       "  --qemu NAME|PATH      which QEMU: a Debian release's, or a program's path\n"
	       "  --memory MIB          memory of a guest, 64 to 65536 (uml: 128, qemu: 512)\n"
	       "  --fragment PERCENT    of the memory to break into pieces first, 0 to 90 (50)\n"
	       "  --timeout SECONDS     end a guest that is silent for so long, 1 to 86400 (60)\n"
	       "  --record[=RUN]        put the answer into the record of RUN (the newest)\n"
	       "  --script              print a script for 'git bisect run' in a tree of Linux\n"
	       "  --json                one JSON object a line\n"
	       "  --quiet               no progress\n"
	       "  --help                print this text\n\n"
	       "exit code: 0 found, 1 the good one is bad too, 2 wrong usage, 3 something is "
	       "missing\n"
	       "here, 4 the bad one shows nothing, or guests failed\n");
	return EXIT_OK;
}

static int take_rest(struct bisection *b, int n, char **words)
{
	if (n > 1 || (n && b->o.corpus && !strchr(words[0], '=')))
		return cmd_usage_error(VERB, "give one folder, or --corpus and one SPEC");
	if (n && b->o.corpus)
		b->o.corpus = words[0];
	else if (n)
		b->trials.dir_arg = words[0];
	if (!b->trials.dir_arg)
		b->trials.corpus_arg = b->o.corpus ? b->o.corpus : "";
	return EXIT_OK;
}

static int set_corpus(struct bisection *b)
{
	struct corpus_spec *s = &b->trials.spec;
	const char *bad;

	if (!b->trials.corpus_arg)
		return EXIT_OK;
	if (corpus_parse(b->trials.corpus_arg, s, &bad) < 0)
		return cmd_usage_error(VERB,
				       "--corpus '%.*s': give sizes=, seed=, generation=, msize= "
				       "or iounit=",
				       (int)strcspn(bad, ","), bad);
	s->n_msizes = 1;
	s->msizes[0] = (uint32_t)strtoul(b->o.msize, NULL, 10);
	s->iounit = (uint32_t)strtoul(b->o.iounit, NULL, 10);
	return EXIT_OK;
}

static int parse(struct bisection *b, int argc, char **argv)
{
	struct option_line line = {.verb = VERB, .rows = rows, .n = ARRAY_SIZE(rows)};
	int rest = 0, status;

	if (options_parse(&line, argc, argv, &b->o, &rest) < 0)
		return line.status;
	if (b->o.help || b->o.is_script)
		return EXIT_OK;
	if (!b->o.good || !b->o.bad)
		return cmd_usage_error(VERB, "which kernels? give --good and --bad");
	status = take_rest(b, argc - rest, argv + rest);
	if (status)
		return status;
	if (!b->o.msize)
		b->o.msize = !strcmp(b->o.share, "qemu") ? "16384" : "512000";
	if (!b->o.iounit)
		b->o.iounit = b->trials.dir_arg ? "0" : "12288";
	return set_corpus(b);
}

/* One damaged boot is enough; good are N without one. */
static int test_kernel(void *ctx, size_t i, enum bisect_answer *ret_a)
{
	struct bisection *b = ctx;
	struct trial *t = &b->trials_of[i];
	const char *const values[] = {
		[MATRIX_KERNEL] = b->row.kernels[i].name,
		[MATRIX_GUEST] = "own",
		[MATRIX_SHARE] = b->o.share,
		[MATRIX_GUARD] = "default",
		[MATRIX_IOUNIT] = b->o.iounit,
		[MATRIX_MSIZE] = b->o.msize,
		[MATRIX_CACHE] = b->o.cache,
	};

	t->is_tested = true;
	b->trials.booted = 0;
	for (uint32_t run = 0; run < b->o.runs && !t->is_damaged; run++) {
		struct boot boot = {0};
		int r = trials_boot(&b->trials, values, &boot);

		if (r) {
			free(boot.text);
			return r;
		}
		t->is_damaged = boot.is_damaged;
		t->ok += boot.end == BOOT_READ && !boot.is_damaged;
		t->failed += boot.end != BOOT_READ && !boot.is_damaged;
		free(t->text);
		t->text = boot.text;
		if (boot.end == BOOT_IMPOSSIBLE)
			break;
	}
	*ret_a = t->is_damaged ? BISECT_BAD : t->failed || !t->ok ? BISECT_UNKNOWN : BISECT_GOOD;
	return 0;
}

/* The fix that the one has undone, and the other not; NULL when they differ by more. */
static const struct kernel_edit *find_edit(const struct row_kernel *with,
					   const struct row_kernel *without)
{
	size_t n = strlen(without->edits), from = n ? n + 1 : 0;
	const char *more = with->edits;

	if (strcmp(with->version, without->version) != 0 || strlen(more) <= n ||
	    strncmp(more, without->edits, n) != 0 || (n && more[n] != ','))
		return NULL;
	return kernel_edit_find(more + from, strcspn(more + from, ","));
}

static void put_difference(FILE *f, const struct row_kernel *good, const struct row_kernel *bad)
{
	const struct kernel_edit *e = find_edit(bad, good);

	if (e)
		fprintf(f, ": they differ by the fix %s, which is undone (%s: %s)", e->name,
			e->fixed_by, e->summary);
	else if (strcmp(good->version, bad->version) != 0)
		fprintf(f, ": Linux %s and %s", good->version, bad->version);
	else
		fputs(": the same version, built otherwise", f);
}

static void put_passed(FILE *f, size_t n)
{
	if (n > 1)
		fprintf(f, "; %zu between cannot be tested", n);
	else if (n)
		fputs("; one between cannot be tested", f);
}

static char *sentence_of(const struct bisection *b, const struct bisect_result *r)
{
	const struct row_kernel *k = b->row.kernels, *last = &k[b->row.n - 1];
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	switch (r->end) {
	case BISECT_FOUND:
		fprintf(f, "first bad: %s, last good: %s", k[r->first_bad].name,
			k[r->last_good].name);
		put_difference(f, &k[r->last_good], &k[r->first_bad]);
		put_passed(f, r->first_bad - r->last_good - 1);
		break;
	case BISECT_START_IS_BAD:
		fprintf(f, "%s is bad as well: give another --good", k->name);
		break;
	case BISECT_END_IS_GOOD:
		fprintf(f, "%s shows no damage in %u runs: give more --runs, or another --bad",
			last->name, (unsigned)b->o.runs);
		break;
	case BISECT_START_IS_UNKNOWN:
		fprintf(f, "%s cannot be tested: its guest failed", k->name);
		break;
	case BISECT_END_IS_UNKNOWN:
		fprintf(f, "%s cannot be tested: its guest failed", last->name);
		break;
	}
	fclose(f);
	return text;
}

static const char *answer_of(const struct trial *t)
{
	return !t->is_tested	     ? "not tested"
	       : t->is_damaged	     ? "bad"
	       : t->failed || !t->ok ? "cannot be tested"
				     : "good";
}

static void print_row(const struct bisection *b)
{
	int width = 0;

	for (size_t i = 0; i < b->row.n; i++)
		width = MAX(width, (int)strlen(b->row.kernels[i].name));
	for (size_t i = 0; i < b->row.n; i++) {
		const struct trial *t = &b->trials_of[i];
		unsigned runs = t->ok + t->failed + t->is_damaged;

		printf("  %-*s  %-10s  %s", width, b->row.kernels[i].name,
		       b->row.kernels[i].version, answer_of(t));
		if (runs)
			printf(" (%u run%s)", runs, runs == 1 ? "" : "s");
		printf("%s%s\n", t->text ? ": " : "", t->text ? t->text : "");
	}
}

static void print_json(const struct bisection *b, const struct bisect_result *r, int status,
		       const char *sentence)
{
	bool is_found = status == EXIT_OK;
	json_t *o;

	for (size_t i = 0; i < b->row.n; i++) {
		const struct trial *t = &b->trials_of[i];

		o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?}", "type", "kernel", "kernel",
			      b->row.kernels[i].name, "version", b->row.kernels[i].version, "edits",
			      b->row.kernels[i].edits, "answer", answer_of(t), "text", t->text);
		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
	}
	o = json_pack("{s:s, s:i, s:s, s:s?, s:s?}", "type", "verdict", "exit", status, "sentence",
		      sentence, "last_good", is_found ? b->row.kernels[r->last_good].name : NULL,
		      "first_bad", is_found ? b->row.kernels[r->first_bad].name : NULL);
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static void record(const struct bisection *b, const struct bisect_result *r)
{
	autofree char *path = NULL, *why = NULL;
	int err = record_find(*b->o.record ? b->o.record : NULL, &path, &why);

	if (!err)
		err = record_set_bisect(path, b->row.kernels[r->last_good].name,
					b->row.kernels[r->first_bad].name, NULL);
	if (err)
		log_warn("not recorded: %s", why ? why : strerror(-err));
	else
		log_info("the answer is in the record %s", path);
}

static int print_answer(struct bisection *b, const struct bisect_result *r)
{
	autofree char *sentence = sentence_of(b, r);
	int status = r->end == BISECT_FOUND	     ? EXIT_OK
		     : r->end == BISECT_START_IS_BAD ? EXIT_DIFFERENT
						     : EXIT_GUEST;

	if (b->o.json) {
		print_json(b, r, status, sentence ? sentence : "");
	} else {
		printf("%s\n", sentence ? sentence : strerror(ENOMEM));
		print_row(b);
	}
	if (status == EXIT_OK && b->o.record)
		record(b, r);
	return status;
}

static int end_early(struct bisection *b, int r)
{
	if (r != -EINTR)
		return lab_fail(r, NULL);
	if (!b->o.json)
		print_row(b);
	log_error("interrupted: these kernels are what is known");
	return 128 + (b->trials.signal ? b->trials.signal : SIGINT);
}

/* WHY is freed. */
static int refuse(int status, char *why)
{
	if (status == EXIT_USAGE)
		cmd_usage_error(VERB, "%s", why ? why : strerror(ENOMEM));
	else
		log_error("%s", why ? why : strerror(ENOMEM));
	free(why);
	return status;
}

static int run(struct bisection *b)
{
	struct trials *t = &b->trials;
	struct bisect_result result;
	char *why = NULL;
	int status = bisect_row_make(b->o.good, b->o.bad, &b->row, &why), r;

	if (status)
		return refuse(status, why);
	b->trials_of = calloc(b->row.n, sizeof(*b->trials_of));
	if (!b->trials_of)
		return lab_fail(-ENOMEM, NULL);
	t->planned = b->o.runs;
	status = trials_open(t, VERB);
	if (status)
		return status;
	if (!b->o.quiet)
		log_info("%zu kernels from %s to %s", b->row.n, b->row.kernels[0].name,
			 b->row.kernels[b->row.n - 1].name);
	walk_raise_fd_limit();
	monitor_block_signals();
	r = bisect_run(b->row.n, test_kernel, b, &result);
	return r ? end_early(b, r) : print_answer(b, &result);
}

static int print_script(const struct bisection *b)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n < 0 ? 0 : n] = '\0';
	return bisect_print_script(n < 0 ? "warren" : self, b->o.runs);
}

int lab_bisect(int argc, char **argv)
{
	static const char *const readers[] = {"read", "plain", "willneed", "mmap", NULL};
	struct bisection b = {
		.o = {.runs = 3, .fragment = 50, .share = "warren", .cache = "mmap"},
		.trials = TRIALS_INIT,
	};
	int status = parse(&b, argc + 1, argv - 1);

	b.trials.readers = readers;
	b.trials.first_iounit = b.o.iounit;
	b.trials.first_guard = "default";
	b.trials.qemu = b.o.qemu;
	b.trials.memory_mib = b.o.memory_mib;
	b.trials.fragment = b.o.fragment;
	b.trials.timeout_s = b.o.timeout_s;
	b.trials.is_quiet = b.o.quiet;
	if (!status)
		status = b.o.help ? print_help() : b.o.is_script ? print_script(&b) : run(&b);
	for (size_t i = 0; b.trials_of && i < b.row.n; i++)
		free(b.trials_of[i].text);
	free(b.trials_of);
	bisect_row_done(&b.row);
	trials_done(&b.trials);
	return status;
}
