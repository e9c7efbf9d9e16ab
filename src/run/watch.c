/* SPDX-License-Identifier: MIT */
/* Theory of operation
 *
 * The guest starts stopped; gdb takes it, sets its breakpoints and lets it run, with nobody at the
 * keyboard: w9_reads.py does all of that and appends to a recording. What gdb prints and records goes
 * to files without names. A thread waits for gdb: when that leaves before the guest has ended, nothing
 * more would be seen, or the guest would stand still for ever, so the guest is ended.
 */
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "gdb.h"
#include "guest-list.h"
#include "guest.h"
#include "macros.h"
#include "spawn.h"

#define LEAVE_LIMIT_MS 20000
/* A distribution's kernel has half a gigabyte of symbols; the guest stands still meanwhile. */
#define SYMBOLS_LIMIT_S 120

struct watch {
	const struct watch_plan *plan;
	struct child gdb;
	int recording, log; /* memfd */
	int stop;	    /* eventfd: the thread shall end */
	int guest;	    /* pidfd of the guest's process */
	pthread_t thread;
	bool has_thread;
	atomic_bool left_early;
	char *why; /* gdb could not be started */
};

static bool has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

static void *wait_for_gdb(void *ctx)
{
	struct watch *w = ctx;
	struct pollfd p[] = {{.fd = w->gdb.pidfd, .events = POLLIN},
			     {.fd = w->stop, .events = POLLIN}};

	while (poll(p, 2, -1) < 0)
		;
	if (p[0].revents && !has_ended(w->guest)) {
		w->left_early = true;
		syscall(SYS_pidfd_send_signal, w->guest, SIGKILL, NULL, 0);
	}
	return NULL;
}

static int start_gdb(struct watch *w, char **words)
{
	const int keep[] = {w->recording};
	struct spawn s = SPAWN_INIT;

	s.argv = (const char *const *)words;
	s.fds[1] = s.fds[2] = w->log;
	s.keep = keep;
	s.n_keep = 1;
	return spawn_start(&s, &w->gdb);
}

static int attach(struct watch *w, const struct guest_info *info)
{
	char command[64];
	const char *const more[] = {"-ex", command, NULL};
	const struct gdb_plan plan = {
		.kernel = w->plan->command.stage.kernel,
		.scripts = w->plan->scripts,
		.pid = info->pid,
		.socket = info->gdb,
		.batch = true,
		.words = more,
	};
	char **words;
	int r;

	snprintf(command, sizeof(command), "w9-reads --json /proc/self/fd/%d", w->recording);
	r = gdb_words(&plan, &words, &w->why);
	if (r)
		return r;
	w->guest = (int)syscall(SYS_pidfd_open, info->pid, 0);
	r = w->guest < 0 ? -errno : start_gdb(w, words);
	strv_free(words);
	if (!r)
		r = -pthread_create(&w->thread, NULL, wait_for_gdb, w);
	w->has_thread = !r;
	return r;
}

/* A guest that no gdb takes would stand still for ever. */
static void guest_started(void *ctx, struct guest *g)
{
	struct watch *w = ctx;
	struct guest_info info = {0};
	int r = guest_info_read(guest_state_dir(g), &info);

	r = r ? r : attach(w, &info);
	guest_info_done(&info);
	if (!r)
		return;
	if (!w->why && asprintf(&w->why, "cannot start gdb: %s", strerror(-r)) < 0)
		w->why = NULL;
	guest_interrupt(g);
}

static int output(void *ctx, int fd, const void *bytes, size_t n)
{
	const struct command_plan *c = &((struct watch *)ctx)->plan->command;

	return c->output ? c->output(c->ctx, fd, bytes, n) : 0;
}

static char *text_of(int fd, size_t *ret_n)
{
	struct stat st;
	char *text = fstat(fd, &st) < 0 ? NULL : malloc((size_t)st.st_size + 1);
	ssize_t n = text ? pread(fd, text, (size_t)st.st_size, 0) : -1;

	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	*ret_n = (size_t)n;
	return text;
}

/* What gdb said that tells most: that it may not, else its last words. The caller frees it. */
static char *last_words(const struct watch *w)
{
	size_t n;
	autofree char *text = text_of(w->log, &n);
	char *at = text ? strstr(text, "ptrace: ") : NULL, *end;

	if (!text)
		return NULL;
	while (n && strchr("\n ", text[n - 1]))
		text[--n] = '\0';
	if (!at)
		at = (at = strrchr(text, '\n')) ? at + 1 : text;
	end = strchrnul(at, '\n');
	return strndup(at, MIN((size_t)(end - at), (size_t)200));
}

static void fail(struct command_result *c, enum run_end end, char *why)
{
	free(c->why);
	c->end = end;
	c->why = why;
}

static void judge(struct watch *w, struct watch_result *r)
{
	autofree char *said = last_words(w);
	bool may_not = said && !strncmp(said, "ptrace: ", 8);
	char *why = NULL;

	if (r->command.end == RUN_INTERRUPTED)
		return;
	if (w->why) {
		fail(&r->command, RUN_ENVIRONMENT, steal_ptr(&w->why));
	} else if (w->left_early && !r->command.has_exited) {
		if (asprintf(&why, "gdb left the guest before its end: %s%s", said ? said : "",
			     may_not ? "; allow it with sysctl kernel.yama.ptrace_scope=0" : "") <
		    0)
			why = NULL;
		fail(&r->command, may_not ? RUN_ENVIRONMENT : RUN_FAILED, why);
	}
}

static void take_recording(struct watch *w, struct watch_result *r)
{
	size_t line = 0;
	int err;

	r->recording = text_of(w->recording, &r->n_recording);
	err = r->recording ? read_records_parse(r->recording, r->n_recording, &r->reads,
						&r->n_reads, &line)
			   : -ENOMEM;
	if (err && r->command.end == RUN_DONE) {
		char *why;

		if (asprintf(&why, "gdb's recording is not what it should be at line %zu: %s", line,
			     strerror(-err)) < 0)
			why = NULL;
		fail(&r->command, RUN_FAILED, why);
	}
}

static void end_gdb(struct watch *w, bool is_normal)
{
	uint64_t one = 1;
	int status;

	if (w->has_thread) {
		(void)!write(w->stop, &one, sizeof(one));
		pthread_join(w->thread, NULL);
	}
	if (w->gdb.pid && is_normal)
		child_wait(&w->gdb, LEAVE_LIMIT_MS, &status);
	child_done(&w->gdb);
}

static void close_fds(struct watch *w)
{
	const int fds[] = {w->recording, w->log, w->stop, w->guest};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void watch_run(const struct watch_plan *plan, struct watch_result *ret_r)
{
	struct watch w = {
		.plan = plan,
		.gdb = CHILD_INIT,
		.recording = memfd_create("recording", MFD_CLOEXEC),
		.log = memfd_create("gdb", MFD_CLOEXEC),
		.stop = eventfd(0, EFD_CLOEXEC),
		.guest = -1,
	};
	struct command_plan command = plan->command;

	*ret_r = (struct watch_result){0};
	command.stage.debug = command.stage.stopped = true;
	command.stage.silence_limit_s += command.stage.guest == GUEST_QEMU ? SYMBOLS_LIMIT_S : 0;
	command.guest_started = guest_started;
	command.output = output;
	command.ctx = &w;
	if (w.recording < 0 || w.log < 0 || w.stop < 0) {
		fail(&ret_r->command, RUN_ENVIRONMENT, strdup(strerror(errno)));
		close_fds(&w);
		return;
	}
	command_run(&command, &ret_r->command);
	end_gdb(&w, ret_r->command.end != RUN_INTERRUPTED);
	judge(&w, ret_r);
	take_recording(&w, ret_r);
	free(w.why);
	close_fds(&w);
}

void watch_result_done(struct watch_result *r)
{
	command_result_done(&r->command);
	read_records_free(r->reads, r->n_reads);
	free(r->recording);
}
