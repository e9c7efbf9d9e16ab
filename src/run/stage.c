/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "record-files.h"
#include "text.h"

#define LINE_LIMIT (4U << 20)
#define REPORT_LIMIT (16U << 20)
#define LOG_LIMIT (1U << 20)
#define RECORDING_MIB 256
#define TRACE_LIMIT (80U << 20) /* the probe stops at 64 MiB */

/* Words of the guest or of a server may be in it, and it goes to a terminal. */
int stage_fail(struct stage *s, enum run_end end, char *why)
{
	if (s->end == RUN_DONE) {
		s->end = end;
		s->why = why ? text_printable(why, strlen(why)) : NULL;
	}
	free(why);
	return -ECANCELED;
}

int stage_failf(struct stage *s, enum run_end end, const char *fmt, ...)
{
	va_list args;
	char *why;

	va_start(args, fmt);
	if (vasprintf(&why, fmt, args) < 0)
		why = NULL;
	va_end(args);
	return stage_fail(s, end, why);
}

static bool is_plain(const char *dir)
{
	return dir && *dir == '/' && strlen(dir) < 60 && !dir[strcspn(dir, " \t\n,:=\"'\\")];
}

static int make_folder(struct stage *s)
{
	const char *bases[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
	int err = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(bases) && err; i++)
		if (is_plain(bases[i]))
			err = state_folder_make(bases[i], &s->folder);
	return err ? stage_failf(s, RUN_ENVIRONMENT, "cannot make a folder in /tmp: %s",
				 strerror(-err))
		   : 0;
}

static char *path_of(const char *folder, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* Guest and server share one CPU: a request is cheapest there. All else has the others. Runs at the
 * same time should not all choose the same one. */
static unsigned choose_cpu(const struct stage_plan *plan)
{
	cpu_set_t set;
	int n, skip;

	if (plan->cpu >= 0)
		return (unsigned)plan->cpu + 1;
	if (plan->cpu == STAGE_CPU_ANY || plan->guest != GUEST_UML ||
	    sched_getaffinity(0, sizeof(set), &set) < 0)
		return 0;
	n = CPU_COUNT(&set);
	skip = (int)getpid() % MAX(n, 1);
	for (unsigned cpu = 0; n > 1 && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set) && skip-- == 0)
			return cpu + 1;
	return 0;
}

static int choose_recording(struct stage *s, struct server_settings *settings)
{
	if (settings->recording) {
		s->recording = strdup(settings->recording);
	} else if (s->plan->has_recording) {
		s->recording = path_of(s->plan->record ? s->plan->record : s->folder.path,
				       STAGE_RECORDING);
		settings->recording_mib = RECORDING_MIB;
	} else {
		return 0;
	}
	settings->recording = s->recording;
	return s->recording ? 0 : -ENOMEM;
}

static int start_server(struct stage *s, const char *socket_path)
{
	autofree char *log = path_of(s->folder.path, "server.log");
	struct server_child_config cfg = {
		.warren = s->plan->warren,
		.dir = s->plan->dir,
		.socket_path = s->plan->share == SHARE_TCP ? NULL : socket_path,
		.cpu = s->cpu,
		.settings = s->plan->server,
	};
	char *why = NULL;

	if (s->plan->share == SHARE_QEMU_9PFS)
		return 0;
	if (!log || choose_recording(s, &cfg.settings) < 0)
		return -ENOMEM;
	cfg.log = log;
	if (server_child_start(&cfg, &s->server, &why) < 0)
		return stage_fail(s, RUN_FAILED, why);
	s->has_server = true;
	return 0;
}

/* Our copy of the report; the guest's own is freed as it is read. */
static void open_copy(struct stage *s)
{
	autofree char *path = s->plan->record ? path_of(s->plan->record, "report") : NULL;

	if (path)
		s->copy = fopen(path, "we");
}

static int prepare(struct stage *s)
{
	autofree char *socket_path = NULL;
	int err = s->line ? make_folder(s) : -ENOMEM;

	if (err)
		return err;
	open_copy(s);
	s->cpu = choose_cpu(s->plan);
	socket_path = path_of(s->folder.path, "9p.sock");
	err = socket_path ? start_server(s, socket_path) : -ENOMEM;
	if (!err)
		err = monitor_start(&s->monitor, s->has_server ? s->server.child.pidfd : -1);
	s->has_monitor = !err;
	return err;
}

static int add_debug_mask(struct stage *s)
{
	char *options;

	if (!s->plan->debug_mask)
		return 0;
	if (asprintf(&options, "%s,debug=%u", s->options, s->plan->debug_mask) < 0)
		return -ENOMEM;
	free(s->options);
	s->options = options;
	return 0;
}

int stage_init(struct stage *s, const struct stage_plan *plan)
{
	int err;

	*s = (struct stage){
		.plan = plan,
		.folder = STATE_FOLDER_INIT,
		.server = {.child = CHILD_INIT, .proxy = CHILD_INIT},
		.line = malloc(LINE_LIMIT + 1),
	};
	monitor_block_signals();
	err = prepare(s);
	if (!err) {
		const struct guest_config cfg = {.share = plan->share, .port = s->server.port};

		err = guest_mount_words(&cfg, &s->source, &s->options);
		err = err ? err : add_debug_mask(s);
	}
	return err && err != -ECANCELED ? stage_failf(s, RUN_FAILED, "%s", strerror(-err)) : err;
}

int stage_start_guest(struct stage *s, const char *job)
{
	const struct stage_plan *p = s->plan;
	autofree char *socket_path = path_of(s->folder.path, "9p.sock");
	struct guest_config cfg = {
		.kind = p->guest,
		.kernel = p->kernel,
		.share = p->share,
		.socket_path = socket_path,
		.port = s->server.port,
		.export_dir = p->dir,
		.qemu = p->qemu,
		.probe = p->probe,
		.job = job,
		.memory_mib = p->memory_mib,
		.silence_limit_s = p->silence_limit_s,
		.folder = s->folder.path,
		.cpu = s->cpu,
		.terminal = p->terminal,
		.writable_root = p->writable_root,
		.dmesg = p->debug_mask != 0,
		.trace = p->trace,
		.share_log = p->has_recording,
		.kernel_args = p->kernel_args,
		.programs = p->programs,
		.debug = p->debug,
		.stopped = p->stopped,
	};
	char *why = NULL;

	if (!socket_path)
		return stage_failf(s, RUN_FAILED, "%s", strerror(ENOMEM));
	if (p->record)
		record_write(p->record, "job", job, strlen(job));
	if (guest_start(&cfg, &s->guest, &why) < 0)
		return stage_fail(s, RUN_ENVIRONMENT, why);
	if (p->has_recording && p->share == SHARE_QEMU_9PFS)
		s->recording = path_of(guest_state_dir(s->guest), GUEST_SHARE_LOG);
	s->is_unconfined = !p->writable_root && !guest_is_confined(s->guest);
	monitor_set(&s->monitor, s->guest, s->manifest);
	return 0;
}

void stage_watch(struct stage *s, struct manifest *m)
{
	s->manifest = m;
	monitor_set(&s->monitor, s->guest, m);
}

static int fail_line(struct stage *s)
{
	return stage_failf(s, RUN_FAILED,
			   "the guest's report is not what it should be at line %" PRIu64
			   ": Invalid argument",
			   s->malformed);
}

/* A line that makes no sense is the worker's last one if it was ended while it wrote it. */
static int take_line(struct stage *s, int (*take)(void *ctx, const char *line), void *ctx)
{
	int err = 0;

	s->lines++;
	if (!strncmp(s->line, "end ", 4))
		s->has_ended = true;
	if (s->malformed && strncmp(s->line, "crash ", 6) != 0)
		return fail_line(s);
	s->malformed = 0;
	if (*s->line)
		err = take(ctx, s->line);
	if (err == -EINVAL) {
		s->malformed = s->lines;
		return 0;
	}
	return err && err != -ECANCELED ? stage_failf(s, RUN_FAILED, "%s", strerror(-err)) : err;
}

/* Cuts what came into lines; an unfinished one waits in s->line. */
static int take_bytes(struct stage *s, const char *buf, size_t n,
		      int (*take)(void *ctx, const char *line), void *ctx)
{
	const char *end;
	int err = 0;

	while (n && !err) {
		size_t len = (end = memchr(buf, '\n', n)) ? (size_t)(end - buf) : n;

		if (s->n_line + len > LINE_LIMIT)
			return stage_failf(s, RUN_FAILED,
					   "the guest's report has a line without end");
		memcpy(s->line + s->n_line, buf, len);
		s->n_line += len;
		if (end) {
			s->line[s->n_line] = '\0';
			s->n_line = 0;
			err = take_line(s, take, ctx);
		}
		buf += len + (end != NULL);
		n -= len + (end != NULL);
	}
	return err;
}

static int fail_server(struct stage *s)
{
	autofree char *line = server_child_last_line(&s->server);

	return stage_failf(s, RUN_FAILED, "the server ended while the guest was using it%s%s",
			   *line ? ": " : "", line);
}

static int fail_guest(struct stage *s, const char *what)
{
	autofree char *sentence = console_sentence(&s->reports);

	if (!s->console)
		s->console = strdup(guest_console_tail(s->guest));
	return stage_failf(s, RUN_FAILED, "%s%s%s", what, sentence ? ": " : "",
			   sentence ? sentence : "");
}

/* A kernel whose words nobody has read is not known to be well. */
static int scan_console(struct stage *s)
{
	autofree char *path = path_of(guest_state_dir(s->guest), "console");
	int err = path ? console_scan_file(path, &s->reports) : -ENOMEM;

	return err ? stage_failf(s, RUN_FAILED, "cannot look through the guest's console: %s",
				 strerror(-err))
		   : 0;
}

/* Why the guest's report ended, if that was too early. */
static int judge_end(struct stage *s, ssize_t n)
{
	if (s->monitor.signal)
		return stage_fail(s, RUN_INTERRUPTED, strdup("interrupted"));
	if (s->has_ended)
		return 0;
	if (s->monitor.is_server_gone)
		return fail_server(s);
	s->was_silent = n == -ETIMEDOUT;
	if (s->was_silent)
		return fail_guest(s,
				  "the guest hangs: it gave no sign of life for too long and was "
				  "ended (--timeout)");
	if (n == -EFBIG)
		return fail_guest(s, "the guest flooded its console and was ended");
	return fail_guest(s, s->lines ? "the guest ended before its report was complete"
				      : "the guest did not come up");
}

/* What does not fit is at its end, which tells least. */
static void copy_report(struct stage *s, const char *buf, size_t n)
{
	n = MIN(n, REPORT_LIMIT - s->copied);
	if (s->copy && n)
		fwrite(buf, 1, n, s->copy);
	s->copied += n;
}

int stage_follow(struct stage *s, int (*take)(void *ctx, const char *line), int (*tick)(void *ctx),
		 void *ctx)
{
	autofree char *buf = malloc(1 << 16);
	ssize_t n = 0;
	int scan_err, err = buf ? 0 : -ENOMEM;

	while (!err && !s->monitor.signal && (n = guest_read(s->guest, buf, 1 << 16)) > 0) {
		copy_report(s, buf, (size_t)n);
		err = take_bytes(s, buf, (size_t)n, take, ctx);
		if (!err && tick)
			err = tick(ctx);
	}
	if (!err && s->malformed)
		err = fail_line(s);
	scan_err = scan_console(s);
	err = err ? err : scan_err;
	/* What was found out about the report already. */
	if (err && s->end != RUN_DONE)
		return err;
	return judge_end(s, err ? 0 : n);
}

static void keep_log(const struct stage *s, const char *folder, const char *from, const char *name,
		     size_t limit)
{
	autofree char *path = path_of(folder, from);

	if (path)
		record_copy_log(path, s->plan->record, name, limit);
}

static void keep_guest(const struct stage *s)
{
	static const struct {
		const char *from, *name;
		size_t limit;
	} logs[] = {{"console", "console.log", LOG_LIMIT},
		    {"manifest", "guest", LOG_LIMIT},
		    {"dmesg", "dmesg", TRACE_LIMIT},
		    {"trace", "trace", TRACE_LIMIT}};

	for (size_t i = 0; i < ARRAY_SIZE(logs); i++)
		keep_log(s, guest_state_dir(s->guest), logs[i].from, logs[i].name, logs[i].limit);
	if (guest_has_share_log(s->guest))
		keep_log(s, guest_state_dir(s->guest), GUEST_SHARE_LOG, STAGE_SHARE_LOG,
			 TRACE_LIMIT);
}

void stage_done(struct stage *s, char **ret_server)
{
	if (s->has_monitor) {
		monitor_set(&s->monitor, NULL, NULL);
		monitor_stop(&s->monitor);
	}
	if (s->guest && s->plan->record)
		keep_guest(s);
	guest_free(s->guest);
	*ret_server = NULL;
	if (s->has_server) {
		server_child_stop(&s->server);
		*ret_server = server_child_last_line(&s->server);
		if (s->plan->record)
			keep_log(s, s->folder.path, "server.log", "server.log", LOG_LIMIT);
		server_child_done(&s->server);
	}
	if (s->copy)
		fclose(s->copy);
	state_folder_done(&s->folder);
	console_reports_done(&s->reports);
	free(s->recording);
	free(s->source);
	free(s->options);
	free(s->line);
}
