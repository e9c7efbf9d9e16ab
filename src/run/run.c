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
#include "inquiry.h"
#include "job-text.h"
#include "kernel.h"
#include "look.h"
#include "manifest.h"
#include "pause.h"
#include "programs.h"

#define TICK_MS 200
#define RECORDED_FILES 10000

struct verification {
	const struct run_plan *plan;
	const struct run_listener *l;
	void *ctx;
	struct run_result *result;
	struct stage stage;
	struct manifest *own, *manifest; /* the one we made, the one in use */
	struct compare *compare;	 /* of the running walk */
	struct inquiry inquiry;		 /* about the walk */
	unsigned walks;
	const char *const *cache; /* of the mount that is being dealt with; its end: no more */
	const unsigned *msize;
	bool is_first; /* mount */
	char *release, *options;
	char *failed, *error, *text; /* of the last statement that failed */
	int exec_status;
	bool has_findings;
};

/* A word of a report's line, in place of the one before; it goes to terminals. */
static int keep_word(const char **at, char **kept)
{
	char *word;
	int err = field_shown(at, &word);

	if (!err) {
		free(*kept);
		*kept = word;
	}
	return err;
}

static void tell_progress(struct verification *r, const char *what, uint64_t files, uint64_t bytes)
{
	if (r->l->progress)
		r->l->progress(r->ctx, what, files, bytes);
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
		return stage_failf(&r->stage, RUN_FAILED, "%s vanished while it was being verified",
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

/* Which layer is to blame. */
static void conclude(struct verification *r)
{
	if (!r->compare || r->plan->without_blame)
		return;
	if (r->inquiry.is_log && !guest_has_share_log(r->stage.guest)) {
		r->inquiry.recording = NULL;
		r->inquiry.no_recording = "QEMU's log of its server grew too large";
	}
	inquiry_conclude(&r->inquiry, compare_tally(r->compare));
}

static int end_walk(struct verification *r)
{
	int err = check_share(r);

	if (err)
		return err;
	conclude(r);
	tell_mount(r);
	inquiry_done(&r->inquiry);
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
		return stage_failf(&r->stage, RUN_ENVIRONMENT, "cannot start to read %s: %s",
				   r->plan->dir, strerror(-err));
	r->manifest = r->own;
	stage_watch(&r->stage, r->manifest);
	return 0;
}

static int wait_for_manifest(struct verification *r)
{
	uint64_t files, bytes;
	int err;

	while ((err = manifest_wait_for(r->manifest, TICK_MS)) == -ETIMEDOUT) {
		manifest_progress(r->manifest, &files, &bytes);
		tell_progress(r, "host", files, bytes);
	}
	if (err && err != -ECANCELED)
		return stage_failf(&r->stage, RUN_ENVIRONMENT, "cannot read %s: %s", r->plan->dir,
				   strerror(-err));
	return err;
}

/* What the client asks for in one Tread, at most. QEMU's server has a rule of its own for what it
 * answers to open: whole blocks of the host's file system. */
static uint64_t read_size(const struct verification *r)
{
	const char *at = r->options ? strstr(r->options, "msize=") : NULL;
	unsigned long msize = at ? strtoul(at + 6, NULL, 10) : *r->msize;
	uint32_t iounit = r->plan->server.iounit, room;
	struct statvfs st;

	if (msize < 4096 || msize > UINT32_MAX)
		return 0;
	room = corpus_read_size((uint32_t)msize, 0);
	if (r->plan->share == SHARE_QEMU_9PFS && !fstatvfs(r->plan->dir_fd, &st) && st.f_bsize)
		iounit = room - room % (uint32_t)st.f_bsize;
	return corpus_read_size((uint32_t)msize, iounit);
}

static void begin_inquiry(struct verification *r)
{
	const struct kernel *k = r->plan->kernel;

	r->inquiry = (struct inquiry){
		.manifest = r->manifest,
		.recording = r->stage.recording,
		.is_log = r->plan->share == SHARE_QEMU_9PFS,
		.walk = r->walks,
		.has_writes = r->plan->exec && r->is_first,
		.is_uncached = !strcmp(*r->cache, "none"),
		/* Debian's own releases do not tell which version they are of. */
		.kernel = {k->version && *k->version ? k->version : r->release, k->edits},
	};
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
	if (!err && r->plan->manifest)
		compare_with_old_manifest(r->compare);
	if (!err)
		begin_inquiry(r);
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
	if (!strcmp(statement, "sync"))
		return start_manifest(r);
	return !strcmp(statement, "look") && r->compare ? end_walk(r) : 0;
}

static int take_failed(struct verification *r, const char *at)
{
	if (keep_word(&at, &r->failed) < 0 || keep_word(&at, &r->error) < 0 ||
	    keep_word(&at, &r->text) < 0) {
		forget_failure(r); /* it is told whole, or not at all */
		return -EINVAL;
	}
	if (!strcmp(r->failed, "exec") && strcmp(r->error, "ECANCELED") != 0)
		return stage_failf(&r->stage, RUN_FAILED, "the guest cannot run /bin/sh: %s",
				   r->text);
	if (!strcmp(r->failed, "exec"))
		return stage_failf(&r->stage, RUN_FAILED,
				   "the command ended with exit code %d in the guest",
				   r->exec_status);
	if (!strcmp(r->failed, "trace"))
		return stage_failf(&r->stage, RUN_ENVIRONMENT,
				   "%s: choose another kernel or other events", r->text);
	if (!strcmp(r->failed, "fragment"))
		return stage_failf(
			&r->stage, RUN_FAILED,
			"the guest's memory cannot be broken into pieces (%s): give it more "
			"(--memory), or a smaller --fragment",
			r->error);
	/* The walk itself was complete. */
	if (!strcmp(r->failed, "look") && r->compare) {
		forget_failure(r);
		return end_walk(r);
	}
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
	if (r->l->output)
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
	return stage_failf(&r->stage, RUN_FAILED, "the probe was ended by %s in the guest", name);
}

static int take_greeting(struct verification *r, const char *at)
{
	uint64_t version;

	if (field_u64(&at, &version) < 0 || version != REPORT_VERSION)
		return stage_failf(&r->stage, RUN_FAILED,
				   "the probe speaks another version of the report");
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

/* The guest asks what it shall read again. */
static int take_look(struct verification *r, const char *at)
{
	int err;

	(void)at;
	if (!r->compare || r->plan->without_blame)
		return -EINVAL;
	err = inquiry_ask(&r->inquiry, compare_tally(r->compare), guest_terminal(r->stage.guest),
			  guest_interrupt_fd(r->stage.guest));
	if (err == -EINTR)
		return -ECANCELED; /* why, the stage knows */
	return err == -EINVAL || !err
		       ? err
		       : stage_failf(&r->stage, RUN_FAILED,
				     "cannot ask the guest for a second look: %s", strerror(-err));
}

/* For the second look there is a mount of its own. */
static int take_mounted(struct verification *r, const char *at)
{
	if (r->inquiry.look)
		return 0;
	return keep_word(&at, &r->options);
}

/* The guest waits: the host's turn. */
static int take_paused(struct verification *r, const char *at)
{
	int err;

	if (strcmp(at, JOB_PAUSE) != 0 || !r->plan->meanwhile)
		return -EINVAL;
	err = pause_use(r->stage.guest, r->plan->meanwhile, r->plan->meanwhile_ctx);
	if (err)
		return stage_failf(&r->stage, RUN_ENVIRONMENT,
				   err == -ENOTSUP ? "the memory of this guest is not in a file"
						   : "cannot do it while the guest waits: %s",
				   strerror(-err));
	return start_manifest(r);
}

static int take_nothing(struct verification *r, const char *at)
{
	(void)r;
	(void)at;
	return 0;
}

static const struct {
	const char *word;
	int (*take)(struct verification *r, const char *at);
} words[] = {
	{"warren-probe", take_greeting}, {"done", take_done},	  {"failed", take_failed},
	{"mounted", take_mounted},	 {"out", take_output},	  {"exit", take_exit},
	{"crash", take_crash},		 {"end", take_nothing},	  {"fact", take_fact},
	{"started", take_nothing},	 {"paused", take_paused}, {"look", take_look},
};

static int take_tree_line(struct verification *r, const char *line)
{
	int err;

	if (!r->compare && strncmp(line, "walk ", 5) == 0)
		return *r->cache ? take_walk(r, line) : -EINVAL;
	if (!r->compare)
		return -EINVAL;
	if (r->inquiry.look)
		return look_line(r->inquiry.look, line);
	err = compare_line(r->compare, line);
	if (!err && compare_tally(r->compare)->is_complete && r->plan->without_blame)
		err = end_walk(r);
	return err;
}

static int take_line(void *ctx, const char *line)
{
	struct verification *r = ctx;
	size_t len = strcspn(line, " ");

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i].word) == len && !memcmp(words[i].word, line, len))
			return words[i].take(r, line + len + strspn(line + len, " "));
	return take_tree_line(r, line);
}

static int tick(void *ctx)
{
	struct verification *r = ctx;
	const struct tally *t = r->compare ? compare_tally(r->compare) : NULL;

	tell_progress(r, t ? "guest" : "boot", t ? t->files : 0, t ? t->bytes : 0);
	return 0;
}

static struct stage_plan plan_stage(const struct run_plan *p)
{
	return (struct stage_plan){
		.dir = p->dir,
		.guest = p->guest,
		.share = p->share,
		.kernel = p->kernel,
		.qemu = p->qemu,
		.warren = p->warren,
		.probe = p->probe,
		.memory_mib = p->memory_mib,
		.silence_limit_s = p->silence_limit_s,
		.server = p->server,
		.terminal = !p->without_blame,
		.has_recording = !p->without_blame,
		.debug_mask = p->debug_mask,
		.trace = p->trace,
		.cpu = p->cpu,
		.writable_root = p->writable_root,
		.programs = p->exec ? programs_usual : NULL,
		/* As Debian configures its kernels: what a read leaves out is then zeros. */
		.kernel_args = p->fragment ? "init_on_alloc=1" : NULL,
		.record = p->record,
	};
}

static int start_guest(struct verification *r)
{
	const struct run_plan *p = r->plan;
	const struct job_plan plan = {
		.source = r->stage.source,
		.options = r->stage.options,
		.caches = p->caches,
		.ways = p->ways,
		.msizes = p->msizes,
		.exec = p->exec,
		.reader_faults = p->reader_faults,
		.preload = p->preload,
		.pause = p->meanwhile != NULL,
		.fragment = p->fragment,
		.is_looking = !p->without_blame,
	};
	autofree char *job = job_text(&plan);

	return job ? stage_start_guest(&r->stage, job)
		   : stage_failf(&r->stage, RUN_FAILED, "%s", strerror(ENOMEM));
}

static int run_guest(struct verification *r, const struct stage_plan *plan)
{
	int err = stage_init(&r->stage, plan);

	if (!err && !r->plan->exec && !r->plan->meanwhile)
		err = start_manifest(r);
	if (!err)
		err = start_guest(r);
	return err ? err : stage_follow(&r->stage, take_line, tick, r);
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

static void fill_result(struct verification *r)
{
	struct stage *s = &r->stage;

	r->result->end = s->end;
	r->result->why = steal_ptr(&s->why);
	r->result->console = steal_ptr(&s->console);
	r->result->reports = s->reports;
	s->reports = (struct console_reports){0};
	if (s->has_monitor)
		r->result->signal = s->monitor.signal;
	if (s->guest) {
		r->result->boot_seconds = guest_boot_seconds(s->guest);
		r->result->has_kvm = guest_has_kvm(s->guest);
		r->result->is_unconfined = s->is_unconfined;
	}
}

static void done(struct verification *r)
{
	fill_result(r);
	stage_done(&r->stage, &r->result->server);
	inquiry_done(&r->inquiry);
	compare_free(r->compare);
	if (r->plan->record && (r->has_findings || r->result->end == RUN_FAILED))
		record_manifest(r);
	manifest_free(r->own);
	free(r->release);
	free(r->options);
	free(r->failed);
	free(r->error);
	free(r->text);
}

void run_verify(const struct run_plan *plan, const struct run_listener *l, void *ctx,
		struct run_result *ret_r)
{
	const struct stage_plan stage = plan_stage(plan);
	struct verification r = {
		.plan = plan,
		.l = l,
		.ctx = ctx,
		.result = ret_r,
		.manifest = plan->manifest,
		.cache = plan->caches,
		.msize = plan->msizes,
		.is_first = true,
	};
	int err;

	*ret_r = (struct run_result){0};
	err = run_guest(&r, &stage);
	/* What a guest said before it failed is seen all the same. */
	if (err && r.stage.end != RUN_INTERRUPTED && r.compare &&
	    compare_tally(r.compare)->n_findings) {
		conclude(&r);
		tell_mount(&r);
	}
	if (err && r.stage.end == RUN_DONE)
		stage_failf(&r.stage, RUN_FAILED, "%s", strerror(-err));
	done(&r);
}

void run_result_done(struct run_result *r)
{
	free(r->why);
	free(r->console);
	console_reports_done(&r->reports);
	free(r->server);
}
