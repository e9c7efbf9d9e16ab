/* SPDX-License-Identifier: MIT */
/* The conversation with one guest of `scenarios.c`: which statement is sent when, and what the answers
 * come to. */
#ifndef RUN_LOCKSTEP_H
#define RUN_LOCKSTEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "corpus-folder.h"
#include "scenario.h"
#include "scenarios.h"
#include "stage.h"

struct world;

/* One cell: where it is in the plan's lists, and what is shared for it (NULL: our own folder). */
struct place {
	size_t scenario, cache;
	const char *dir;
};

struct lockstep {
	const struct scenarios_plan *plan;
	const struct scenarios_listener *l;
	void *ctx;
	struct scenarios_result *result;
	struct corpus_folder share;
	struct stage stage;
	struct place *places;
	size_t n, at, first; /* of this boot */
	const char *dir;     /* of this boot, NULL: our own */
	int dir_fd;
	enum phase {
		PHASE_MOUNT,
		PHASE_HAND,
		PHASE_STEP,
		PHASE_LAY_DOWN,
		PHASE_UNMOUNT,
		PHASE_OVER
	} phase;
	bool is_listening;   /* the guest said so */
	const char *mounted; /* the cache mode; NULL: nothing is */
	const char *refused; /* a mode that this kernel does not take */
	/* Of the running cell. */
	struct scenario scenario;
	struct world *world;
	struct judgement worst;
	size_t step;
	unsigned id; /* of the last step that the guest was told */
	char prefix[24];
	time_t aged;
	uint64_t started_ns;
	bool wants_boot; /* this one is of no use any more */
};

/* For stage_follow. */
int lockstep_take(void *ctx, const char *line);
int lockstep_tick(void *ctx);

/* The guest as a whole is silent: if it does a step, it hangs in that. */
void lockstep_silence(struct lockstep *k);

/* What the boot came to; its stage is done, for the next one would not know of a signal that this one had. */
void lockstep_end(struct lockstep *k);

/* The cell at K->at is not judged, and the next is on. */
void lockstep_skip(struct lockstep *k, const char *why);

#endif
