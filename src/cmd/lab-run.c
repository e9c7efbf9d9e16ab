/* SPDX-License-Identifier: MIT */
/* warren lab run: boots a guest, mounts a folder there and runs a command in it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "command.h"
#include "guards.h"
#include "instrument-wish.h"
#include "kernel.h"
#include "lab.h"
#include "logging.h"
#include "macros.h"
#include "options.h"
#include "programs.h"
#include "ready.h"
#include "spawn.h"
#include "state-folder.h"
#include "guest-tell.h"
#include "walk.h"

#define VERB "lab run"
#define MSIZE_VIRTIO 512000U /* Linux: 128 pages less three */
#define MSIZE_TCP (1U << 20)
#define SILENCE_LIMIT_S 60U
#define MAX_EVENTS 32

struct run_options {
	struct wish wish;
	int guest, share; /* as words of the command line, -1: not given */
	const char *dir;
	const char *cache;
	uint32_t msize, iounit, memory_mib, timeout_s;
	int cpu;
	struct instrument_wish instruments;
	const char *guard, *recording, *with;
	bool keep, quiet, help;
	char **argv; /* NULL: a shell */
};

struct run {
	struct run_options o;
	struct ready ready;
	struct command_plan plan;
	char *dir, *kept;
	char **programs;
};

static int take_cpu(struct option_line *l, void *o, const char *value)
{
	return option_cpu(l, value, &((struct run_options *)o)->cpu);
}

static int take_cache(struct option_line *l, void *o, const char *value)
{
	static const char *const words[] = {"none", "readahead", "mmap", "loose", NULL};
	int i = option_find_word(words, value, strlen(value));

	if (i < 0)
		return option_wrong(l, "cache", value, "give none, readahead, mmap or loose");
	((struct run_options *)o)->cache = words[i];
	return 0;
}

static const char *const guests[] = {"uml", "qemu", NULL};
enum share_word { BY_WARREN, BY_QEMU, BY_TCP };
static const char *const shares[] = {"warren", "qemu", "tcp", NULL};

#define FIELD(f) .at = offsetof(struct run_options, f)
static const struct option_row rows[] = {
	{"kernel", OPTION_TEXT, FIELD(wish.kernel)},
	{"guest", OPTION_WORD, FIELD(guest), .words = guests, .hint = "give uml or qemu"},
	{"share", OPTION_WORD, FIELD(share), .words = shares, .hint = "give warren, qemu or tcp"},
	{"share-dir", OPTION_TEXT, FIELD(dir)},
	{"cache", OPTION_TAKE, .take = take_cache},
	{"msize", OPTION_NUMBER, FIELD(msize), .min = 4096, .max = 1U << 20},
	{"iounit", OPTION_NUMBER, FIELD(iounit), .min = 0, .max = 1U << 20},
	{"guard", OPTION_TEXT, FIELD(guard)},
	{"record", OPTION_TEXT, FIELD(recording)},
	{"qemu", OPTION_TEXT, FIELD(wish.qemu)},
	{"memory", OPTION_NUMBER, FIELD(memory_mib), .min = 64, .max = 65536},
	{"cpu", OPTION_TAKE, .take = take_cpu},
	{"timeout", OPTION_NUMBER, FIELD(timeout_s), .min = 1, .max = 86400},
	{"with", OPTION_TEXT, FIELD(with)},
	{"9p-debug", OPTION_TEXT, FIELD(instruments.debug)},
	{"trace", OPTION_TEXT, FIELD(instruments.trace)},
	{"keep", OPTION_FLAG, FIELD(keep)},
	{"quiet", OPTION_FLAG, FIELD(quiet)},
	{"help", OPTION_FLAG, FIELD(help)},
};
#undef FIELD

static int print_help(void)
{
	printf("usage: warren lab run [OPTION]... [--] [COMMAND [ARG]...]\n\n"
	       "Boots a guest, mounts a folder there by 9P and runs COMMAND in it. Its input, "
	       "output,\n"
	       "errors and exit code are those of warren. Without COMMAND: a shell at your "
	       "terminal.\n\n"
	       "the guest and its share:\n"
	       "  --kernel NAME            which kernel, see 'warren lab kernel list'\n"
	       "  --guest uml|qemu         what runs it (by the kernel's name; else uml)\n"
	       "  --share warren|qemu|tcp  who serves: warren, by vhost-user or TCP, or QEMU "
	       "(warren)\n"
	       "  --share-dir DIR          what is shared (the current folder)\n"
	       "  --cache MODE             none, readahead, mmap or loose (mmap)\n"
	       "  --msize N                bytes of the largest message, 4096 to 1048576 (512000)\n"
	       "  --iounit N               what warren's server answers to open (0)\n"
	       "  --guard LIST             the guards of warren's server, as for 'warren serve'\n"
	       "  --record FILE            record all messages of warren's server, for 'warren "
	       "trace'\n"
	       "  --qemu NAME|PATH         which QEMU: a Debian release's, or a program's path\n"
	       "  --memory MIB             memory of the guest, 64 to 65536 (512)\n"
	       "  --cpu N|any              where guest and server run (uml: both on one CPU)\n"
	       "  --with PROGRAMS          qemu: more programs of this host than the usual ones "
	       "and\n"
	       "                           COMMAND's, with commas between\n"
	       "  --timeout SECONDS        end COMMAND after so long (never)\n\n"
	       "what the kernel says:\n"
	       "  --9p-debug NAMES         9pnet's messages: error, 9p, vfs, conv, mux, trans, "
	       "slab,\n"
	       "                           fcall, fid, pkt, fsc, vpkt, cache, mmap; to the file "
	       "dmesg\n"
	       "  --trace EVENTS           tracepoints: 9p, netfs, GROUP:EVENT; to the file trace\n"
	       "  --keep                   keep the folder with these files and the logs\n"
	       "  --quiet                  say nothing but errors\n"
	       "  --help                   print this text\n\n"
	       "exit code: COMMAND's, 128 + N after signal N, 127 when there is no such program; "
	       "else\n"
	       "2 wrong usage, 3 something is missing here, 4 the guest or the server failed, or "
	       "the\n"
	       "guest's kernel reported a bug. The last line on standard error says which it "
	       "was.\n");
	return EXIT_OK;
}

static int failf(int status, const char *fmt, ...) printf_like(2, 3);

static int failf(int status, const char *fmt, ...)
{
	autofree char *why = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&why, fmt, args) < 0)
		why = NULL;
	va_end(args);
	log_error("%s", why ? why : strerror(ENOMEM));
	return status;
}

/* The kernel's name says what runs it, and so does who serves. */
static enum guest_kind choose_guest(const struct run_options *o)
{
	if (o->guest >= 0)
		return (enum guest_kind)o->guest;
	if (o->share == BY_QEMU || o->share == BY_TCP || o->wish.qemu)
		return GUEST_QEMU;
	return !o->wish.kernel || strstr(o->wish.kernel, "uml") ? GUEST_UML : GUEST_QEMU;
}

static const char *find_conflict(const struct run_options *o)
{
	const char *word;
	uint32_t guards = 0;
	size_t len;

	if (o->wish.guest == GUEST_UML && (o->share == BY_QEMU || o->share == BY_TCP))
		return "--share qemu and --share tcp need --guest qemu";
	if (o->wish.guest == GUEST_UML && o->wish.qemu)
		return "--qemu needs --guest qemu";
	if (o->iounit && o->share == BY_QEMU)
		return "--iounit is for --share warren and --share tcp";
	if (o->guard && guards_parse(o->guard, &guards, &word, &len))
		return "--guard: 'warren serve --help' lists the guards";
	if (o->guard && o->share == BY_QEMU)
		return "--guard is for --share warren and --share tcp";
	if (o->recording && o->share == BY_QEMU)
		return "--record is for --share warren and --share tcp";
	if (!o->argv && (!isatty(0) || !isatty(1)))
		return "which COMMAND? (a shell needs a terminal)";
	return NULL;
}

static int parse(int argc, char **argv, struct run_options *o)
{
	struct option_line l = {
		.verb = VERB, .rows = rows, .n = ARRAY_SIZE(rows), .stops_at_word = true};
	const char *conflict;
	int rest;

	if (options_parse(&l, argc, argv, o, &rest))
		return l.status ? l.status : EXIT_ENVIRONMENT;
	if (o->help)
		return EXIT_OK;
	o->argv = rest < argc ? argv + rest : NULL;
	o->wish.guest = choose_guest(o);
	o->wish.qemu_server = o->share == BY_QEMU;
	o->wish.share = o->share == BY_TCP ? SHARE_BY_TCP : SHARE_BY_DEFAULT;
	conflict = find_conflict(o);
	return conflict ? cmd_usage_error(VERB, "%s", conflict)
			: instrument_parse(VERB, &o->instruments);
}

static int find_dir(struct run *r)
{
	const char *dir = r->o.dir ? r->o.dir : ".";
	struct stat st;

	r->dir = realpath(dir, NULL);
	if (!r->dir || stat(r->dir, &st))
		return cmd_usage_error(VERB, "there is no folder %s", dir);
	return S_ISDIR(st.st_mode) ? EXIT_OK : cmd_usage_error(VERB, "%s is not a folder", dir);
}

static int split(const char *list, char ***words)
{
	autofree char *copy = list ? strdup(list) : NULL;
	char *rest = copy, *word;

	while ((word = strsep(&rest, ",")))
		if (*word && strv_push(words, word))
			return failf(EXIT_ENVIRONMENT, "%s", strerror(ENOMEM));
	return EXIT_OK;
}

/* UML has all of this host's. */
static int choose_programs(struct run *r)
{
	int status = split(r->o.with, &r->programs);

	for (size_t i = 0; !status && programs_usual[i]; i++)
		if (strv_push(&r->programs, programs_usual[i]))
			status = failf(EXIT_ENVIRONMENT, "%s", strerror(ENOMEM));
	if (!status && r->o.argv && strv_push(&r->programs, r->o.argv[0]))
		status = failf(EXIT_ENVIRONMENT, "%s", strerror(ENOMEM));
	return status;
}

static int make_kept(struct run *r)
{
	const char *base = getenv("TMPDIR");

	if (!r->o.keep && !r->o.instruments.debug && !r->o.instruments.trace)
		return EXIT_OK;
	if (asprintf(&r->kept, "%s/warren-run-XXXXXX", base && *base == '/' ? base : "/tmp") < 0) {
		r->kept = NULL;
		return failf(EXIT_ENVIRONMENT, "%s", strerror(ENOMEM));
	}
	if (!mkdtemp(r->kept))
		return failf(EXIT_ENVIRONMENT, "cannot make the folder %s: %s", r->kept,
			     strerror(errno));
	return EXIT_OK;
}

static int make_ready(struct run *r)
{
	autofree char *why = NULL;
	int status = find_dir(r);

	if (status)
		return status;
	status = ready_make(&r->o.wish, &r->ready, &why);
	if (status)
		return failf(status, "%s", why);
	status = instrument_check(&r->o.instruments, r->ready.kernel, &why);
	if (status)
		return failf(status, "%s", why);
	if (!status && r->o.wish.guest == GUEST_QEMU)
		status = choose_programs(r);
	return status ? status : make_kept(r);
}

static int write_out(void *ctx, int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	(void)ctx;
	while (n) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		at += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

static void fill_plan(struct run *r)
{
	const struct run_options *o = &r->o;
	struct stage_plan *s = &r->plan.stage;

	*s = (struct stage_plan){
		.dir = r->dir,
		.guest = o->wish.guest,
		.share = r->ready.share,
		.kernel = r->ready.kernel,
		.qemu = (const char *const *)r->ready.qemu,
		.warren = r->ready.warren,
		.probe = r->ready.probe,
		.memory_mib = o->memory_mib,
		.silence_limit_s = SILENCE_LIMIT_S,
		.server = {.iounit = o->iounit, .guard = o->guard, .recording = o->recording},
		.cpu = o->cpu,
		.terminal = true,
		.debug = true,
		.debug_mask = o->instruments.mask,
		.trace = (const char *const *)o->instruments.events,
		.programs = (const char *const *)r->programs,
		.record = r->kept,
	};
	r->plan.cache = o->cache;
	r->plan.msize = o->msize		      ? o->msize
			: r->ready.share == SHARE_TCP ? MSIZE_TCP
						      : MSIZE_VIRTIO;
	r->plan.argv = (const char *const *)o->argv;
	r->plan.limit_s = o->timeout_s;
	r->plan.output = write_out;
}

/* An exit code 0 of a guest whose kernel is broken is no success. */
static int tell_exit(const struct run *r, const struct command_result *c)
{
	const char *name = r->o.argv ? r->o.argv[0] : "the shell";

	if (!c->status && c->reports.bugs)
		return failf(EXIT_GUEST,
			     "%s ended with exit code 0, but the guest's kernel "
			     "reported a bug",
			     name);
	if (c->status && !r->o.quiet)
		log_info("%s ended with exit code %d in the guest", name, c->status);
	return c->status;
}

static int tell_end(const struct run *r, const struct command_result *c)
{
	switch (c->end) {
	case RUN_DONE:
		return tell_exit(r, c);
	case RUN_ENVIRONMENT:
		return failf(c->is_missing ? c->status : EXIT_ENVIRONMENT, "%s", c->why);
	case RUN_INTERRUPTED:
		return failf(128 + c->signal, "interrupted");
	case RUN_FAILED:
		break;
	}
	if (c->output_error == -EPIPE)
		return 128 + SIGPIPE;
	tell_console(c->console);
	return failf(EXIT_GUEST, "%s", c->why);
}

/* What was asked for could not be had: there is nothing in it. */
static bool is_worth_keeping(const struct run *r, const struct command_result *c)
{
	return r->o.keep || c->end != RUN_ENVIRONMENT;
}

static void drop_kept(const struct run *r, const struct command_result *c)
{
	if (r->kept && !is_worth_keeping(r, c))
		state_folder_remove(r->kept);
}

static int run(struct run *r)
{
	struct command_result result;
	int status;

	fill_plan(r);
	command_run(&r->plan, &result);
	if (r->kept && !r->o.quiet && is_worth_keeping(r, &result))
		log_info("kept in %s", r->kept);
	tell_kernel_reports(stderr, &result.reports);
	status = tell_end(r, &result);
	drop_kept(r, &result);
	command_result_done(&result);
	return status;
}

static void done(struct run *r)
{
	ready_done(&r->ready);
	instrument_done(&r->o.instruments);
	strv_free(r->programs);
	free(r->dir);
	free(r->kept);
}

/* ARGV[0] is the first word after "run"; getopt wants one before. */
int lab_run(int argc, char **argv)
{
	struct run r = {
		.o = {.guest = -1, .share = -1, .cache = "mmap", .cpu = STAGE_CPU_CHOOSE},
	};
	int status = parse(argc + 1, argv - 1, &r.o);

	if (!status && r.o.help)
		return print_help();
	walk_raise_fd_limit();
	if (!status)
		status = make_ready(&r);
	if (!status)
		status = run(&r);
	done(&r);
	return status;
}
