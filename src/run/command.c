/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cleanup.h"
#include "clock.h"
#include "feed.h"
#include "fields.h"
#include "guest.h"
#include "report.h"
#include "text.h"

/* A reader that takes nothing for so long has stopped. */
#define PATIENCE_MS 1000

struct run {
	const struct command_plan *plan;
	struct command_result *result;
	struct stage stage;
	struct feed feed;
	uint64_t ends_ns; /* 0: never */
};

static void put_word(FILE *f, const char *word)
{
	fputc(' ', f);
	text_put(f, word, strlen(word));
}

static void put_mount(FILE *f, const struct command_plan *p, const struct stage *s)
{
	autofree char *options = NULL;

	if (asprintf(&options, "%s,cache=%s,msize=%u", s->options, p->cache, p->msize) < 0) {
		options = NULL;
		return;
	}
	fputs("mount", f);
	put_word(f, s->source);
	put_word(f, options);
	fputc('\n', f);
}

static void put_shell(FILE *f)
{
	const char *term = getenv("TERM");

	fputs("env TERM", f);
	put_word(f, term && *term ? term : "dumb");
	fputs("\nshell /bin/sh -i\n", f);
}

static char *make_job(const struct command_plan *p, const struct stage *s)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	struct winsize size;

	if (!f)
		return NULL;
	if (!p->argv && !ioctl(0, TIOCGWINSZ, &size))
		fprintf(f, "window %u %u\n", size.ws_row, size.ws_col);
	put_mount(f, p, s);
	if (p->argv) {
		fputs("run", f);
		for (size_t i = 0; p->argv[i]; i++)
			put_word(f, p->argv[i]);
		fputc('\n', f);
	} else {
		put_shell(f);
	}
	fputs("unmount\n", f);
	fclose(f);
	return text;
}

static int take_greeting(struct run *r, const char *at)
{
	uint64_t version;

	return field_u64(&at, &version) < 0 || version != REPORT_VERSION
		       ? stage_failf(&r->stage, RUN_FAILED,
				     "the probe speaks another version of the report")
		       : 0;
}

static int take_mounted(struct run *r, const char *at)
{
	free(steal_ptr(&r->result->options));
	return field_word(&at, &r->result->options, NULL);
}

static int take_started(struct run *r, const char *at)
{
	int terminal = guest_terminal(r->stage.guest);

	(void)at;
	if (r->plan->limit_s)
		r->ends_ns = clock_now_ns() + r->plan->limit_s * NS_PER_SEC;
	return terminal < 0 || r->feed.is_running ? 0
						  : feed_start(&r->feed, terminal, !r->plan->argv);
}

/* Waits until PIPE_BUF bytes can be written to FD, or until the run is interrupted. A guest that goes on
 * meanwhile would fill the disk. */
static int wait_for_room(struct run *r, int fd)
{
	struct guest *g = r->stage.guest;
	struct pollfd p[] = {{.fd = fd, .events = POLLOUT},
			     {.fd = guest_interrupt_fd(g), .events = POLLIN}};

	if (poll(p, ARRAY_SIZE(p), PATIENCE_MS) > 0)
		return p[1].revents ? -EINTR : 0;
	guest_pause(g);
	while (poll(p, ARRAY_SIZE(p), -1) < 0)
		;
	guest_resume(g);
	return p[1].revents ? -EINTR : 0;
}

static int put_out(struct run *r, int fd, const char *at, size_t n)
{
	int err = 0;

	while (n && !err) {
		size_t part = MIN(n, (size_t)PIPE_BUF);

		err = wait_for_room(r, fd);
		if (!err)
			err = r->plan->output(r->plan->ctx, fd, at, part);
		at += part;
		n -= part;
	}
	if (err == -EINTR)
		return stage_fail(&r->stage, RUN_INTERRUPTED, strdup("interrupted"));
	r->result->output_error = err;
	return err ? stage_failf(&r->stage, RUN_FAILED, "cannot write: %s", strerror(-err)) : 0;
}

static int take_bytes(struct run *r, int fd, const char *at)
{
	autofree char *bytes = NULL;
	size_t n;

	if (field_word(&at, &bytes, &n) < 0)
		return -EINVAL;
	return put_out(r, fd, bytes, n);
}

static int take_out(struct run *r, const char *at)
{
	return take_bytes(r, 1, at);
}

static int take_err(struct run *r, const char *at)
{
	return take_bytes(r, 2, at);
}

static int take_exit(struct run *r, const char *at)
{
	uint64_t status;

	if (field_u64(&at, &status) < 0 || status > 255)
		return -EINVAL;
	r->result->status = (int)status;
	r->result->has_exited = true;
	feed_stop(&r->feed);
	return 0;
}

static int take_crash(struct run *r, const char *at)
{
	autofree char *name = NULL;

	if (field_word(&at, &name, NULL) < 0)
		return -EINVAL;
	return stage_failf(&r->stage, RUN_FAILED, "the probe was ended by %s in the guest", name);
}

/* What the errno of a failed statement means to somebody who does not know the statements. */
static int judge_failure(struct run *r, const char *statement, const char *error, const char *text)
{
	struct stage *s = &r->stage;

	if (!strcmp(statement, "run") &&
	    (!strcmp(error, "ENOENT") || !strcmp(error, "EACCES") || !strcmp(error, "ENOEXEC"))) {
		r->result->is_missing = true;
		r->result->status = strcmp(error, "ENOENT") ? 126 : 127;
		return stage_failf(s, RUN_ENVIRONMENT, "cannot run %s in the guest: %s",
				   r->plan->argv[0], text);
	}
	if (!strcmp(statement, "trace"))
		return stage_failf(s, RUN_ENVIRONMENT, "%s: choose another kernel or other events",
				   text);
	if (!strcmp(statement, "mount") && !strcmp(error, "EINVAL"))
		return stage_failf(s, RUN_ENVIRONMENT,
				   "this kernel does not take the mount (EINVAL): it may not know "
				   "cache=%s; choose another with --cache",
				   r->plan->cache);
	/* Something that the command started still has the share. */
	if (!strcmp(statement, "unmount"))
		return 0;
	return stage_failf(s, RUN_FAILED, "the guest's %s failed: %s (%s)", statement, error, text);
}

static int take_failed(struct run *r, const char *at)
{
	autofree char *statement = NULL, *error = NULL, *text = NULL;

	if (field_word(&at, &statement, NULL) < 0 || field_word(&at, &error, NULL) < 0 ||
	    field_word(&at, &text, NULL) < 0)
		return -EINVAL;
	return judge_failure(r, statement, error, text);
}

static int take_line(void *ctx, const char *line)
{
	static const struct {
		const char *word;
		int (*take)(struct run *r, const char *at);
	} words[] = {
		{"warren-probe", take_greeting},
		{"mounted", take_mounted},
		{"started", take_started},
		{"out", take_out},
		{"err", take_err},
		{"exit", take_exit},
		{"crash", take_crash},
		{"failed", take_failed},
	};
	size_t len = strcspn(line, " ");

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i].word) == len && !memcmp(words[i].word, line, len))
			return words[i].take(ctx, line + len + strspn(line + len, " "));
	return 0;
}

static int tick(void *ctx)
{
	struct run *r = ctx;

	if (!r->ends_ns || r->result->has_exited || clock_now_ns() < r->ends_ns)
		return 0;
	return stage_failf(&r->stage, RUN_FAILED, "the command did not end within %u s (--timeout)",
			   r->plan->limit_s);
}

static int run(struct run *r)
{
	autofree char *job = NULL;
	int err = stage_init(&r->stage, &r->plan->stage);

	if (err)
		return err;
	job = make_job(r->plan, &r->stage);
	err = job ? stage_start_guest(&r->stage, job)
		  : stage_failf(&r->stage, RUN_FAILED, "%s", strerror(ENOMEM));
	if (!err && r->plan->guest_started)
		r->plan->guest_started(r->plan->ctx, r->stage.guest);
	return err ? err : stage_follow(&r->stage, take_line, tick, r);
}

void command_run(const struct command_plan *plan, struct command_result *ret_r)
{
	struct run r = {.plan = plan, .result = ret_r};
	autofree char *server = NULL;

	*ret_r = (struct command_result){0};
	run(&r);
	feed_stop(&r.feed);
	ret_r->end = r.stage.end;
	ret_r->why = r.stage.why;
	ret_r->console = r.stage.console;
	ret_r->reports = r.stage.reports;
	ret_r->is_unconfined = r.stage.is_unconfined;
	r.stage.reports = (struct console_reports){0};
	if (r.stage.has_monitor)
		ret_r->signal = r.stage.monitor.signal;
	if (r.stage.guest)
		ret_r->boot_seconds = guest_boot_seconds(r.stage.guest);
	stage_done(&r.stage, &server);
	if (ret_r->end == RUN_DONE && !ret_r->has_exited) {
		ret_r->end = RUN_FAILED;
		ret_r->why = strdup("the guest did not say how the command ended");
	}
}

void command_result_done(struct command_result *r)
{
	free(r->why);
	free(r->console);
	console_reports_done(&r->reports);
	free(r->options);
}
