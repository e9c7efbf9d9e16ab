/* SPDX-License-Identifier: MIT */
/* warren lab watch: what each read of a command in a guest does to the kernel's iterator. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "gdb.h"
#include "kernel.h"
#include "lab-share.h"
#include "lab.h"
#include "logging.h"
#include "macros.h"
#include "programs.h"
#include "spawn.h"
#include "text.h"
#include "watch.h"

#define VERB "lab watch"

struct options {
	struct share_options share;
	bool json, output, help;
	const char *save;
	const char *const *argv; /* the command */
};

#define FIELD(f) .at = offsetof(struct options, f)
static const struct option_row rows[] = {
	SHARE_ROWS,
	SHARE_NUMBER("timeout", timeout_s, 1, 86400),
	{.name = "json", .kind = OPTION_FLAG, FIELD(json)},
	{.name = "save", .kind = OPTION_TEXT, FIELD(save)},
	{.name = "output", .kind = OPTION_FLAG, FIELD(output)},
	{.name = "help", .kind = OPTION_FLAG, FIELD(help)},
};
#undef FIELD

static int print_help(void)
{
	printf("usage: warren lab watch [OPTION]... -- COMMAND [ARG]...\n\n"
	       "Runs COMMAND in a guest, in the mounted share, and shows what each read of the 9P "
	       "client\ndoes to its iov_iter and folio_queue; marks a read that puts bytes behind "
	       "its folio.\n\n" SHARE_HELP
	       "  --timeout SECONDS    end a guest that is silent for so long (60)\n"
	       "  --json               the reads, a JSON object a line, and nothing else\n"
	       "  --save FILE          write these lines to FILE, for 'warren model replay'\n"
	       "  --output             show what COMMAND prints, on standard error\n"
	       "  --help               print this text\n\n"
	       "exit code: 0 every byte went into its folio, 1 not so, 2 wrong usage,\n"
	       "3 something is missing here (gdb, debug information, COMMAND), 4 the guest "
	       "failed\n");
	return EXIT_OK;
}

static int parse(int argc, char **argv, struct options *o)
{
	struct option_line l = {
		.verb = VERB, .rows = rows, .n = ARRAY_SIZE(rows), .stops_at_word = true};
	int rest;

	if (options_parse(&l, argc, argv, o, &rest))
		return l.status ? l.status : EXIT_ENVIRONMENT;
	if (!o->help && rest == argc)
		return cmd_usage_error(VERB, "which COMMAND? It stands behind --");
	o->argv = (const char *const *)argv + rest;
	return EXIT_OK;
}

/* Up to a newline or tab. */
static size_t plain_length(const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && text[i] != '\n' && text[i] != '\t')
		i++;
	return i;
}

static int take_output(void *ctx, int fd, const void *bytes, size_t n)
{
	const char *at = bytes, *end = at + n;

	(void)fd;
	while (((const struct options *)ctx)->output && at < end) {
		size_t len = plain_length(at, (size_t)(end - at));
		autofree char *text = text_printable(at, len);

		fputs(text ? text : "", stderr);
		at += len;
		if (at < end && fputc(*at, stderr) != EOF)
			at++;
	}
	return 0;
}

static void print_place(const char *when, const struct read_record *r, const struct iter_place *p)
{
	printf("    %-6s  %s", when, r->iter_type);
	if (p->has_slot)
		printf("  slot %" PRIu64, p->slot);
	printf("  iov_offset 0x%" PRIx64, p->iov_offset);
	if (p->has_size)
		printf(" of 0x%" PRIx64, p->folio_size);
	printf("  count 0x%" PRIx64, p->count);
	if (iter_place_is_parked(p))
		printf("  (at the end of this folio)");
	putchar('\n');
}

static void print_name(const struct read_record *r)
{
	autofree char *name = r->file ? text_printable(r->file, strlen(r->file)) : NULL;

	if (name)
		printf("%s", name);
	else
		printf("fid %" PRIu64, r->fid);
}

static void print_read(size_t number, const struct read_record *r)
{
	printf("\n%4zu  ", number);
	print_name(r);
	printf("  offset 0x%" PRIx64 "  %" PRIu64 " bytes  %s", r->offset, r->count,
	       r->zc ? "zero-copy" : "copied");
	if (r->count != r->asked)
		printf(", %" PRIu64 " asked", r->asked);
	if (r->error)
		printf(", error %s", strerrorname_np((int)-r->error));
	putchar('\n');
	print_place("before", r, &r->before);
	print_place("after", r, &r->after);
	if (r->broken)
		printf("    BROKEN  %s\n", r->why ? r->why : "");
}

struct tally {
	size_t broken, copied; /* copied: of the broken ones */
	size_t flat;	       /* reads into an iterator that is no folio_queue */
	size_t errors;
	uint64_t bytes, lost;
	const struct read_record *first; /* broken */
};

static struct tally count(const struct watch_result *w)
{
	struct tally t = {0};

	for (size_t i = 0; i < w->n_reads; i++) {
		const struct read_record *r = &w->reads[i];

		t.bytes += r->count;
		t.flat += !r->before.has_slot;
		t.errors += r->error != 0;
		if (!r->broken)
			continue;
		t.broken++;
		t.copied += !r->zc;
		t.lost += r->lost;
		if (!t.first)
			t.first = r;
	}
	return t;
}

static void print_verdict(const struct watch_result *w, const struct tally *t)
{
	if (t->broken) {
		printf("BROKEN: %zu of %zu reads %s %" PRIu64 " byte%s %s: ", t->broken, w->n_reads,
		       t->copied == t->broken ? "copied" : "put", t->lost, t->lost == 1 ? "" : "s",
		       t->copied == t->broken ? "behind their folio" : "outside their folios");
		print_name(t->first);
		printf(", offset 0x%" PRIx64 "%s\n", t->first->offset,
		       t->broken > 1 ? " and more" : "");
	} else if (!w->n_reads) {
		printf("OK: the 9P client read nothing\n");
	} else {
		printf("OK: %zu reads, %" PRIu64 " bytes, ", w->n_reads, t->bytes);
		if (t->errors)
			printf("%zu of them ended with an error, ", t->errors);
		if (t->flat == w->n_reads)
			printf("none through a folio_queue (%s)\n", w->reads[0].iter_type);
		else
			printf("each in its folio\n");
	}
}

static void print_circumstances(const struct options *o, const struct watch_result *w)
{
	printf("\nkernel %s", o->share.kernel ? o->share.kernel : SHARE_KERNEL_DEFAULT);
	if (w->command.options)
		printf(", mounted with %s", w->command.options);
	putchar('\n');
	if (w->command.has_exited && w->command.status)
		printf("the command ended with exit code %d\n", w->command.status);
	if (w->command.end != RUN_DONE)
		printf("then the guest failed: %s\n", w->command.why);
}

static void print_result(const struct options *o, const struct watch_result *w,
			 const struct tally *t)
{
	if (o->json) {
		fwrite(w->recording, 1, w->n_recording, stdout);
		return;
	}
	print_verdict(w, t);
	for (size_t i = 0; i < w->n_reads; i++)
		print_read(i + 1, &w->reads[i]);
	print_circumstances(o, w);
}

static int save(const char *path, const struct watch_result *w)
{
	autofclose FILE *f = fopen(path, "we");

	if (f && (fwrite(w->recording, 1, w->n_recording, f) == w->n_recording) && !fflush(f))
		return EXIT_OK;
	log_error("cannot write %s: %s", path, strerror(errno));
	return EXIT_ENVIRONMENT;
}

/* Why there is no verdict; EXIT_OK when there is one. */
static int judge(const struct options *o, const struct watch_result *w)
{
	const struct command_result *c = &w->command;

	if (c->end == RUN_DONE && !c->is_missing)
		return EXIT_OK;
	if (c->is_missing)
		log_error("the guest has no program '%s'", o->argv[0]);
	else
		log_error("%s", c->why ? c->why : strerror(ENOMEM));
	if (c->end == RUN_FAILED && c->console)
		fprintf(stderr, "%s\n", c->console);
	if (c->end == RUN_INTERRUPTED)
		return 128 + c->signal;
	return c->end == RUN_FAILED ? EXIT_GUEST : EXIT_ENVIRONMENT;
}

/* A read that broke the rule counts, also when the guest died of it. */
static int finish(const struct options *o, const struct watch_result *w)
{
	struct tally t = count(w);
	int status = t.broken ? EXIT_DIFFERENT : judge(o, w);

	if (o->save && w->recording && w->command.end != RUN_INTERRUPTED) {
		int r = save(o->save, w);

		status = r ? r : status;
	}
	if (status == EXIT_OK || t.broken)
		print_result(o, w, &t);
	return status;
}

/* What a guest in QEMU has. */
static int list_programs(const struct options *o, char ***programs)
{
	int r = strv_push(programs, o->argv[0]);

	for (size_t i = 0; !r && programs_usual[i]; i++)
		r = strv_push(programs, programs_usual[i]);
	return r;
}

static int run(const struct options *o, struct stage_plan *stage)
{
	cleanup(cleanup_strv) char **programs = NULL;
	autofree char *scripts = NULL;
	char *why = NULL;
	struct watch_result result;
	int r = gdb_find(stage->kernel, stage->warren, &scripts, &why);

	r = r ? r : list_programs(o, &programs);
	if (r)
		return lab_fail(r, why);
	stage->programs = (const char *const *)programs;
	const struct watch_plan plan = {
		.command = {.stage = *stage,
			    .cache = o->share.cache ? o->share.cache : "mmap",
			    .msize = o->share.msize,
			    .argv = o->argv,
			    .output = take_output,
			    .ctx = (void *)o},
		.scripts = scripts,
	};
	watch_run(&plan, &result);
	r = finish(o, &result);
	watch_result_done(&result);
	return r;
}

int lab_watch(int argc, char **argv)
{
	struct options o = {.share = SHARE_OPTIONS_INIT};
	struct stage_plan stage = {0};
	struct ready ready = {0};
	char *why = NULL;
	/* ARGV[0] is the first word after "watch"; getopt wants one before. */
	int status = parse(argc + 1, argv - 1, &o), r;

	if (status || o.help)
		return status ? status : print_help();
	r = gdb_check(&why);
	if (r)
		return lab_fail(r, why);
	status = share_make(VERB, &o.share, &ready, &stage);
	if (!status)
		status = run(&o, &stage);
	share_done(&ready, &stage);
	return status;
}
