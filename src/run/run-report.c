/* SPDX-License-Identifier: MIT */
/* What a line of the guest's report does to the verification: a word in front, or a line of the tree. */
#include "verification.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compare.h"
#include "fields.h"
#include "job-text.h"
#include "look.h"
#include "pause.h"
#include "run.h"

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

static int take_done(struct verification *r, const char *at)
{
	autofree char *statement = NULL;

	if (field_word(&at, &statement, NULL) < 0)
		return -EINVAL;
	/* What failed before did no harm. */
	if (!strcmp(statement, "mount"))
		verification_forget_failure(r);
	/* The command has ended, and what it wrote is on the host: now the host's tree counts. */
	if (!strcmp(statement, "sync"))
		return verification_start_manifest(r);
	return !strcmp(statement, "look") && r->compare ? verification_end_walk(r) : 0;
}

static int take_failed(struct verification *r, const char *at)
{
	if (keep_word(&at, &r->failed) < 0 || keep_word(&at, &r->error) < 0 ||
	    keep_word(&at, &r->text) < 0) {
		verification_forget_failure(r); /* it is told whole, or not at all */
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
		verification_forget_failure(r);
		return verification_end_walk(r);
	}
	/* Without a mount, or without its walk, the next mode is on. */
	if ((!strcmp(r->failed, "mount") || !strcmp(r->failed, "walk")) && *r->cache)
		return verification_end_walk(r);
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
	return verification_start_manifest(r);
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
		return *r->cache ? verification_begin_walk(r, line) : -EINVAL;
	if (!r->compare)
		return -EINVAL;
	if (r->inquiry.look)
		return look_line(r->inquiry.look, line);
	err = compare_line(r->compare, line);
	if (!err && compare_tally(r->compare)->is_complete && r->plan->without_blame)
		err = verification_end_walk(r);
	return err;
}

int verification_line(void *ctx, const char *line)
{
	struct verification *r = ctx;
	size_t len = strcspn(line, " ");

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i].word) == len && !memcmp(words[i].word, line, len))
			return words[i].take(r, line + len + strspn(line + len, " "));
	return take_tree_line(r, line);
}
