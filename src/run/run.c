/* SPDX-License-Identifier: MIT */
/* Theory of operation
 *
 * The server starts first, then the guest; the manifest is made in its own thread while the guest
 * boots and reads. This thread follows the report: what concerns the tree goes to the comparison
 * (compare.h), one for each mount, as soon as the manifest is complete; the guest does not wait for
 * that, its report piles up in a file. A monitor thread ends all waiting when the server dies or a
 * signal comes. What a line of the report does is in run-report.c, what a mount comes to in run-walk.c.
 */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compare.h"
#include "job-text.h"
#include "manifest.h"
#include "programs.h"
#include "verification.h"

#define RECORDED_FILES 10000

static int tick(void *ctx)
{
	struct verification *r = ctx;
	const struct tally *t = r->compare ? compare_tally(r->compare) : NULL;

	verification_progress(r, t ? "guest" : "boot", t ? t->files : 0, t ? t->bytes : 0);
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
		err = verification_start_manifest(r);
	if (!err)
		err = start_guest(r);
	return err ? err : stage_follow(&r->stage, verification_line, tick, r);
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
		verification_conclude(&r);
		verification_tell_mount(&r);
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
