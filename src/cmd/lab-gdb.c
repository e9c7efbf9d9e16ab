/* SPDX-License-Identifier: MIT */
/* warren lab gdb: a debugger on a running guest, or on one that is started for it. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "gdb.h"
#include "guest-list.h"
#include "kernel.h"
#include "lab-share.h"
#include "lab.h"
#include "logging.h"
#include "macros.h"
#include "number.h"
#include "spawn.h"
#include "text.h"

#define VERB "lab gdb"
#define SILENCE_S 86400 /* a stopped guest says nothing */

struct options {
	struct share_options share;
	bool help;
	const char *exec, *guest;
	const char *const *words; /* for gdb */
};

#define FIELD(f) .at = offsetof(struct options, f)
static const struct option_row rows[] = {
	SHARE_ROWS,
	{.name = "exec", .kind = OPTION_TEXT, FIELD(exec)},
	{.name = "help", .kind = OPTION_FLAG, FIELD(help)},
};
#undef FIELD

static int print_help(void)
{
	printf("usage: warren lab gdb [OPTION]... [GUEST] [-- GDB-ARGUMENT...]\n\n"
	       "gdb with a guest's symbols and the commands w9-iter, w9-folioq, w9-reads and "
	       "w9-fids.\nGUEST, a state folder or process id, is one that runs already and goes "
	       "on afterwards.\nWithout it and without an option: the only one that runs. Else a "
	       "guest is started, stopped;\n'continue' boots it and mounts the share; it ends with "
	       "gdb.\n\n" SHARE_HELP
	       "  --exec COMMAND       run COMMAND by the guest's shell in the share, then power "
	       "off\n"
	       "                       (without: read all files of the share, then wait)\n"
	       "  --help               print this text\n\n"
	       "exit code: gdb's; 2 wrong usage, 3 something is missing here\n");
	return EXIT_OK;
}

/* What follows "--" is gdb's. */
static int parse(int argc, char **argv, struct options *o)
{
	struct option_line l = {.verb = VERB, .rows = rows, .n = ARRAY_SIZE(rows)};
	int ours = 0, rest;

	while (ours < argc && strcmp(argv[ours], "--") != 0)
		ours++;
	o->words = ours < argc ? (const char *const *)argv + ours + 1 : NULL;
	if (options_parse(&l, ours, argv, o, &rest))
		return l.status ? l.status : EXIT_ENVIRONMENT;
	if (ours - rest > 1)
		return cmd_usage_error(VERB, "give one GUEST; what is for gdb stands behind --");
	o->guest = rest < ours ? argv[rest] : NULL;
	if (o->guest && (o->exec || o->share.kernel))
		return cmd_usage_error(VERB, "GUEST runs already: it takes no --exec or --kernel");
	return EXIT_OK;
}

/* The terminal is gdb's: Ctrl-C shall stop the guest, not us. */
static void give_terminal(pid_t group)
{
	if (!isatty(0))
		return;
	signal(SIGTTOU, SIG_IGN);
	tcsetpgrp(0, group);
}

/* Until gdb has ended, or a signal came. The exit code. */
static int wait_for(struct child *gdb)
{
	sigset_t set;
	struct signalfd_siginfo info;
	int status = EXIT_ENVIRONMENT;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	autoclose int signals = signalfd(-1, &set, SFD_CLOEXEC);
	struct pollfd p[] = {{.fd = gdb->pidfd, .events = POLLIN},
			     {.fd = signals, .events = POLLIN}};
	while (poll(p, 2, -1) < 0)
		;
	if (p[1].revents && read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		/* So that it lets go of the guest before it ends. */
		child_kill(gdb, SIGTERM);
		child_wait(gdb, 2000, &status);
		return 128 + (int)info.ssi_signo;
	}
	child_wait(gdb, -1, &status);
	return status;
}

static int run_gdb(const struct gdb_plan *plan)
{
	struct child gdb = CHILD_INIT;
	struct spawn s = SPAWN_INIT;
	char **words = NULL, *why = NULL;
	int r = gdb_words(plan, &words, &why);

	if (r)
		return lab_fail(r, why);
	s.argv = (const char *const *)words;
	s.fds[0] = SPAWN_INHERIT;
	r = spawn_start(&s, &gdb);
	strv_free(words);
	if (r)
		return lab_fail(r, NULL);
	give_terminal(gdb.pid);
	r = wait_for(&gdb);
	child_done(&gdb);
	give_terminal(getpgrp());
	return r;
}

/* On a guest that runs, whoever started it. */
static int debug_guest(const struct options *o, const struct guest_info *g, const struct kernel *k,
		       const char *warren)
{
	autofree char *scripts = NULL;
	char *why = NULL;
	int r = gdb_find(k, warren, &scripts, &why);

	if (r)
		return lab_fail(r, why);
	return run_gdb(&(struct gdb_plan){
		.kernel = k,
		.scripts = scripts,
		.pid = g->pid,
		.socket = g->gdb,
		.words = o->words,
	});
}

static char *own_path(void)
{
	return realpath("/proc/self/exe", NULL);
}

static int attach(const struct options *o, const struct guest_info *g)
{
	autofree char *warren = own_path();
	struct kernel *k = NULL;
	int r = kernel_find(g->kernel, &k);

	if (r == -ENOENT) {
		log_error("the kernel %s of the guest %s is not in the cache (any more)", g->kernel,
			  g->dir);
		return EXIT_ENVIRONMENT;
	}
	if (r || !warren)
		return lab_fail(r ? r : -ENOMEM, NULL);
	r = debug_guest(o, g, k, warren);
	kernel_free(k);
	return r;
}

static void put_word(FILE *f, const char *word)
{
	fputc(' ', f);
	text_put(f, word, strlen(word));
}

static char *make_job(const struct options *o, const struct stage *s)
{
	autofree char *mount = NULL;
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f || asprintf(&mount, "%s,cache=%s,msize=%u", s->options,
			   o->share.cache ? o->share.cache : "mmap", o->share.msize) < 0) {
		mount = NULL;
		return NULL;
	}
	fputs("mount", f);
	put_word(f, s->source);
	put_word(f, mount);
	fputs(o->exec ? "\nexec /bin/sh -c" : "\nwalk read\nexec /bin/sleep infinity", f);
	if (o->exec)
		put_word(f, o->exec);
	fputs("\nunmount\n", f);
	fclose(f);
	return text;
}

static int debug_started(const struct options *o, struct stage *s)
{
	struct guest_info info = {0};
	int r = guest_info_read(guest_state_dir(s->guest), &info);

	if (r)
		return lab_fail(r, NULL);
	log_info("guest %d stands before its boot: 'continue' boots it and mounts %s; its console "
		 "is %s/console",
		 (int)info.pid, s->plan->dir, info.dir);
	r = debug_guest(o, &info, s->plan->kernel, s->plan->warren);
	guest_info_done(&info);
	return r;
}

/* From now on signals are for wait_for. The one that came already; 0. */
static int end_monitor(struct stage *s)
{
	monitor_set(&s->monitor, NULL, NULL);
	monitor_stop(&s->monitor);
	s->has_monitor = false;
	return s->monitor.signal;
}

static int start(const struct options *o)
{
	struct stage_plan plan = {0};
	struct ready ready = {0};
	struct stage stage = {0};
	autofree char *server = NULL, *job = NULL;
	int status = share_make(VERB, &o->share, &ready, &plan);

	plan.debug = plan.stopped = true;
	plan.silence_limit_s = SILENCE_S;
	if (!status && !stage_init(&stage, &plan)) {
		job = make_job(o, &stage);
		if (job && !stage_start_guest(&stage, job)) {
			int sig = end_monitor(&stage);

			status = sig ? 128 + sig : debug_started(o, &stage);
		}
	}
	if (!status && stage.end != RUN_DONE)
		status = lab_fail(-ENOMEM, steal_ptr(&stage.why));
	if (stage.plan)
		stage_done(&stage, &server);
	share_done(&ready, &plan);
	return status;
}

static bool is_it(const struct guest_info *g, const char *word)
{
	uint64_t pid;

	if (number_parse(word, 1, INT_MAX, &pid))
		return (pid_t)pid == g->pid || (pid_t)pid == g->owner;
	return !strcmp(word, g->dir) ||
	       (strrchr(g->dir, '/') && !strcmp(word, strrchr(g->dir, '/') + 1));
}

static void print_guests(const struct guest_info *list, size_t n)
{
	printf("%zu guests run:\n", n);
	for (size_t i = 0; i < n; i++)
		printf("%8d  %-24s %-8s %s\n", (int)list[i].pid, list[i].kernel,
		       list[i].is_uml ? "uml"
		       : list[i].gdb  ? "qemu"
				      : "qemu, without gdb",
		       list[i].dir);
}

static int choose(const struct options *o, const struct guest_info *list, size_t n)
{
	const struct guest_info *found = NULL;

	for (size_t i = 0; i < n && o->guest; i++)
		if (is_it(&list[i], o->guest))
			found = &list[i];
	if (o->guest && !found) {
		print_guests(list, n);
		return cmd_usage_error(VERB, "there is no guest %s", o->guest);
	}
	if (!found && n > 1) {
		print_guests(list, n);
		return cmd_usage_error(VERB, "which GUEST? Give its number, or --kernel for a new "
					     "one");
	}
	found = found ? found : &list[0];
	if (!found->is_uml && !found->gdb) {
		log_error("the guest %d was started without a gdb stub", (int)found->pid);
		return EXIT_ENVIRONMENT;
	}
	return attach(o, found);
}

/* An option about the share means a new guest. */
static bool wants_new(const struct options *o)
{
	const struct share_options *s = &o->share, none = SHARE_OPTIONS_INIT;

	return !o->guest &&
	       (o->exec || s->kernel || s->qemu || s->dir || s->cache || s->share != none.share ||
		s->msize != none.msize || s->iounit || s->memory_mib);
}

int lab_gdb(int argc, char **argv)
{
	struct options o = {.share = SHARE_OPTIONS_INIT};
	struct guest_info *list = NULL;
	char *why = NULL;
	size_t n = 0;
	/* ARGV[0] is the first word after "gdb"; getopt wants one before. */
	int status = parse(argc + 1, argv - 1, &o), r;

	if (status || o.help)
		return status ? status : print_help();
	r = gdb_check(&why);
	if (r)
		return lab_fail(r, why);
	if (wants_new(&o))
		return start(&o);
	r = guest_list(&list, &n);
	if (r)
		return lab_fail(r, NULL);
	status = n || o.guest ? choose(&o, list, n) : start(&o);
	guest_list_free(list, n);
	return status;
}
