/* SPDX-License-Identifier: MIT */
/* Theory of operation
 *
 * All cases of a place are planted in one folder, a file each, and a guest reads them once: run_verify knows
 * nothing of what was planted. What it says of a case's file is compared with the case; what it says of any
 * other file is a false alarm. Then come the healthy runs, where every finding is one. */
#include "prove.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "compare.h"
#include "kernel.h"
#include "macros.h"
#include "prove-plant.h"
#include "verdict.h"
#include "wire-lint.h"

/* A case while its run goes on. */
struct judged {
	struct prove_result r;
	char file[PROVE_NAME_MAX];
	char *evidence;
	bool is_named; /* by a finding that is no mere consequence */
	bool is_wrong; /* ... and one is not what was planted */
};

struct proof {
	const struct prove_plan *plan;
	const struct prove_listener *l;
	void *ctx;
	struct prove_sum *sum;
	unsigned number, of; /* runs */

	/* Of the run that goes on. */
	struct judged *cases; /* of the place */
	size_t n_cases;
	struct prove_run run;
	char *alarm;
};

#define CACHES_MAX 5
#define NEW_CACHE "readahead" /* Linux 6.4 made it */

/* Rare, but legal: all of it has to be found well, in the cache modes that the kernel knows. */
static const struct healthy {
	const char *what, *fault;
	unsigned iounit, msizes[4];
	const char *caches[CACHES_MAX];
} healthy[] = {
	{"nothing is done", NULL, 0, {512000}, {"none", NEW_CACHE, "mmap", "loose"}},
	{"short reads", "short", 0, {512000}, {"mmap", NEW_CACHE}},
	{"reads that take longer", "delay,by=2000", 0, {512000}, {"none", "mmap"}},
	{"replies in another order", "reorder,by=3000", 0, {65536}, {"mmap", "loose"}},
	{"a small iounit", NULL, 4096, {512000}, {"mmap", "none"}},
	{"the smallest messages", NULL, 0, {4096}, {"mmap", NEW_CACHE}},
	{"messages of several sizes", NULL, 0, {8192, 65536, 512000}, {"mmap"}},
	{"short reads in small messages", "short", 0, {16384}, {"loose", "none"}},
};

const char *prove_obstacle(const struct run_plan *p, enum prove_place place)
{
	if (p->share == SHARE_TCP && (place == PROVE_CACHE || place == PROVE_REWRITTEN))
		return "the memory of a guest with a share by TCP is not in a file";
	return NULL;
}

static bool is_as_planted(const struct prove_case *c, const struct finding *f)
{
	return f->class == c->class && f->layer == c->layer && prove_is_range(c, f->from, f->to);
}

/* Who sees another size sees other attributes, and may fail to read up to it. */
static bool is_consequence(const struct prove_case *c, const struct finding *f)
{
	return (c->class == DAMAGE_SHORT || c->class == DAMAGE_LONG) && f->layer == c->layer &&
	       (f->class == DAMAGE_ATTRIBUTES || f->class == DAMAGE_ERROR);
}

static struct judged *find_case(struct proof *p, const char *path)
{
	for (size_t i = 0; i < p->n_cases; i++)
		if (!strcmp(p->cases[i].file, path))
			return &p->cases[i];
	return NULL;
}

/* The first that is wrong is kept, or else the first. */
static void take_finding(struct judged *j, const struct finding *f)
{
	bool is_right = is_as_planted(j->r.c, f);

	j->r.found++;
	if (!is_right && is_consequence(j->r.c, f))
		return;
	if (!j->is_named || (!is_right && !j->is_wrong)) {
		j->r.layer = f->layer;
		j->r.class = f->class;
		j->r.from = f->from;
		j->r.to = f->to;
		free(j->evidence);
		j->evidence = f->evidence ? strdup(f->evidence) : NULL;
	}
	j->is_named = true;
	j->is_wrong = j->is_wrong || !is_right;
}

static void take_alarm(struct proof *p, const char *cache, const char *path, char *sentence)
{
	if (!p->run.false_alarms++ &&
	    asprintf(&p->alarm, "cache=%s: %s: %s", cache, path, sentence ? sentence : "") < 0)
		p->alarm = NULL;
	free(sentence);
}

/* Again and again: once is enough. */
static void on_version(void *ctx, const char *path, const char *what)
{
	struct proof *p = ctx;
	struct judged *j = find_case(p, path);
	bool is_planted = j && prove_is(j->r.c, "version");

	if (is_planted && !j->is_named) {
		j->r.found++;
		j->r.layer = LAYER_SERVER;
		j->r.class = DAMAGE_ATTRIBUTES;
		j->is_named = true;
		if (asprintf(&j->evidence, "the recording, not a reader: %s", what) < 0)
			j->evidence = NULL;
	} else if (!is_planted) {
		take_alarm(p, "any", path, strdup(what));
	}
}

static void on_mount_done(void *ctx, const struct mount_result *m)
{
	struct proof *p = ctx;

	p->run.mounts++;
	if (!m->tally || m->failed)
		take_alarm(p, m->cache, m->failed ? m->failed : "mount",
			   strdup(m->text ? m->text : "failed"));
	if (!m->tally)
		return;
	for (const struct finding *f = m->tally->findings; f; f = f->next) {
		struct judged *j = find_case(p, f->path);

		if (j)
			take_finding(j, f);
		else
			take_alarm(p, m->cache, f->path, finding_sentence(m->tally, f));
	}
	for (const struct path_list *l = m->tally->changed; l; l = l->next)
		take_alarm(p, m->cache, l->path, strdup("said to have changed"));
	for (const struct path_list *l = m->tally->unreadable; l; l = l->next)
		take_alarm(p, m->cache, l->path, strdup("said to be unreadable"));
}

static const struct run_listener listener = {.mount_done = on_mount_done};

static void collect_cases(struct proof *p, enum prove_place place)
{
	p->n_cases = 0;
	for (size_t i = 0; i < prove_n_cases; i++) {
		struct judged *j = &p->cases[p->n_cases];

		if (prove_cases[i].place != place)
			continue;
		*j = (struct judged){.r.c = &prove_cases[i]};
		snprintf(j->file, sizeof(j->file), "%s",
			 prove_file_name(&prove_cases[i], (char[PROVE_NAME_MAX]){0}));
		j->r.file = j->file;
		p->n_cases++;
	}
}

static void tell_cases(struct proof *p)
{
	for (size_t i = 0; i < p->n_cases; i++) {
		struct judged *j = &p->cases[i];

		j->r.is_right = j->is_named && !j->is_wrong;
		j->r.evidence = j->evidence;
		p->sum->planted++;
		p->sum->found += j->r.found > 0;
		p->sum->right += j->r.is_right;
		p->l->case_done(p->ctx, &j->r);
	}
}

static void forget_cases(struct proof *p)
{
	for (size_t i = 0; i < p->n_cases; i++)
		free(p->cases[i].evidence);
	p->n_cases = 0;
}

static void tell_run(struct proof *p, uint64_t begun_ns)
{
	p->run.alarm = p->alarm;
	p->run.seconds = (double)(clock_now_ns() - begun_ns) / (double)NS_PER_SEC;
	p->sum->false_alarms += p->run.false_alarms;
	p->sum->runs += p->run.is_healthy;
	p->l->run_done(p->ctx, &p->run);
}

/* One guest. What it was about is told when it went well. */
static enum run_end run_once(struct proof *p, const struct run_plan *plan, const char *what,
			     bool is_healthy, struct run_result *ret_r)
{
	uint64_t begun_ns = clock_now_ns();
	enum run_end end;

	p->run = (struct prove_run){.what = what, .is_healthy = is_healthy};
	p->l->begins(p->ctx, what, ++p->number, p->of);
	run_verify(plan, &listener, p, ret_r);
	end = ret_r->end;
	if (end == RUN_DONE && plan->server.recording &&
	    wire_lint_versions(plan->server.recording, on_version, p))
		take_alarm(p, "any", "the recording", strdup("cannot be read"));
	if (ret_r->reports.bugs)
		take_alarm(p, "any", "the guest's kernel", strdup("reports a bug of its own"));
	if (end == RUN_DONE) {
		tell_cases(p);
		tell_run(p, begun_ns);
		run_result_done(ret_r);
	}
	free(steal_ptr(&p->alarm));
	forget_cases(p);
	return end;
}

static struct run_plan plan_of(const struct proof *p, struct planted *planted)
{
	static const char *const ways[] = {"read", "pread", "mmap", "direct", "splice", NULL};
	static const char *const mmap_first[] = {"mmap", "read", "pread", "direct", "splice", NULL};
	struct run_plan plan = p->plan->run;

	/* The first step sees what is in the cache: behind the end only mmap looks. */
	plan.ways = planted->place == PROVE_CACHE ? mmap_first : ways;
	planted_plan(planted, &plan);
	return plan;
}

static enum run_end prove_place(struct proof *p, enum prove_place place, struct run_result *ret_r)
{
	struct planted planted = PLANTED_INIT;
	enum run_end end = RUN_ENVIRONMENT;

	*ret_r = (struct run_result){.end = end};
	if (!plant(place, &planted, &ret_r->why)) {
		const struct run_plan plan = plan_of(p, &planted);

		collect_cases(p, place);
		end = run_once(p, &plan, prove_place_what(place), false, ret_r);
	}
	planted_done(&planted);
	return end;
}

/* TO has room for all. */
static void choose_caches(const struct kernel *k, const char *const *from, const char **to)
{
	bool has_new = k->version && strverscmp(k->version, "6.4") >= 0;

	for (; *from; from++)
		if (has_new || strcmp(*from, NEW_CACHE) != 0)
			*to++ = *from;
	*to = NULL;
}

static enum run_end run_healthy(struct proof *p, const struct healthy *h, struct run_result *ret_r)
{
	struct planted planted = PLANTED_INIT;
	enum run_end end = RUN_ENVIRONMENT;

	*ret_r = (struct run_result){.end = end};
	if (!plant(PROVE_N_PLACES, &planted, &ret_r->why)) {
		struct run_plan plan = plan_of(p, &planted);
		const char *const faults[] = {h->fault, NULL};
		const char *caches[CACHES_MAX];

		plan.server.faults = faults;
		plan.server.iounit = h->iounit;
		plan.msizes = h->msizes;
		choose_caches(plan.kernel, h->caches, caches);
		plan.caches = caches;
		end = run_once(p, &plan, h->what, true, ret_r);
	}
	planted_done(&planted);
	return end;
}

static unsigned count_places(const struct run_plan *plan)
{
	unsigned n = 0;

	for (unsigned place = 0; place < PROVE_N_PLACES; place++)
		n += !prove_obstacle(plan, (enum prove_place)place);
	return n;
}

static unsigned count_cases(enum prove_place place)
{
	unsigned n = 0;

	for (size_t i = 0; i < prove_n_cases; i++)
		n += prove_cases[i].place == place;
	return n;
}

static enum run_end run_all(struct proof *p, struct run_result *ret_r)
{
	enum run_end end = RUN_DONE;

	for (unsigned i = 0; end == RUN_DONE && i < PROVE_N_PLACES; i++) {
		enum prove_place place = (enum prove_place)i;

		if (prove_obstacle(&p->plan->run, place))
			p->sum->skipped += count_cases(place);
		else
			end = prove_place(p, place, ret_r);
	}
	for (unsigned i = 0; end == RUN_DONE && i < p->plan->healthy; i++)
		end = run_healthy(p, &healthy[i % ARRAY_SIZE(healthy)], ret_r);
	return end;
}

enum run_end prove(const struct prove_plan *plan, const struct prove_listener *l, void *ctx,
		   struct prove_sum *ret_sum, struct run_result *ret_r)
{
	struct proof p = {
		.plan = plan,
		.l = l,
		.ctx = ctx,
		.sum = ret_sum,
		.of = count_places(&plan->run) + plan->healthy,
		.cases = calloc(prove_n_cases, sizeof(struct judged)),
	};
	enum run_end end = RUN_ENVIRONMENT;

	*ret_sum = (struct prove_sum){0};
	*ret_r = (struct run_result){.end = end};
	if (p.cases)
		end = run_all(&p, ret_r);
	free(p.cases);
	return end;
}
