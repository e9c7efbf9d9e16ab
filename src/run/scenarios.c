/* SPDX-License-Identifier: MIT */
#include "scenarios.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "lockstep.h"
#include "macros.h"
#include "world.h"

#define AGE_S 3600
#define SILENCE_EXTRA_S 20 /* over what a step may take */

/* One boot, for the cells from k->at on that share a folder. */
static void boot(struct lockstep *k)
{
	struct stage_plan plan = k->plan->stage;
	autofree char *server = NULL;
	int err;

	plan.dir = k->dir ? k->dir : k->share.dir;
	plan.terminal = true;
	plan.silence_limit_s = k->plan->limit_s + SILENCE_EXTRA_S;
	k->wants_boot = k->is_listening = false;
	k->first = k->at;
	k->mounted = NULL;
	k->phase = PHASE_OVER;
	k->result->boots++;
	err = stage_init(&k->stage, &plan);
	if (!err)
		err = stage_start_guest(&k->stage, "listen\n");
	if (!err)
		err = stage_follow(&k->stage, lockstep_take, lockstep_tick, k);
	if (err)
		lockstep_silence(k);
	if (err && k->stage.end == RUN_DONE)
		stage_failf(&k->stage, RUN_FAILED, "%s", strerror(-err));
	world_free(steal_ptr(&k->world));
	if (!k->result->report && k->stage.reports.bugs)
		k->result->report = console_sentence(&k->stage.reports);
	stage_done(&k->stage, &server);
	lockstep_end(k);
}

static int open_dir(struct lockstep *k)
{
	k->dir = k->places[k->at].dir;
	if (k->dir_fd >= 0)
		close(steal_fd(&k->dir_fd));
	k->dir_fd = k->dir ? open(k->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			   : fcntl(k->share.fd, F_DUPFD_CLOEXEC, 3);
	return k->dir_fd < 0 ? -errno : 0;
}

/* The file that a scenario with a folder of its own takes is there. */
static bool is_possible(struct lockstep *k)
{
	struct scenario s;

	if (!k->dir || scenario_get(k->plan->which[k->places[k->at].scenario], &s))
		return true;
	return !faccessat(k->dir_fd, s.steps[0].file, R_OK, 0);
}

static void run_all(struct lockstep *k)
{
	while (k->at < k->n && k->result->end == RUN_DONE) {
		if (open_dir(k) || !is_possible(k))
			lockstep_skip(k, "this host has no such file");
		else
			boot(k);
	}
}

/* Those of one folder after the other, and in each one mode after the other. */
static int plan_places(struct lockstep *k)
{
	size_t n_caches = 0;

	while (k->plan->caches[n_caches])
		n_caches++;
	k->places = calloc(k->plan->n_which * n_caches + 1, sizeof(*k->places));
	for (int pass = 0; k->places && pass < 2; pass++)
		for (size_t c = 0; c < n_caches; c++)
			for (size_t i = 0; i < k->plan->n_which; i++) {
				struct scenario s;

				if (scenario_get(k->plan->which[i], &s))
					return -EINVAL;
				if ((s.dir != NULL) == pass)
					k->places[k->n++] = (struct place){i, c, s.dir};
			}
	return k->places ? 0 : -ENOMEM;
}

void scenarios_run(const struct scenarios_plan *plan, const struct scenarios_listener *l, void *ctx,
		   struct scenarios_result *ret_r)
{
	struct lockstep k = {.plan = plan,
			     .l = l,
			     .ctx = ctx,
			     .result = ret_r,
			     .share = CORPUS_FOLDER_INIT,
			     .dir_fd = -1,
			     .aged = time(NULL) - AGE_S};
	int r;

	*ret_r = (struct scenarios_result){0};
	r = corpus_folder_make(NULL, &k.share, &ret_r->why);
	if (!r)
		r = plan_places(&k);
	if (r)
		ret_r->end = RUN_ENVIRONMENT;
	else
		run_all(&k);
	if (k.dir_fd >= 0)
		close(k.dir_fd);
	corpus_folder_done(&k.share);
	free(k.places);
}

void scenarios_result_done(struct scenarios_result *r)
{
	free(r->why);
	free(r->console);
	free(r->release);
	free(r->report);
}
