/* SPDX-License-Identifier: MIT */
/* What `warren verify` says: verdicts on standard output, progress and errors on standard error. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "cmd.h"
#include "compare.h"
#include "guest-tell.h"
#include "kernel.h"
#include "logging.h"
#include "record.h"
#include "verdict.h"
#include "verify.h"

#define TTY_INTERVAL_NS (100 * NS_PER_MS)
#define LOG_INTERVAL_NS (5 * NS_PER_SEC)

void printer_init(struct printer *p, const struct verify_options *o, const struct run_plan *plan)
{
	*p = (struct printer){
		.o = o,
		.plan = plan,
		.is_tty = isatty(2),
		.started_ns = clock_now_ns(),
	};
	p->told_ns = p->started_ns;
}

/* Takes the line of progress away. */
static void clear_line(struct printer *p)
{
	if (p->has_line)
		fputs("\r\033[K", stderr);
	p->has_line = false;
}

static void on_progress(void *ctx, const char *what, uint64_t files, uint64_t bytes)
{
	struct printer *p = ctx;
	uint64_t now = clock_now_ns();
	char size[32];

	if (p->o->quiet || now - p->told_ns < (p->is_tty ? TTY_INTERVAL_NS : LOG_INTERVAL_NS))
		return;
	p->told_ns = now;
	clear_line(p);
	if (!strcmp(what, "boot"))
		fprintf(stderr, "warren: the guest boots");
	else
		fprintf(stderr, "warren: %s: %" PRIu64 " files, %s", what, files,
			bytes_text(size, bytes));
	if (p->is_tty)
		p->has_line = true;
	else
		fputc('\n', stderr);
	fflush(stderr);
}

static void on_output(void *ctx, const char *bytes, size_t n)
{
	struct printer *p = ctx;

	clear_line(p);
	if (p->o->json)
		json_output(bytes, n);
	else
		fwrite(bytes, 1, n, stderr);
}

/* "6.12.95" of "6.12.95+deb12-amd64"; Debian's own images say less than their manifest does. */
static const char *kernel_version(const struct printer *p, const struct mount_result *m, char *buf,
				  size_t size)
{
	if (p->plan->kernel->version && *p->plan->kernel->version)
		return p->plan->kernel->version;
	snprintf(buf, size, "%.*s", (int)strspn(m->release ? m->release : "", "0123456789."),
		 m->release ? m->release : "");
	return *buf ? buf : "of unknown version";
}

static unsigned long shown_msize(const struct mount_result *m)
{
	const char *at = m->options ? strstr(m->options, "msize=") : NULL;

	return at ? strtoul(at + 6, NULL, 10) : m->msize;
}

static void print_mount(struct printer *p, const struct mount_result *m,
			const struct circumstances *c)
{
	autofree char *sentence = verdict_sentence(m->tally, c);

	record_mount(p->record, p->plan, m, c, sentence);
	if (p->o->json) {
		json_mount(m, c, sentence);
		return;
	}
	printf("%s\n", sentence ? sentence : "out of memory");
	verdict_evidence(stdout, m->tally);
	fflush(stdout);
}

static bool is_missing_feature(const struct mount_result *m)
{
	return m->text && !strcmp(m->text, "no 9p in this kernel");
}

/* A mount mode that this kernel does not know, or a kernel without 9P: the environment's fault. */
static int mount_failure_status(const struct mount_result *m)
{
	return is_missing_feature(m) || (!strcmp(m->failed, "mount") && !strcmp(m->error, "EINVAL"))
		       ? EXIT_ENVIRONMENT
		       : EXIT_GUEST;
}

static char *mount_failure_text(const struct mount_result *m, const char *version)
{
	char *text;
	int n;

	if (is_missing_feature(m))
		n = asprintf(&text,
			     "Linux %s has no 9P file system: choose another kernel with --kernel",
			     version);
	else if (!strcmp(m->failed, "mount") && !strcmp(m->error, "EINVAL"))
		n = asprintf(
			&text,
			"Linux %s does not take this mount (EINVAL): it may not know cache=%s; "
			"choose another with --cache, or another kernel with --kernel",
			version, m->cache);
	else
		n = asprintf(&text, "the guest's %s failed with cache=%s: %s (%s)%s", m->failed,
			     m->cache, m->error, m->text,
			     !strcmp(m->error, "ENOMEM")
				     ? ": give it more memory (--memory), or a smaller --msize"
				     : "");
	return n < 0 ? NULL : text;
}

static void print_mount_failure(struct printer *p, const struct mount_result *m,
				const char *version)
{
	autofree char *text = m->failed ? mount_failure_text(m, version)
					: strdup("the guest did not mount the share");
	int status = m->failed ? mount_failure_status(m) : EXIT_GUEST;
	struct mount_result failure = *m;

	p->failed++;
	failure.tally = NULL; /* what there was of a verdict is recorded */
	record_mount(p->record, p->plan, &failure, NULL, NULL);
	if (p->o->json)
		json_mount_failure(m->cache, m->error, text);
	else
		log_error("%s", text ? text : strerror(ENOMEM));
	if (p->status != EXIT_DIFFERENT)
		p->status = p->status == EXIT_GUEST ? EXIT_GUEST : status;
}

static void count_verdict(struct printer *p, enum verdict v)
{
	switch (v) {
	case VERDICT_OK:
		p->ok++;
		break;
	case VERDICT_DAMAGED:
		p->damaged++;
		p->status = EXIT_DIFFERENT;
		break;
	case VERDICT_NONE:
		p->failed++;
		if (p->status != EXIT_DIFFERENT)
			p->status = EXIT_GUEST;
		break;
	}
}

static void on_mount_done(void *ctx, const struct mount_result *m)
{
	struct printer *p = ctx;
	char version[64];
	const struct circumstances c = {
		.version = kernel_version(p, m, version, sizeof(version)),
		.guest = p->plan->guest == GUEST_UML ? "UML" : "QEMU",
		.server = p->plan->share == SHARE_QEMU_9PFS ? "its own 9pfs" : NULL,
		.transport = p->plan->share == SHARE_TCP ? "tcp" : "virtio",
		.cache = m->cache,
		.msize = shown_msize(m),
	};

	clear_line(p);
	/* What was found before it failed is found. */
	if (m->tally && (!m->failed || m->tally->n_findings)) {
		print_mount(p, m, &c);
		count_verdict(p, verdict_of(m->tally));
	}
	if (m->failed || !m->tally)
		print_mount_failure(p, m, c.version);
}

static void on_fact(void *ctx, const char *name, const char *value)
{
	record_fact(((struct printer *)ctx)->record, name, value);
}

const struct run_listener printer_listener = {
	.mount_done = on_mount_done,
	.progress = on_progress,
	.output = on_output,
	.fact = on_fact,
};

int print_failure(struct printer *p, int status, char *why, const char *console)
{
	clear_line(p);
	if (!p->o->json)
		tell_console(console);
	log_error("%s", why ? why : strerror(ENOMEM));
	if (p->o->json) {
		const struct run_result r = {.end = RUN_FAILED};

		p->status = status;
		json_verdict(p, &r, why ? why : strerror(ENOMEM));
	}
	free(why);
	return status;
}

int end_status(const struct printer *p, const struct run_result *r)
{
	switch (r->end) {
	case RUN_DONE:
		break;
	case RUN_ENVIRONMENT:
		return p->damaged ? EXIT_DIFFERENT : EXIT_ENVIRONMENT;
	case RUN_FAILED:
		return p->damaged ? EXIT_DIFFERENT : EXIT_GUEST;
	case RUN_INTERRUPTED:
		return 128 + r->signal;
	}
	if (!p->status && r->reports.bugs)
		return EXIT_GUEST;
	return p->ok || p->damaged || p->failed ? p->status : EXIT_GUEST;
}

/* A kernel that is broken proves nothing, whatever the bytes are. */
static void print_reports(struct printer *p, const struct console_reports *r)
{
	if (p->o->json)
		for (size_t i = 0; i < r->n; i++)
			json_kernel_report(&r->kept[i]);
	else
		tell_kernel_reports(stdout, r);
	p->status = !p->status && r->bugs ? EXIT_GUEST : p->status;
}

int print_end(struct printer *p, const struct run_result *r)
{
	clear_line(p);
	if (p->o->stats)
		json_server(stderr, r);
	print_reports(p, &r->reports);
	if (r->end != RUN_DONE)
		return print_failure(p, end_status(p, r),
				     strdup(r->end == RUN_INTERRUPTED ? "interrupted"
					    : r->why		      ? r->why
								      : ""),
				     r->end == RUN_INTERRUPTED ? NULL : r->console);
	if (!p->ok && !p->damaged && !p->failed)
		return print_failure(p, EXIT_GUEST, strdup("the guest reached no verdict"), NULL);
	if (p->o->json)
		json_verdict(p, r, NULL);
	return p->status;
}
