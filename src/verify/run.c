/* SPDX-License-Identifier: MIT */
/* Theory of operation
 *
 * The server starts first, then the guest; the manifest is made in its own thread while the guest
 * boots and reads. This thread follows the report: what concerns the tree goes to the comparison
 * (compare.h), one for each mount, as soon as the manifest is complete; the guest does not wait for
 * that, its report piles up in a file. A monitor thread ends all waiting when the server dies or a
 * signal comes.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "compare.h"
#include "corpus.h"
#include "fields.h"
#include "job-text.h"
#include "macros.h"
#include "manifest.h"
#include "monitor.h"
#include "programs.h"
#include "record-files.h"
#include "server-child.h"
#include "state-folder.h"

#define LINE_LIMIT (4U << 20)
#define TICK_MS 200
#define RECORDED_REPORT (16U << 20)
#define RECORDED_LOG (1U << 20)
#define RECORDED_FILES 10000

struct verification {
	const struct run_plan *plan;
	const struct run_listener *l;
	void *ctx;
	struct run_result *result;
	struct state_folder folder;
	struct server_child server;
	bool has_server;
	struct monitor monitor;
	struct guest *guest;
	struct manifest *own, *manifest; /* the one we made, the one in use */
	struct compare *compare;	 /* of the running walk */
	unsigned walks;
	const char *const *cache; /* of the mount that is being dealt with; its end: no more */
	const unsigned *msize;
	bool is_first; /* mount */
	char *release, *options;
	char *failed, *error, *text; /* of the last statement that failed */
	int exec_status;
	bool has_ended; /* the report's last line came */
	bool has_findings;
	char *line;
	size_t n_line;
	uint64_t lines;
	FILE *copy; /* of the report, for the record */
	size_t copied;
};

static int fail(struct verification *r, enum run_end end, char *why)
{
	if (r->result->end == RUN_DONE) {
		r->result->end = end;
		r->result->why = why;
	} else {
		free(why);
	}
	return -ECANCELED;
}

static int failf(struct verification *r, enum run_end end, const char *fmt, ...) printf_like(3, 4);

static int failf(struct verification *r, enum run_end end, const char *fmt, ...)
{
	va_list args;
	char *why;

	va_start(args, fmt);
	if (vasprintf(&why, fmt, args) < 0)
		why = NULL;
	va_end(args);
	return fail(r, end, why);
}

/* A word of a report's line, in place of the one before. */
static int keep_word(const char **at, char **kept)
{
	char *word;
	int err = field_word(at, &word, NULL);

	if (!err) {
		free(*kept);
		*kept = word;
	}
	return err;
}

static void tell_mount(struct verification *r)
{
	const struct mount_result m = {
		.cache = *r->cache,
		.msize = *r->msize,
		.release = r->release,
		.options = r->options,
		.tally = r->compare ? compare_tally(r->compare) : NULL,
		.failed = r->failed,
		.error = r->error,
		.text = r->text,
	};

	r->has_findings = r->has_findings || (m.tally && m.tally->n_findings);
	r->l->mount_done(r->ctx, &m);
}

/* The share itself must still be there: an empty guest equals an empty host. */
static int check_share(struct verification *r)
{
	struct stat now, then;

	if (fstat(r->plan->dir_fd, &then) < 0 || stat(r->plan->dir, &now) < 0 || !then.st_nlink ||
	    now.st_ino != then.st_ino || now.st_dev != then.st_dev)
		return failf(r, RUN_FAILED, "%s vanished while it was being verified",
			     r->plan->dir);
	return 0;
}

static void forget_failure(struct verification *r)
{
	free(steal_ptr(&r->failed));
	free(steal_ptr(&r->error));
	free(steal_ptr(&r->text));
}

/* In the order of job-text.c. */
static void next_mount(struct verification *r)
{
	r->is_first = false;
	if (!*++r->msize) {
		r->msize = r->plan->msizes;
		r->cache++;
	}
}

static int end_walk(struct verification *r)
{
	int err = check_share(r);

	if (err)
		return err;
	tell_mount(r);
	compare_free(r->compare);
	r->compare = NULL;
	next_mount(r);
	forget_failure(r);
	free(steal_ptr(&r->options));
	return 0;
}

static int start_manifest(struct verification *r)
{
	int err;

	if (r->manifest)
		return 0;
	err = manifest_start(r->plan->dir_fd, &r->own);
	if (err)
		return failf(r, RUN_ENVIRONMENT, "cannot start to read %s: %s", r->plan->dir,
			     strerror(-err));
	r->manifest = r->own;
	monitor_set(&r->monitor, r->guest, r->manifest);
	return 0;
}

static int wait_for_manifest(struct verification *r)
{
	uint64_t files, bytes;
	int err;

	while ((err = manifest_wait_for(r->manifest, TICK_MS)) == -ETIMEDOUT) {
		manifest_progress(r->manifest, &files, &bytes);
		r->l->progress(r->ctx, "host", files, bytes);
	}
	if (err && err != -ECANCELED)
		return failf(r, RUN_ENVIRONMENT, "cannot read %s: %s", r->plan->dir,
			     strerror(-err));
	return err;
}

/* What the client asks for in one Tread, at most. QEMU's server has a rule of its own for what it
 * answers to open: whole blocks of the host's file system. */
static uint64_t read_size(const struct verification *r)
{
	const char *at = r->options ? strstr(r->options, "msize=") : NULL;
	unsigned long msize = at ? strtoul(at + 6, NULL, 10) : *r->msize;
	uint32_t iounit = r->plan->iounit, room;
	struct statvfs st;

	if (msize < 4096 || msize > UINT32_MAX)
		return 0;
	room = corpus_read_size((uint32_t)msize, 0);
	if (r->plan->share == SHARE_QEMU_9PFS && !fstatvfs(r->plan->dir_fd, &st) && st.f_bsize)
		iounit = room - room % (uint32_t)st.f_bsize;
	return corpus_read_size((uint32_t)msize, iounit);
}

static int take_walk(struct verification *r, const char *line)
{
	int err = start_manifest(r);

	if (!err)
		err = wait_for_manifest(r);
	if (!err)
		err = compare_new(r->manifest, ++r->walks, &r->compare);
	if (!err)
		compare_set_read_size(r->compare, read_size(r));
	if (!err && r->plan->exec && r->is_first && !strcmp(*r->cache, "loose"))
		compare_without_times(r->compare);
	return err ? err : compare_line(r->compare, line);
}

static int take_done(struct verification *r, const char *at)
{
	autofree char *statement = NULL;

	if (field_word(&at, &statement, NULL) < 0)
		return -EINVAL;
	/* What failed before did no harm. */
	if (!strcmp(statement, "mount"))
		forget_failure(r);
	/* The command has ended, and what it wrote is on the host: now the host's tree counts. */
	return !strcmp(statement, "sync") ? start_manifest(r) : 0;
}

static int take_failed(struct verification *r, const char *at)
{
	if (keep_word(&at, &r->failed) < 0 || keep_word(&at, &r->error) < 0 ||
	    keep_word(&at, &r->text) < 0)
		return -EINVAL;
	if (!strcmp(r->failed, "exec") && strcmp(r->error, "ECANCELED") != 0)
		return failf(r, RUN_FAILED, "the guest cannot run /bin/sh: %s", r->text);
	if (!strcmp(r->failed, "exec"))
		return failf(r, RUN_FAILED, "the command ended with exit code %d in the guest",
			     r->exec_status);
	if (!strcmp(r->failed, "fragment"))
		return failf(r, RUN_FAILED,
			     "the guest's memory cannot be broken into pieces (%s): give it more "
			     "(--memory), or a smaller --fragment",
			     r->error);
	/* Without a mount, or without its walk, the next mode is on. */
	if ((!strcmp(r->failed, "mount") || !strcmp(r->failed, "walk")) && *r->cache)
		return end_walk(r);
	return 0;
}

static int take_output(struct verification *r, const char *at)
{
	autofree char *bytes = NULL;
	size_t n;

	if (field_word(&at, &bytes, &n) < 0)
		return -EINVAL;
	r->l->output(r->ctx, bytes, n);
	return 0;
}

static int take_exit(struct verification *r, const char *at)
{
	uint64_t status;

	if (field_u64(&at, &status) < 0 || status > 255)
		return -EINVAL;
	r->exec_status = (int)status;
	return 0;
}

static int take_crash(struct verification *r, const char *at)
{
	autofree char *name = NULL;

	if (field_word(&at, &name, NULL) < 0)
		return -EINVAL;
	return failf(r, RUN_FAILED, "the probe was ended by %s in the guest", name);
}

static int take_greeting(struct verification *r, const char *at)
{
	uint64_t version;

	if (field_u64(&at, &version) < 0 || version != REPORT_VERSION)
		return failf(r, RUN_FAILED, "the probe speaks another version of the report");
	return keep_word(&at, &r->release);
}

static int take_fact(struct verification *r, const char *at)
{
	autofree char *name = NULL, *value = NULL;

	if (field_word(&at, &name, NULL) < 0 || field_word(&at, &value, NULL) < 0)
		return -EINVAL;
	if (r->l->fact)
		r->l->fact(r->ctx, name, value);
	return 0;
}

static int take_mounted(struct verification *r, const char *at)
{
	return keep_word(&at, &r->options);
}

static int take_end(struct verification *r, const char *at)
{
	(void)at;
	r->has_ended = true;
	return 0;
}

static const struct {
	const char *word;
	int (*take)(struct verification *r, const char *at);
} words[] = {
	{"warren-probe", take_greeting}, {"done", take_done},  {"failed", take_failed},
	{"mounted", take_mounted},	 {"out", take_output}, {"exit", take_exit},
	{"crash", take_crash},		 {"end", take_end},    {"fact", take_fact},
};

static int take_tree_line(struct verification *r, const char *line)
{
	int err;

	if (!r->compare && strncmp(line, "walk ", 5) == 0)
		return *r->cache ? take_walk(r, line) : -EINVAL;
	if (!r->compare)
		return -EINVAL;
	err = compare_line(r->compare, line);
	if (!err && compare_tally(r->compare)->is_complete)
		err = end_walk(r);
	return err;
}

static int take_line(struct verification *r, const char *line)
{
	size_t len = strcspn(line, " ");
	int err = -ENOENT;

	r->lines++;
	if (!*line)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(words) && err == -ENOENT; i++)
		if (strlen(words[i].word) == len && !memcmp(words[i].word, line, len))
			err = words[i].take(r, line + len + strspn(line + len, " "));
	if (err == -ENOENT)
		err = take_tree_line(r, line);
	if (err && err != -ECANCELED)
		return failf(r, RUN_FAILED,
			     "the guest's report is not what it should be at line %" PRIu64 ": %s",
			     r->lines, strerror(-err));
	return err;
}

static void tell_progress(struct verification *r)
{
	const struct tally *t = r->compare ? compare_tally(r->compare) : NULL;

	r->l->progress(r->ctx, t ? "guest" : "boot", t ? t->files : 0, t ? t->bytes : 0);
}

/* Cuts what came into lines; an unfinished one waits in r->line. */
static int take_bytes(struct verification *r, const char *buf, size_t n)
{
	const char *end;
	int err = 0;

	while (n && !err) {
		size_t len = (end = memchr(buf, '\n', n)) ? (size_t)(end - buf) : n;

		if (r->n_line + len > LINE_LIMIT)
			return failf(r, RUN_FAILED, "the guest's report has a line without end");
		memcpy(r->line + r->n_line, buf, len);
		r->n_line += len;
		if (end) {
			r->line[r->n_line] = '\0';
			r->n_line = 0;
			err = take_line(r, r->line);
		}
		buf += len + (end != NULL);
		n -= len + (end != NULL);
	}
	return err;
}

static int fail_server(struct verification *r)
{
	autofree char *line = server_child_last_line(&r->server);

	return failf(r, RUN_FAILED, "the server ended while the guest was using it%s%s",
		     *line ? ": " : "", line);
}

static int fail_guest(struct verification *r, const char *what)
{
	r->result->console = strdup(guest_console_tail(r->guest));
	return failf(r, RUN_FAILED, "%s", what);
}

/* Why the guest's report ended, if that was too early. */
static int judge_end(struct verification *r, ssize_t n)
{
	if (r->monitor.signal)
		return fail(r, RUN_INTERRUPTED, strdup("interrupted"));
	if (r->has_ended)
		return 0;
	if (r->monitor.is_server_gone)
		return fail_server(r);
	if (n == -ETIMEDOUT)
		return fail_guest(r,
				  "the guest hangs: it gave no sign of life for too long and was "
				  "ended (--timeout)");
	if (n == -EFBIG)
		return fail_guest(r, "the guest flooded its console and was ended");
	return fail_guest(r, r->lines ? "the guest ended before its report was complete"
				      : "the guest did not come up");
}

/* What does not fit is at its end, which tells least. */
static void copy_report(struct verification *r, const char *buf, size_t n)
{
	n = MIN(n, RECORDED_REPORT - r->copied);
	if (r->copy && n)
		fwrite(buf, 1, n, r->copy);
	r->copied += n;
}

static int follow_report(struct verification *r)
{
	static char buf[1 << 16];
	ssize_t n = 0;
	int err = 0;

	while (!err && !r->monitor.signal && (n = guest_read(r->guest, buf, sizeof(buf))) > 0) {
		copy_report(r, buf, (size_t)n);
		err = take_bytes(r, buf, (size_t)n);
		tell_progress(r);
	}
	/* The manifest was cancelled, or something was found out about the report already. */
	if (err && r->result->end != RUN_DONE)
		return err;
	return judge_end(r, err ? 0 : n);
}

static bool is_plain(const char *dir)
{
	return dir && *dir == '/' && strlen(dir) < 60 && !dir[strcspn(dir, " \t\n,:=\"'\\")];
}

static int make_folder(struct verification *r)
{
	const char *bases[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
	int err = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(bases) && err; i++)
		if (is_plain(bases[i]))
			err = state_folder_make(bases[i], &r->folder);
	return err ? failf(r, RUN_ENVIRONMENT, "cannot make a folder in /tmp: %s", strerror(-err))
		   : 0;
}

static char *in_folder(const struct verification *r, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", r->folder.path, name) < 0)
		return NULL;
	return path;
}

/* Guest and server share one CPU: a request is cheapest there. The manifest has the others. Runs
 * at the same time should not all choose the same one. */
static unsigned choose_cpu(const struct verification *r)
{
	cpu_set_t set;
	int n, skip;

	if (r->plan->cpu >= 0)
		return (unsigned)r->plan->cpu + 1;
	if (r->plan->cpu == RUN_CPU_ANY || r->plan->guest != GUEST_UML ||
	    sched_getaffinity(0, sizeof(set), &set) < 0)
		return 0;
	n = CPU_COUNT(&set);
	skip = (int)getpid() % MAX(n, 1);
	for (unsigned cpu = 0; n > 1 && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set) && skip-- == 0)
			return cpu + 1;
	return 0;
}

static int start_server(struct verification *r, const char *socket_path, unsigned cpu)
{
	autofree char *log = in_folder(r, "server.log");
	char *why = NULL;

	if (r->plan->share == SHARE_QEMU_9PFS)
		return 0;
	if (!log)
		return -ENOMEM;
	if (server_child_start(r->plan->warren, r->plan->dir,
			       r->plan->share == SHARE_TCP ? NULL : socket_path, log, cpu,
			       r->plan->iounit, &r->server, &why) < 0)
		return fail(r, RUN_FAILED, why);
	r->has_server = true;
	return 0;
}

static int start_guest(struct verification *r, const char *socket_path, unsigned cpu)
{
	struct guest_config cfg = {
		.kind = r->plan->guest,
		.kernel = r->plan->kernel,
		.share = r->plan->share,
		.socket_path = socket_path,
		.port = r->server.port,
		.export_dir = r->plan->dir,
		.programs = r->plan->exec ? programs_usual : NULL,
		.qemu = r->plan->qemu,
		.probe = r->plan->probe,
		.memory_mib = r->plan->memory_mib,
		.silence_limit_s = r->plan->silence_limit_s,
		.folder = r->folder.path,
		/* As Debian configures its kernels: what a read leaves out is then zeros. */
		.kernel_args = r->plan->fragment ? "init_on_alloc=1" : NULL,
		.cpu = cpu,
	};
	autofree char *source = NULL, *options = NULL, *job = NULL;
	char *why = NULL;

	if (guest_mount_words(&cfg, &source, &options) < 0)
		return -ENOMEM;
	job = job_text(&(struct job_plan){source, options, r->plan->caches, r->plan->ways,
					  r->plan->msizes, r->plan->exec, r->plan->fragment});
	if (!job)
		return -ENOMEM;
	cfg.job = job;
	if (r->plan->record)
		record_write(r->plan->record, "job", job, strlen(job));
	if (guest_start(&cfg, &r->guest, &why) < 0)
		return fail(r, RUN_ENVIRONMENT, why);
	return 0;
}

static int run_guest(struct verification *r)
{
	autofree char *socket_path = in_folder(r, "9p.sock");
	unsigned cpu = choose_cpu(r);
	int err = socket_path ? start_server(r, socket_path, cpu) : -ENOMEM;

	if (err)
		return err;
	err = monitor_start(&r->monitor, r->has_server ? r->server.child.pidfd : -1);
	if (err)
		return err;
	if (!r->plan->exec)
		err = start_manifest(r);
	if (!err)
		err = start_guest(r, socket_path, cpu);
	if (!err) {
		monitor_set(&r->monitor, r->guest, r->manifest);
		err = follow_report(r);
	}
	monitor_set(&r->monitor, NULL, NULL);
	monitor_stop(&r->monitor);
	return err;
}

static void record_guest(const struct verification *r)
{
	static const char *const names[][2] = {{"console", "console.log"}, {"manifest", "guest"}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		autofree char *path = NULL;

		if (asprintf(&path, "%s/%s", guest_state_dir(r->guest), names[i][0]) < 0)
			path = NULL;
		else
			record_copy_log(path, r->plan->record, names[i][1], RECORDED_LOG);
	}
}

/* Of a large tree it would be larger than all else, and the host still has that. */
static void record_manifest(const struct verification *r)
{
	autofree char *path = NULL;
	FILE *f = NULL;

	if (!r->manifest || manifest_wait_for(r->manifest, 0) ||
	    manifest_files(r->manifest) > RECORDED_FILES)
		return;
	if (asprintf(&path, "%s/manifest", r->plan->record) < 0)
		path = NULL;
	f = path ? fopen(path, "we") : NULL;
	if (f) {
		manifest_save(r->manifest, f);
		fclose(f);
	}
}

static void end_server(struct verification *r)
{
	server_child_stop(&r->server);
	if (r->plan->record)
		record_copy_log(r->server.log, r->plan->record, "server.log", RECORDED_LOG);
	r->result->server = server_child_last_line(&r->server);
	server_child_done(&r->server);
}

static void done(struct verification *r)
{
	if (r->guest) {
		r->result->boot_seconds = guest_boot_seconds(r->guest);
		r->result->has_kvm = guest_has_kvm(r->guest);
		if (r->plan->record)
			record_guest(r);
	}
	guest_free(r->guest);
	if (r->has_server)
		end_server(r);
	compare_free(r->compare);
	if (r->plan->record && (r->has_findings || r->result->end == RUN_FAILED))
		record_manifest(r);
	manifest_free(r->own);
	if (r->copy)
		fclose(r->copy);
	state_folder_done(&r->folder);
	free(r->line);
	free(r->release);
	free(r->options);
	free(r->failed);
	free(r->error);
	free(r->text);
}

void run_verify(const struct run_plan *plan, const struct run_listener *l, void *ctx,
		struct run_result *ret_r)
{
	struct verification r = {
		.plan = plan,
		.l = l,
		.ctx = ctx,
		.result = ret_r,
		.folder = STATE_FOLDER_INIT,
		.server = {.child = CHILD_INIT},
		.manifest = plan->manifest,
		.cache = plan->caches,
		.msize = plan->msizes,
		.is_first = true,
		.line = malloc(LINE_LIMIT + 1),
	};
	int err;

	*ret_r = (struct run_result){0};
	monitor_block_signals();
	err = r.line ? make_folder(&r) : -ENOMEM;
	if (plan->record) {
		autofree char *path = NULL;

		if (asprintf(&path, "%s/report", plan->record) < 0)
			path = NULL;
		r.copy = path ? fopen(path, "we") : NULL;
	}
	if (!err)
		err = run_guest(&r);
	/* What a guest said before it failed is seen all the same. */
	if (err && ret_r->end != RUN_INTERRUPTED && r.compare &&
	    compare_tally(r.compare)->n_findings)
		tell_mount(&r);
	if (err && ret_r->end == RUN_DONE)
		failf(&r, RUN_FAILED, "%s", strerror(-err));
	done(&r);
	if (r.monitor.signal)
		ret_r->signal = r.monitor.signal;
}

void run_result_done(struct run_result *r)
{
	free(r->why);
	free(r->console);
	free(r->server);
}
