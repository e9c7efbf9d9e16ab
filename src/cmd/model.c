/* SPDX-License-Identifier: MIT */
/* warren model: the 9P read path of Linux, without Linux. */
#include "model-verb.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "logging.h"
#include "macros.h"
#include "options.h"
#include "read-trace.h"
#include "spawn.h"
#include "tell-model.h"

struct model_verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

#define V(name, fn, summary) {name, fn, summary},
static const struct model_verb verbs[] = {MODEL_VERBS(V)};
#undef V

/* An option that is a statement: is it one that the trace's parser takes? */
static int take_statement(struct option_line *l, struct model_options *o, const char *option,
			  const char *statement, const char *value)
{
	struct read_trace scratch;
	const char *why = NULL;
	int r = strv_pushf(&o->lines, "%s %s", statement, value);

	if (r)
		return option_wrong(l, option, value, strerror(-r));
	read_trace_init(&scratch);
	r = read_trace_line(&scratch, o->lines[strv_len((const char *const *)o->lines) - 1], &why);
	read_trace_done(&scratch);
	return r ? option_wrong(l, option, value, why) : 0;
}

static int take_rules(struct option_line *l, void *o, const char *value)
{
	((struct model_options *)o)->has_rules = true;
	return take_statement(l, o, "--kernel-rules", "kernel", value);
}

static int take_with_bug(struct option_line *l, void *o, const char *value)
{
	((struct model_options *)o)->has_rules = true;
	return take_statement(l, o, "--with-bug", "with-bug", value);
}

static int take_without_bug(struct option_line *l, void *o, const char *value)
{
	((struct model_options *)o)->has_rules = true;
	return take_statement(l, o, "--without-bug", "without-bug", value);
}

static int take_msize(struct option_line *l, void *o, const char *value)
{
	return take_statement(l, o, "--msize", "msize", value);
}

static int take_iounit(struct option_line *l, void *o, const char *value)
{
	return take_statement(l, o, "--iounit", "iounit", value);
}

static int take_cache(struct option_line *l, void *o, const char *value)
{
	return take_statement(l, o, "--cache", "cache", value);
}

static int take_memory(struct option_line *l, void *o, const char *value)
{
	return take_statement(l, o, "--memory", "memory", value);
}

static int take_size(struct option_line *l, void *o, const char *value)
{
	return take_statement(l, o, "--size", "file", value);
}

#define FIELD(member) .at = offsetof(struct model_options, member)

static const struct option_row rows[] = {
	{"kernel-rules", OPTION_TAKE, .take = take_rules},
	{"with-bug", OPTION_TAKE, .take = take_with_bug},
	{"without-bug", OPTION_TAKE, .take = take_without_bug},
	{"msize", OPTION_TAKE, .take = take_msize},
	{"iounit", OPTION_TAKE, .take = take_iounit},
	{"cache", OPTION_TAKE, .take = take_cache},
	{"memory", OPTION_TAKE, .take = take_memory},
	{"size", OPTION_TAKE, .take = take_size},
	{"bound", OPTION_NUMBER, FIELD(max_steps), .min = 1, .max = 6},
	{"pages", OPTION_NUMBER, FIELD(max_pages), .min = 1, .max = 24},
	{"svg", OPTION_TEXT, FIELD(svg)},
	{"json", OPTION_FLAG, FIELD(is_json)},
};

int model_options_parse(int argc, char **argv, struct model_options *o, int *ret_rest)
{
	struct option_line l = {.verb = "model", .rows = rows, .n = ARRAY_SIZE(rows)};

	*o = (struct model_options){.max_steps = 3, .max_pages = 5};
	if (options_parse(&l, argc, argv, o, ret_rest) == 0)
		return EXIT_OK;
	strv_free(o->lines);
	o->lines = NULL;
	return l.status ? l.status : EXIT_USAGE;
}

int model_options_apply(const struct model_options *o, struct read_trace *t)
{
	const char *why;
	int r = 0;

	for (size_t i = 0; o->lines && o->lines[i] && !r; i++)
		r = read_trace_line(t, o->lines[i], &why);
	return r;
}

static int draw_file(const char *path, const struct model *m)
{
	FILE *f = fopen(path, "we");
	int r;

	if (!f) {
		log_error("cannot write %s: %s", path, strerror(errno));
		return EXIT_ENVIRONMENT;
	}
	draw_svg(f, m);
	r = ferror(f);
	if (fclose(f) || r) {
		log_error("cannot write %s: %s", path, strerror(errno));
		return EXIT_ENVIRONMENT;
	}
	return EXIT_OK;
}

static void put_rules(const struct model *m)
{
	const struct model_config *c = &m->config;
	const char *sep = "a kernel with ";

	for (size_t i = 0; i < N_KERNEL_BUGS; i++)
		if (c->rules.has[i]) {
			printf("%s%s", sep, kernel_bugs[i].name);
			sep = ", ";
		}
	printf("%scache=%s, msize=%u, iounit=%u, memory %s\n\n",
	       *sep == 'a' ? "a kernel without a known bug; " : "; ", model_cache_names[c->cache],
	       c->msize, c->iounit, layout_names[c->layout]);
}

static void put_json(const struct model *m)
{
	printf("{\"verdict\": \"%s\", \"lost\": %" PRIu64 ", \"size\": %" PRIu64
	       ", \"treads\": %u, \"outside\": %" PRIu64 ", \"broken\": %" PRIu64 ", \"ranges\": [",
	       m->lost ? "lost" : "ok", m->lost, m->config.size, m->rec.treads, m->rec.outside,
	       m->rec.broken);
	for (size_t i = 0; i < m->n_damages; i++) {
		const struct damage *d = &m->damages[i];

		printf("%s{\"offset\": %" PRIu64 ", \"length\": %" PRIu64
		       ", \"step\": %u, \"tread\": %u, \"from\": ",
		       i ? ", " : "", d->offset, d->len, d->step + 1, d->tread);
		if (d->from == FROM_NOWHERE)
			printf("null}");
		else
			printf("%" PRIu64 "}", d->from);
	}
	printf("]}\n");
}

int model_report(const struct model_options *o, const struct model *m, const struct read_trace *t,
		 const char *about)
{
	const struct step *steps = t ? t->steps : NULL;
	size_t n = t ? t->n : 0;
	int r = EXIT_OK;

	if (o->is_json) {
		put_json(m);
	} else {
		tell_verdict(stdout, m, steps, n);
		if (about)
			printf("%s\n", about);
		put_rules(m);
		tell_steps(stdout, m, steps, n);
		putchar('\n');
		draw_text(stdout, m);
	}
	if (o->svg)
		r = draw_file(o->svg, m);
	return r ? r : m->lost ? EXIT_DIFFERENT : EXIT_OK;
}

int model_bugs(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return cmd_usage_error("model", "bugs takes no words");
	for (size_t i = 0; i < N_KERNEL_BUGS; i++) {
		const struct kernel_bug_row *b = &kernel_bugs[i];

		printf("%s\n  fixed by %s; Linux %s\n  %s\n", b->name, b->commit, b->versions,
		       b->summary);
	}
	return EXIT_OK;
}

static int print_help(void)
{
	printf("usage: warren model [replay] [OPTION]... [TRACE]\n"
	       "       warren model explore [OPTION]...\n"
	       "       warren model bugs\n\n"
	       "A model of how Linux reads a file over 9P: page cache, readahead, netfs, the 9P\n"
	       "client and its iterator, with the known bugs of kernels as switches. Without a\n"
	       "TRACE: the 12943 bytes of the article. TRACE is text ('man warren-model') or what\n"
	       "'warren lab watch' recorded; - is standard input.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		printf("  %-8s  %s\n", verbs[i].name, verbs[i].summary);
	printf("\noptions, which outdo the trace's statements:\n"
	       "  --kernel-rules VERSION  play that kernel: 6.12.43, 6.12-rc1, 6.1 ...\n"
	       "  --with-bug NAME         with one more bug, or one less\n"
	       "  --without-bug NAME\n"
	       "  --msize N               of the mount\n"
	       "  --iounit N              what the server answered to the open; 0: msize decides\n"
	       "  --cache MODE            none, readahead, mmap or loose\n"
	       "  --memory LAYOUT         scattered, ascending, descending or random pages\n"
	       "  --size N                of the file\n"
	       "  --svg FILE              draw it there too\n"
	       "  --json                  one object instead of words\n"
	       "  --bound N               explore: sequences of up to N steps (3)\n"
	       "  --pages N               explore: files of up to N pages (5)\n"
	       "  --help                  print this text\n");
	return EXIT_OK;
}

int cmd_model(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return print_help();
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	if (argc > 1 && argv[1][0] != '-')
		return cmd_usage_error("model", "there is no 'model %s'", argv[1]);
	return model_replay(argc, argv);
}
