/* SPDX-License-Identifier: MIT */
#include "lab-trials.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "compare.h"
#include "kernel.h"
#include "logging.h"
#include "run.h"
#include "text.h"
#include "verdict.h"

int trials_open(struct trials *t, const char *verb)
{
	char *why = NULL;

	if (t->corpus_arg) {
		if (corpus_folder_make(&t->spec, &t->corpus, &why)) {
			log_error("%s", why ? why : strerror(ENOMEM));
			free(why);
			return EXIT_ENVIRONMENT;
		}
		t->dir = strdup(t->corpus.dir);
		t->dir_fd = fcntl(t->corpus.fd, F_DUPFD_CLOEXEC, 3);
		return EXIT_OK;
	}
	t->dir_fd = open(t->dir_arg, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->dir = t->dir_fd < 0 ? NULL : realpath(t->dir_arg, NULL);
	if (!t->dir)
		return cmd_usage_error(verb, "there is no folder %s: %s", t->dir_arg,
				       strerror(errno));
	return EXIT_OK;
}

void trials_done(struct trials *t)
{
	while (t->prepared) {
		struct prepared *p = t->prepared;

		t->prepared = p->next;
		ready_done(&p->ready);
		free(p->why);
		free(p);
	}
	if (t->dir_fd >= 0)
		close(t->dir_fd);
	free(t->dir);
	corpus_folder_done(&t->corpus);
}

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* What the words mean; *RET_WHY when they do not go together. */
static int make_wish(const struct trials *t, const struct prepared *p, struct wish *w,
		     char **ret_why)
{
	int status = ready_guest_of(p->kernel, &w->guest, ret_why);

	if (status)
		return status;
	if (!is(p->guest, "own") && is(p->guest, "qemu") != (w->guest == GUEST_QEMU)) {
		*ret_why = strdup("the kernel is for the other kind of guest");
		return EXIT_ENVIRONMENT;
	}
	w->kernel = p->kernel;
	w->qemu = w->guest == GUEST_QEMU ? t->qemu : NULL;
	w->qemu_server = is(p->share, "qemu");
	w->share = is(p->share, "tcp")	   ? SHARE_BY_TCP
		   : is(p->share, "vhost") ? SHARE_BY_VHOST
					   : SHARE_BY_DEFAULT;
	if (w->guest == GUEST_UML && (w->qemu_server || w->share == SHARE_BY_TCP)) {
		*ret_why = strdup("UML has warren's share by vhost-user only");
		return EXIT_ENVIRONMENT;
	}
	return EXIT_OK;
}

const struct prepared *trials_prepare(struct trials *t, const char *kernel, const char *guest,
				      const char *share)
{
	struct prepared *p = t->prepared;
	struct wish wish = {0};

	while (p && (!is(p->kernel, kernel) || !is(p->guest, guest) || !is(p->share, share)))
		p = p->next;
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	*p = (struct prepared){
		.next = t->prepared, .kernel = kernel, .guest = guest, .share = share};
	t->prepared = p;
	p->status = make_wish(t, p, &wish, &p->why);
	if (!p->status)
		p->status = ready_make(&wish, &p->ready, &p->why);
	return p;
}

/* What comes out of one boot, which has one mount. */
struct catcher {
	const struct trials *trials;
	struct boot *boot;
	bool has_verdict, is_refused; /* the kernel does not know this mount */
};

static size_t find_reader(const char *const *readers, const char *step)
{
	size_t i = 0;

	while (readers[i] && !is(readers[i], step))
		i++;
	return i;
}

/* At the end of the walk the first way reads again what the last has left: that tells of the last.
 */
static uint32_t readers_of(const struct catcher *c, const struct tally *tally, uint64_t steps)
{
	uint32_t readers = 0;
	uint64_t seen = 0;

	for (size_t i = 0; i < tally->n_steps; i++) {
		size_t reader = find_reader(c->trials->readers, tally->steps[i]);

		if (!c->trials->readers[reader] || seen >> reader & 1)
			continue;
		seen |= UINT64_C(1) << reader;
		if (steps >> i & 1)
			readers |= UINT32_C(1) << reader;
	}
	return readers;
}

static void note_failure(struct catcher *c, const struct mount_result *m)
{
	c->is_refused = m->error && is(m->error, "EINVAL");
	if (!c->boot->text && asprintf(&c->boot->text, "%s: %s", m->failed ? m->failed : "mount",
				       m->error ? m->error : "failed") < 0)
		c->boot->text = NULL;
}

static void note_verdict(struct catcher *c, const struct tally *t)
{
	c->has_verdict = verdict_of(t) != VERDICT_NONE;
	c->boot->is_damaged = t->n_findings > 0;
	for (const struct finding *f = t->findings; f; f = f->next)
		c->boot->readers |= readers_of(c, t, f->steps);
	if (!c->has_verdict && !c->boot->text)
		c->boot->text = strdup(t->n_starved ? "the guest ran out of memory (ENOMEM)"
						    : "no way of reading works");
	if (t->findings && !c->boot->text) {
		const char *name = t->findings->path;
		autofree char *sentence = finding_sentence(t, t->findings);
		autofree char *path = text_printable(name, strlen(name));

		if (asprintf(&c->boot->text, "%s: %s", path ? path : "", sentence ? sentence : "") <
		    0)
			c->boot->text = NULL;
	}
}

/* What was found before it failed is found. */
static void on_mount(void *ctx, const struct mount_result *m)
{
	struct catcher *c = ctx;

	if (m->tally && (!m->failed || m->tally->n_findings))
		note_verdict(c, m->tally);
	else
		note_failure(c, m);
}

static const struct run_listener catcher_listener = {.mount_done = on_mount};

static int end_boot(struct trials *t, const struct catcher *c, const struct run_result *r)
{
	if (r->end == RUN_INTERRUPTED) {
		t->signal = r->signal;
		return -EINTR;
	}
	if (r->end == RUN_ENVIRONMENT || c->is_refused)
		c->boot->end = BOOT_IMPOSSIBLE;
	else if (r->end == RUN_FAILED || !c->has_verdict)
		c->boot->end = BOOT_FAILED;
	if (!c->boot->text && r->why)
		c->boot->text = strdup(r->why);
	return 0;
}

static void tell(struct trials *t, const char *const *values, const struct boot *boot)
{
	if (t->is_quiet)
		return;
	log_info("%u of %u: %s, %s, cache=%s, msize=%s, iounit=%s: %s", ++t->booted, t->planned,
		 values[MATRIX_KERNEL], values[MATRIX_SHARE], values[MATRIX_CACHE],
		 values[MATRIX_MSIZE], values[MATRIX_IOUNIT],
		 boot->is_damaged		? "DAMAGED"
		 : boot->end == BOOT_READ	? "OK"
		 : boot->end == BOOT_IMPOSSIBLE ? "not possible"
						: "the guest failed");
}

/* Why this cannot be booted; NULL when it can. */
static const char *find_obstacle(const struct trials *t, const struct prepared *p,
				 const char *const *values)
{
	if (p->status)
		return p->why ? p->why : "";
	if (p->ready.share == SHARE_QEMU_9PFS && (!is(values[MATRIX_IOUNIT], t->first_iounit) ||
						  !is(values[MATRIX_GUARD], t->first_guard)))
		return "QEMU's server chooses its iounit itself, and has no guards";
	return NULL;
}

static void run_one(struct trials *t, const struct prepared *p, const char *const *values,
		    struct catcher *c, struct run_result *ret_r)
{
	const char *const caches[] = {values[MATRIX_CACHE], NULL};
	const unsigned msizes[] = {(unsigned)strtoul(values[MATRIX_MSIZE], NULL, 10), 0};
	const struct run_plan plan = {
		.dir = t->dir,
		.dir_fd = t->dir_fd,
		.guest = p->ready.kernel->is_uml ? GUEST_UML : GUEST_QEMU,
		.share = p->ready.share,
		.kernel = p->ready.kernel,
		.qemu = (const char *const *)p->ready.qemu,
		.caches = caches,
		.msizes = msizes,
		.ways = t->readers,
		.server.guard = is(values[MATRIX_GUARD], "default") ? NULL : values[MATRIX_GUARD],
		.server.iounit = (unsigned)strtoul(values[MATRIX_IOUNIT], NULL, 10),
		.fragment = t->fragment,
		.warren = p->ready.warren,
		.probe = p->ready.probe,
		.memory_mib = t->memory_mib		? t->memory_mib
			      : p->ready.kernel->is_uml ? 128
							: 0,
		.silence_limit_s = t->timeout_s,
		.cpu = RUN_CPU_CHOOSE,
		/* Whether, not why. */
		.without_blame = true,
	};

	run_verify(&plan, &catcher_listener, c, ret_r);
}

int trials_boot(void *ctx, const char *const *values, struct boot *ret_b)
{
	struct trials *t = ctx;
	const struct prepared *p = trials_prepare(t, values[MATRIX_KERNEL], values[MATRIX_GUEST],
						  values[MATRIX_SHARE]);
	struct catcher c = {.trials = t, .boot = ret_b};
	struct run_result result;
	const char *obstacle;
	int r;

	if (!p)
		return -ENOMEM;
	if (p->status > 128) {
		t->signal = p->status - 128;
		return -EINTR;
	}
	obstacle = find_obstacle(t, p, values);
	if (obstacle) {
		ret_b->end = BOOT_IMPOSSIBLE;
		ret_b->text = strdup(obstacle);
		tell(t, values, ret_b);
		return 0;
	}
	run_one(t, p, values, &c, &result);
	r = end_boot(t, &c, &result);
	run_result_done(&result);
	if (!r)
		tell(t, values, ret_b);
	return r;
}
