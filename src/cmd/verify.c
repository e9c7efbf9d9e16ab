/* SPDX-License-Identifier: MIT */
/* warren verify: share a folder with a guest and prove that it reads what the host holds. */
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "corpus-folder.h"
#include "guest-tell.h"
#include "kernel-lint.h"
#include "kernel.h"
#include "macros.h"
#include "manifest.h"
#include "monitor.h"
#include "path.h"
#include "ready.h"
#include "record.h"
#include "spawn.h"
#include "trace.h"
#include "walk.h"

struct verify {
	struct verify_options o;
	struct run_plan plan;
	struct printer printer;
	struct ready ready;
	struct corpus_spec spec;
	struct corpus_folder corpus;
	char *dir;
	int dir_fd;
	struct manifest *loaded;
};

/* While kernels are fetched: what waits returns -EINTR and removes what it has made. */
static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

static void catch_signals(void)
{
	const struct sigaction act = {.sa_handler = on_signal};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

static int failf(struct verify *v, int status, const char *fmt, ...) printf_like(3, 4);

static int failf(struct verify *v, int status, const char *fmt, ...)
{
	va_list args;
	char *why;

	va_start(args, fmt);
	if (vasprintf(&why, fmt, args) < 0)
		why = NULL;
	va_end(args);
	return print_failure(&v->printer, status, why, NULL);
}

static int open_dir(struct verify *v)
{
	struct stat st;

	if (stat(v->o.dir, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return cmd_usage_error("verify", "there is no folder %s", v->o.dir);
	v->dir_fd = open(v->o.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->dir_fd < 0 && errno == ENOTDIR)
		return cmd_usage_error("verify", "%s is not a folder", v->o.dir);
	v->dir = v->dir_fd < 0 ? NULL : realpath(v->o.dir, NULL);
	if (!v->dir)
		return failf(v, EXIT_ENVIRONMENT, "cannot read %s: %s%s", v->o.dir, strerror(errno),
			     errno == EACCES ? "; run as a user who may" : "");
	return EXIT_OK;
}

/* The boundaries are those of the mounts that are made. */
static int plan_corpus(struct verify *v)
{
	const char *bad;
	char *why = NULL;

	if (corpus_parse(v->o.corpus, &v->spec, &bad) < 0)
		return cmd_usage_error("verify",
				       "--corpus '%.*s': give sizes=, seed=, generation=, msize= "
				       "or iounit=",
				       (int)strcspn(bad, ","), bad);
	if (v->o.msizes[0]) {
		for (v->spec.n_msizes = 0; v->o.msizes[v->spec.n_msizes]; v->spec.n_msizes++)
			v->spec.msizes[v->spec.n_msizes] = v->o.msizes[v->spec.n_msizes];
	}
	if (v->o.has_iounit)
		v->spec.iounit = v->o.iounit;
	v->o.iounit = v->spec.iounit;
	if (corpus_folder_make(&v->spec, &v->corpus, &why))
		return print_failure(&v->printer, EXIT_ENVIRONMENT, why, NULL);
	v->dir = strdup(v->corpus.dir);
	v->dir_fd = fcntl(v->corpus.fd, F_DUPFD_CLOEXEC, 3);
	return v->dir && v->dir_fd >= 0 ? EXIT_OK
					: failf(v, EXIT_ENVIRONMENT, "%s", strerror(ENOMEM));
}

static int open_failure(struct verify *v, const char *what, const char *path)
{
	return failf(v, EXIT_ENVIRONMENT, "cannot %s %s: %s", what, path, strerror(errno));
}

static int save_manifest(struct verify *v)
{
	autofclose FILE *f = fopen(v->o.save_manifest, "we");
	struct manifest *m;
	int r;

	if (!f)
		return open_failure(v, "write", v->o.save_manifest);
	r = manifest_start(v->dir_fd, &m);
	if (r)
		return failf(v, EXIT_ENVIRONMENT, "cannot read %s: %s", v->dir, strerror(-r));
	while ((r = manifest_wait_for(m, 200)) == -ETIMEDOUT) {
		uint64_t files, bytes;

		manifest_progress(m, &files, &bytes);
		printer_listener.progress(&v->printer, "host", files, bytes);
		if (caught)
			manifest_cancel(m);
	}
	if (!r)
		r = manifest_save(m, f);
	manifest_free(m);
	if (r) {
		unlink(v->o.save_manifest);
		return caught ? failf(v, 128 + caught, "interrupted")
			      : failf(v, EXIT_ENVIRONMENT, "cannot write %s: %s",
				      v->o.save_manifest, strerror(-r));
	}
	return EXIT_OK;
}

static int load_manifest(struct verify *v)
{
	autofclose FILE *f = fopen(v->o.manifest, "re");
	unsigned line = 0;
	int r;

	if (!f)
		return open_failure(v, "read", v->o.manifest);
	r = manifest_load(f, v->dir_fd, &v->loaded, &line);
	if (r)
		return cmd_usage_error("verify", "%s is no manifest of --save-manifest (line %u)",
				       v->o.manifest, line);
	return EXIT_OK;
}

/* Linux 6.4 made cache=readahead. */
static void choose_caches(struct verify *v)
{
	char **to = v->o.caches;

	if (!v->o.all_caches || strverscmp(v->ready.kernel->version, "6.4") >= 0)
		return;
	for (char **from = v->o.caches; *from; from++)
		if (strcmp(*from, "readahead") != 0)
			*to++ = *from;
	*to = NULL;
}

static int make_ready(struct verify *v)
{
	char *why = NULL;
	int status = ready_make(&v->o.wish, &v->ready, &why);

	if (status && caught) {
		free(why);
		return failf(v, 128 + caught, "interrupted");
	}
	if (!status)
		status = instrument_check(&v->o.instruments, v->ready.kernel, &why);
	if (status)
		return print_failure(&v->printer, status, why, NULL);
	v->plan.kernel = v->ready.kernel;
	choose_caches(v);
	return v->o.manifest ? load_manifest(v) : EXIT_OK;
}

/* What was not asked for is left to the share, or to the corpus, which is made to find things. */
static void choose_msizes(struct verify *v)
{
	if (v->o.msizes[0])
		return;
	if (v->o.corpus)
		for (size_t i = 0; i < v->spec.n_msizes; i++)
			v->o.msizes[i] = v->spec.msizes[i];
	else
		v->o.msizes[0] = ready_msize(v->ready.share);
}

/* What is shared and what is done with it is the proof's own. */
static int run_proof(struct verify *v)
{
	const unsigned msizes[] = {ready_msize(v->ready.share), 0};
	const struct run_plan plan = {
		.guest = v->o.wish.guest,
		.share = v->ready.share,
		.kernel = v->ready.kernel,
		.qemu = (const char *const *)v->ready.qemu,
		.msizes = msizes,
		.warren = v->ready.warren,
		.probe = v->ready.probe,
		.memory_mib = v->o.memory_mib,
		.silence_limit_s = v->o.timeout_s,
		.cpu = v->o.cpu,
	};

	monitor_block_signals();
	return caught ? failf(v, 128 + caught, "interrupted") : verify_prove(&v->o, &plan);
}

/* What the guest's kernel did is in the record. */
static void lint_tracepoints(const struct verify *v)
{
	autofree char *path = NULL;

	if (!v->printer.recorded || asprintf(&path, "%s/trace", v->printer.recorded) < 0)
		return;
	if (kernel_log_is(path))
		trace_lint_kernel(path, v->o.json, false);
}

/* Of what the server recorded, in the user's file or in the record of the run. */
static void lint_messages(const struct verify *v)
{
	autofree char *path = NULL;

	if (v->o.recording)
		path = strdup(v->o.recording);
	else if (v->plan.record)
		path = path_join(v->plan.record, STAGE_RECORDING);
	if (path && !access(path, R_OK))
		trace_lint_after(path, v->o.json);
}

static int run(struct verify *v)
{
	struct run_result result;
	int status;

	choose_msizes(v);
	v->plan = (struct run_plan){
		.dir = v->dir,
		.dir_fd = v->dir_fd,
		.guest = v->o.wish.guest,
		.share = v->ready.share,
		.kernel = v->ready.kernel,
		.qemu = (const char *const *)v->ready.qemu,
		.caches = (const char *const *)v->o.caches,
		.msizes = v->o.msizes,
		.ways = (const char *const *)v->o.ways,
		.server = {.iounit = v->o.iounit,
			   .guard = v->o.guard,
			   .recording = v->o.recording,
			   .faults = v->o.faults},
		.fragment = v->o.fragment,
		.exec = v->o.exec,
		.writable_root = v->o.writable_root,
		.warren = v->ready.warren,
		.probe = v->ready.probe,
		.memory_mib = v->o.memory_mib,
		.silence_limit_s = v->o.timeout_s,
		.manifest = v->loaded,
		.debug_mask = v->o.instruments.mask,
		.trace = (const char *const *)v->o.instruments.events,
		.cpu = v->o.cpu,
		.without_blame = v->o.no_blame,
	};
	monitor_block_signals();
	if (caught)
		return failf(v, 128 + caught, "interrupted");
	if (v->o.n_scenarios)
		return verify_scenarios(&v->printer);
	if (v->o.corpus)
		v->printer.corpus = corpus_text(&v->spec);
	recording_begin(&v->printer);
	v->plan.record = record_folder(v->printer.record);
	run_verify(&v->plan, &printer_listener, &v->printer, &result);
	if (result.end == RUN_DONE)
		lint_messages(v);
	recording_end(&v->printer, &result, end_status(&v->printer, &result));
	status = print_end(&v->printer, &result);
	if (v->o.exec && result.is_unconfined)
		tell_unconfined();
	if (v->o.instruments.trace)
		lint_tracepoints(v);
	recording_tell(&v->printer);
	run_result_done(&result);
	return status;
}

static void done(struct verify *v)
{
	page_done(&v->printer);
	ready_done(&v->ready);
	manifest_free(v->loaded);
	if (v->dir_fd >= 0)
		close(v->dir_fd);
	corpus_folder_done(&v->corpus);
	free(v->dir);
	free(v->o.caches[0]);
	free(v->o.ways[0]);
	strv_free(v->o.settings);
	instrument_done(&v->o.instruments);
	free(v->printer.recorded);
	free(v->printer.corpus);
}

int cmd_verify(int argc, char **argv)
{
	struct verify v = {.dir_fd = -1, .corpus = CORPUS_FOLDER_INIT};
	int status;

	if (verify_parse(argc, argv, &v.o, &status) < 0)
		return status;
	printer_init(&v.printer, &v.o, &v.plan);
	walk_raise_fd_limit();
	catch_signals();
	if (v.o.prove) {
		status = make_ready(&v);
		status = status ? status : run_proof(&v);
		done(&v);
		return status;
	}
	status = page_begin(&v.printer);
	if (!status)
		status = v.o.n_scenarios ? EXIT_OK : v.o.corpus ? plan_corpus(&v) : open_dir(&v);
	if (!status && v.o.save_manifest)
		status = save_manifest(&v);
	else if (!status && !(status = make_ready(&v)))
		status = run(&v);
	done(&v);
	return status;
}
