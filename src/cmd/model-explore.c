/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "explore.h"
#include "logging.h"
#include "model-verb.h"
#include "progress.h"
#include "spawn.h"

static volatile sig_atomic_t caught;

static void note_signal(int sig)
{
	caught = sig;
}

static bool tell_progress(void *ctx, uint64_t sequences, uint64_t size)
{
	progress_update(ctx, "%" PRIu64 " sequences, files of %" PRIu64 " bytes", sequences, size);
	return caught;
}

static int tell_found(const struct model_options *o, struct read_trace *t,
		      const struct explore_result *found)
{
	struct model *m;
	int r = read_trace_run(t, &m);

	if (r) {
		log_error("%s", strerror(-r));
		return EXIT_ENVIRONMENT;
	}
	if (o->is_json) {
		r = model_report(o, m, t, NULL);
	} else {
		printf("# LOST: %" PRIu64 " byte%s of a file of %" PRIu64
		       " bytes: the smallest of %" PRIu64 " sequences\n",
		       m->lost, m->lost == 1 ? "" : "s", m->config.size, found->sequences);
		read_trace_print(stdout, t);
		r = EXIT_DIFFERENT;
	}
	model_free(m);
	return r;
}

static int tell_nothing(const struct model_options *o, const struct explore_result *found)
{
	if (o->is_json)
		printf("{\"verdict\": \"ok\", \"sequences\": %" PRIu64 "}\n", found->sequences);
	else
		printf("OK: none of %" PRIu64
		       " sequences of up to %u steps loses a byte, of files of up "
		       "to %" PRIu64 " bytes\n",
		       found->sequences, o->max_steps, found->largest);
	return EXIT_OK;
}

int model_explore(int argc, char **argv)
{
	struct model_options o;
	struct read_trace base, t;
	struct progress progress;
	struct explore_result found;
	struct explore_plan plan = {.progress = tell_progress, .ctx = &progress};
	int rest, r = model_options_parse(argc, argv, &o, &rest);

	if (r)
		return r;
	if (rest < argc) {
		strv_free(o.lines);
		return cmd_usage_error("model", "explore takes options only");
	}
	read_trace_init(&base);
	model_options_apply(&o, &base);
	plan.config = base.config;
	plan.max_steps = o.max_steps;
	plan.max_pages = o.max_pages;
	signal(SIGINT, note_signal);
	signal(SIGTERM, note_signal);
	progress_init(&progress, "explore");
	r = explore(&plan, &t, &found);
	progress_done(&progress);
	if (r) {
		log_error("%s", r == -ECANCELED ? "interrupted" : strerror(-r));
		r = r == -ECANCELED ? 128 + caught : EXIT_ENVIRONMENT;
	} else {
		r = found.is_found ? tell_found(&o, &t, &found) : tell_nothing(&o, &found);
	}
	read_trace_done(&t);
	read_trace_done(&base);
	strv_free(o.lines);
	return r;
}
