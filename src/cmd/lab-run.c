/* SPDX-License-Identifier: MIT */
/* warren lab run: boots a guest, mounts a folder there and runs a command in it. */
#include <errno.h>
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
#include "guest-tell.h"
#include "kernel.h"
#include "lab-run.h"
#include "lab.h"
#include "logging.h"
#include "macros.h"
#include "programs.h"
#include "spawn.h"
#include "state-folder.h"
#include "walk.h"

#define SILENCE_LIMIT_S 60U

struct run {
	struct run_options o;
	struct ready ready;
	struct command_plan plan;
	char *dir, *kept;
	char **programs;
};

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

static int find_dir(struct run *r)
{
	const char *dir = r->o.dir ? r->o.dir : ".";
	struct stat st;

	r->dir = realpath(dir, NULL);
	if (!r->dir || stat(r->dir, &st))
		return cmd_usage_error(LAB_RUN_VERB, "there is no folder %s", dir);
	return S_ISDIR(st.st_mode) ? EXIT_OK
				   : cmd_usage_error(LAB_RUN_VERB, "%s is not a folder", dir);
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
		.server = {.iounit = o->iounit,
			   .guard = o->guard,
			   .identity = o->identity,
			   .recording = o->recording},
		.cpu = o->cpu,
		.terminal = true,
		.debug = true,
		.writable_root = o->writable_root,
		.debug_mask = o->instruments.mask,
		.trace = (const char *const *)o->instruments.events,
		.programs = (const char *const *)r->programs,
		.record = r->kept,
	};
	r->plan.cache = o->cache;
	r->plan.msize = o->msize ? o->msize : ready_msize(r->ready.share);
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
	if (result.is_unconfined)
		tell_unconfined();
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
		.o = {.guest = -1,
		      .share = LAB_RUN_BY_ANY,
		      .cache = "mmap",
		      .cpu = STAGE_CPU_CHOOSE},
	};
	int status = lab_run_parse(argc + 1, argv - 1, &r.o);

	if (!status && r.o.help) {
		lab_run_help();
		return EXIT_OK;
	}
	walk_raise_fd_limit();
	if (!status)
		status = make_ready(&r);
	if (!status)
		status = run(&r);
	done(&r);
	return status;
}
