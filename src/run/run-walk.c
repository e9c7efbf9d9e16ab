/* SPDX-License-Identifier: MIT */
/* One mount of a verification: its walk is compared with the host's manifest, the blame found, all told. */
#include "verification.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cleanup.h"
#include "compare.h"
#include "corpus.h"
#include "kernel.h"
#include "manifest.h"
#include "run.h"

#define TICK_MS 200

void verification_progress(struct verification *r, const char *what, uint64_t files, uint64_t bytes)
{
	if (r->l->progress)
		r->l->progress(r->ctx, what, files, bytes);
}

void verification_tell_mount(struct verification *r)
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

void verification_forget_failure(struct verification *r)
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
void verification_conclude(struct verification *r)
{
	if (!r->compare || r->plan->without_blame)
		return;
	if (r->inquiry.is_log && !guest_has_share_log(r->stage.guest)) {
		r->inquiry.recording = NULL;
		r->inquiry.no_recording = "QEMU's log of its server grew too large";
	}
	inquiry_conclude(&r->inquiry, compare_tally(r->compare));
}

int verification_end_walk(struct verification *r)
{
	int err = check_share(r);

	if (err)
		return err;
	verification_conclude(r);
	verification_tell_mount(r);
	inquiry_done(&r->inquiry);
	compare_free(r->compare);
	r->compare = NULL;
	next_mount(r);
	verification_forget_failure(r);
	free(steal_ptr(&r->options));
	return 0;
}

int verification_start_manifest(struct verification *r)
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
		verification_progress(r, "host", files, bytes);
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

int verification_begin_walk(struct verification *r, const char *line)
{
	int err = verification_start_manifest(r);

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
