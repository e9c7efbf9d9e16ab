/* SPDX-License-Identifier: MIT */
/* Theory of operation
 *
 * The guest gets one statement, `listen`; all others go to it by its terminal, one at a time, each when
 * the former has been answered in the report. What is waited for is the phase:
 *
 *	MOUNT		a mount with the cell's cache mode
 *	HAND		a fresh process in the guest for the scenario
 *	STEP		what a step of the guest came to; steps of the host are done in between
 *	LAY_DOWN	the end of that process, since the next cell has another mode
 *	UNMOUNT		then the next cell begins
 *	OVER		the end of the report
 *
 * A step that hangs is killed by the probe. If it stays, or the whole guest is silent, this boot ends,
 * and the cells that are left get another one.
 */
#include "lockstep.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cache-rules.h"
#include "cleanup.h"
#include "clock.h"
#include "fields.h"
#include "guest.h"
#include "host-steps.h"
#include "macros.h"
#include "report.h"
#include "seen.h"
#include "text.h"
#include "world.h"

#define LINE_MAX_TEXT 1024

static const char *cache_of(const struct lockstep *k)
{
	return k->plan->caches[k->places[k->at].cache];
}

static int say(struct lockstep *k, enum phase next, const char *fmt, ...) printf_like(3, 4);

/* Sends a statement. There is room for it, since only one is on its way: a guest that leaves none has not
 * read what it answered, and nobody waits for that. */
static int say(struct lockstep *k, enum phase next, const char *fmt, ...)
{
	char line[LINE_MAX_TEXT];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	k->phase = next;
	if (n < 0 || (size_t)n >= sizeof(line) - 1)
		return -E2BIG;
	line[n++] = '\n';
	if (send(guest_terminal(k->stage.guest), line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
		return stage_failf(&k->stage, RUN_FAILED, "the guest does not listen: %s",
				   strerror(errno));
	return 0;
}

static void end_cell(struct lockstep *k)
{
	const struct place *p = &k->places[k->at];
	const struct cell c = {
		.scenario = p->scenario,
		.cache = p->cache,
		.judgement = k->worst,
		.seconds = (double)(clock_now_ns() - k->started_ns) / (double)NS_PER_SEC,
	};

	world_free(k->world);
	k->world = NULL;
	k->at++;
	k->l->cell(k->ctx, &c);
}

void lockstep_skip(struct lockstep *k, const char *why)
{
	k->started_ns = clock_now_ns();
	k->worst = (struct judgement){.mark = MARK_NONE};
	snprintf(k->worst.text, sizeof(k->worst.text), "%s", why);
	end_cell(k);
}

static int say_mount(struct lockstep *k)
{
	autofree char *options = NULL, *words = NULL;
	size_t n;
	FILE *f = NULL;

	if (asprintf(&options, "%s,cache=%s,msize=%u", k->stage.options, cache_of(k),
		     k->plan->msize) < 0)
		options = NULL;
	f = options ? open_memstream(&words, &n) : NULL;
	if (!f)
		return -ENOMEM;
	text_put(f, k->stage.source, strlen(k->stage.source));
	fputc(' ', f);
	text_put(f, options, strlen(options));
	fclose(f);
	return say(k, PHASE_MOUNT, "mount %s", words);
}

static const struct cache_rules *rules_of(const struct lockstep *k)
{
	return cache_rules_find(cache_of(k), k->result->release ? k->result->release : "");
}

/* Goes on with the next cell of this boot, or ends it. */
static int next_cell(struct lockstep *k)
{
	while (k->at < k->n && k->places[k->at].dir == k->dir) {
		if (!rules_of(k))
			lockstep_skip(k, "this kernel does not know the cache mode");
		else if (cache_of(k) == k->refused)
			lockstep_skip(k, "this kernel refuses the mount");
		else if (!k->mounted)
			return say_mount(k);
		else if (k->mounted != cache_of(k))
			return say(k, PHASE_LAY_DOWN, "hand 0");
		else
			return say(k, PHASE_HAND, "hand %u", k->plan->limit_s);
	}
	return k->mounted ? say(k, PHASE_LAY_DOWN, "hand 0") : say(k, PHASE_OVER, "over");
}

/* Judges what was seen of the step under way. */
static int take_seen(struct lockstep *k, const struct seen *seen)
{
	const struct step *s = &k->scenario.steps[k->step++];
	struct judgement j;
	int r = world_step(k->world, s, seen, &j);

	if (!r && *j.text) {
		char text[JUDGEMENT_TEXT];

		snprintf(text, sizeof(text), "%.*s: %.*s", s->text_len, s->text, JUDGEMENT_TEXT / 2,
			 j.text);
		memcpy(j.text, text, sizeof(text));
	}
	judgement_add(&k->worst, &j);
	return r;
}

static int do_host_step(struct lockstep *k)
{
	const struct step *s = &k->scenario.steps[k->step];
	struct seen seen;
	int r = host_step(k->dir_fd, k->prefix, k->aged, s, &seen);

	if (r)
		return r;
	if (seen.kind == SEEN_ERROR && s->verb != STEP_HOST_LOOK)
		return stage_failf(&k->stage, RUN_ENVIRONMENT, "scenario %s: '%.*s' failed: %s",
				   k->scenario.name, s->text_len, s->text, seen.error);
	r = take_seen(k, &seen);
	seen_done(&seen);
	return r;
}

/* Up to the next step of the guest, or the end of the cell. */
static int go_on(struct lockstep *k)
{
	autofree char *text = NULL;
	const struct step *s;
	int r = 0;

	while (!r && k->step < k->scenario.n_steps && k->scenario.steps[k->step].side == STEP_HOST)
		r = do_host_step(k);
	if (r)
		return r;
	if (k->step == k->scenario.n_steps) {
		end_cell(k);
		return next_cell(k);
	}
	s = &k->scenario.steps[k->step];
	text = step_for_hand(s, k->prefix);
	return text ? say(k, PHASE_STEP, "step %u %s", ++k->id, text) : -ENOMEM;
}

static int begin_cell(struct lockstep *k)
{
	const struct place *p = &k->places[k->at];
	const struct cache_rules *rules = rules_of(
		k); /* a guest may have greeted anew, as another kernel */
	int r = rules ? scenario_get(k->plan->which[p->scenario], &k->scenario) : -EINVAL;

	r = r ? r : world_new(rules, k->plan->eio_is_honest, &k->world);
	if (r)
		return r;
	k->step = 0;
	k->worst = (struct judgement){0};
	k->started_ns = clock_now_ns();
	snprintf(k->prefix, sizeof(k->prefix), "%s", "");
	if (!p->dir)
		snprintf(k->prefix, sizeof(k->prefix), "%zu-", k->at);
	return go_on(k);
}

static int boot_anew(struct lockstep *k)
{
	k->wants_boot = true;
	return stage_fail(&k->stage, RUN_FAILED, NULL);
}

static int take_saw(struct lockstep *k, const char *at)
{
	struct seen seen;
	uint64_t id;
	bool is_over, stays;
	int r;

	if (k->phase != PHASE_STEP || field_u64(&at, &id) || id != k->id)
		return -EINVAL;
	r = seen_parse(at, &seen);
	if (r)
		return r;
	is_over = seen.kind == SEEN_STUCK || seen.kind == SEEN_DIED;
	stays = seen.kind == SEEN_STUCK && seen.stays;
	r = take_seen(k, &seen);
	seen_done(&seen);
	if (r || !is_over)
		return r ? r : go_on(k);
	end_cell(k);
	return stays ? boot_anew(k) : next_cell(k);
}

static int take_done(struct lockstep *k, const char *at)
{
	static const char *const waits_for[] = {
		[PHASE_MOUNT] = "mount",   [PHASE_HAND] = "hand",	[PHASE_STEP] = "",
		[PHASE_LAY_DOWN] = "hand", [PHASE_UNMOUNT] = "unmount", [PHASE_OVER] = ""};
	size_t len = strcspn(at, " ");

	if (strlen(waits_for[k->phase]) != len || memcmp(waits_for[k->phase], at, len) != 0)
		return 0;
	switch (k->phase) {
	case PHASE_MOUNT:
		k->mounted = cache_of(k);
		return next_cell(k);
	case PHASE_HAND:
		return begin_cell(k);
	case PHASE_LAY_DOWN:
		return say(k, PHASE_UNMOUNT, "unmount");
	case PHASE_UNMOUNT:
		k->mounted = NULL;
		return next_cell(k);
	case PHASE_STEP:
	case PHASE_OVER:
		break;
	}
	return 0;
}

static int take_failed(struct lockstep *k, const char *at)
{
	autofree char *statement = NULL, *error = NULL, *text = NULL;

	if (field_word(&at, &statement, NULL) < 0 || field_word(&at, &error, NULL) < 0 ||
	    field_word(&at, &text, NULL) < 0)
		return -EINVAL;
	if (k->phase == PHASE_MOUNT && !strcmp(statement, "mount") && !strcmp(error, "EINVAL")) {
		k->refused = cache_of(k);
		/* All up to it is left out in the guest. */
		return say(k, PHASE_UNMOUNT, "unmount");
	}
	/* A process that was killed has not gone. Of a boot in which none was killed it is not true. */
	if (!strcmp(statement, "hand") && !strcmp(error, "EBUSY") && k->at > k->first)
		return boot_anew(k);
	return stage_failf(&k->stage, RUN_FAILED, "the guest's %s failed: %s (%s)", statement,
			   error, text);
}

static int take_greeting(struct lockstep *k, const char *at)
{
	uint64_t version;

	if (field_u64(&at, &version) < 0 || version != REPORT_VERSION)
		return stage_failf(&k->stage, RUN_FAILED,
				   "the probe speaks another version of the report");
	free(steal_ptr(&k->result->release));
	return field_shown(&at, &k->result->release);
}

static int take_listening(struct lockstep *k, const char *at)
{
	(void)at;
	if (k->is_listening)
		return -EINVAL;
	k->is_listening = true;
	return next_cell(k);
}

static int take_crash(struct lockstep *k, const char *at)
{
	return stage_failf(&k->stage, RUN_FAILED, "the probe was ended in the guest by %.16s", at);
}

int lockstep_take(void *ctx, const char *line)
{
	static const struct {
		const char *word;
		int (*take)(struct lockstep *k, const char *at);
	} words[] = {
		{"warren-probe", take_greeting},
		{"listening", take_listening},
		{"saw", take_saw},
		{"done", take_done},
		{"failed", take_failed},
		{"crash", take_crash},
	};
	size_t len = strcspn(line, " ");

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i].word) == len && !memcmp(words[i].word, line, len))
			return words[i].take(ctx, line + len + strspn(line + len, " "));
	return 0;
}

int lockstep_tick(void *ctx)
{
	struct lockstep *k = ctx;
	bool is_running = k->world != NULL;

	k->l->progress(k->ctx, k->at, is_running ? k->scenario.name : NULL,
		       is_running ? cache_of(k) : NULL);
	return 0;
}

void lockstep_silence(struct lockstep *k)
{
	const struct seen seen = {.kind = SEEN_STUCK, .stays = true};

	if (!k->stage.was_silent || !k->world || k->phase != PHASE_STEP)
		return;
	if (!take_seen(k, &seen)) {
		end_cell(k);
		k->wants_boot = true;
	}
}

void lockstep_end(struct lockstep *k)
{
	struct stage *s = &k->stage;

	if (s->has_monitor)
		k->result->signal = s->monitor.signal;
	if (k->wants_boot && s->end == RUN_FAILED) {
		free(steal_ptr(&s->why));
		free(steal_ptr(&s->console));
		k->result->end = k->result->signal ? RUN_INTERRUPTED : RUN_DONE;
		return;
	}
	k->result->end = s->end;
	k->result->why = steal_ptr(&s->why);
	k->result->console = steal_ptr(&s->console);
}
