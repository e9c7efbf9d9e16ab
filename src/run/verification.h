/* SPDX-License-Identifier: MIT */
/* A verification while it runs, for the files that it is made of: run.c, run-report.c, run-walk.c.
 * What returns an int: 0, -EINVAL for a line that is malformed, -ECANCELED when the stage says why. */
#ifndef RUN_VERIFICATION_H
#define RUN_VERIFICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "inquiry.h"
#include "stage.h"

struct compare;
struct manifest;
struct run_listener;
struct run_plan;
struct run_result;

struct verification {
	const struct run_plan *plan;
	const struct run_listener *l;
	void *ctx;
	struct run_result *result;
	struct stage stage;
	struct manifest *own, *manifest; /* the one we made, the one in use */
	struct compare *compare;	 /* of the running walk */
	struct inquiry inquiry;		 /* about the walk */
	unsigned walks;
	const char *const *cache; /* of the mount that is being dealt with; its end: no more */
	const unsigned *msize;
	bool is_first; /* mount */
	char *release, *options;
	char *failed, *error, *text; /* of the last statement that failed */
	int exec_status;
	bool has_findings;
};

void verification_progress(struct verification *r, const char *what, uint64_t files,
			   uint64_t bytes);

/* For stage_follow. */
int verification_line(void *ctx, const char *line);

/* Unless there is one, or one was started. */
int verification_start_manifest(struct verification *r);

/* LINE is the first of a walk: of its comparison with the manifest, which is waited for. */
int verification_begin_walk(struct verification *r, const char *line);

/* Tells what the mount came to; the next one is on. */
int verification_end_walk(struct verification *r);

/* The two parts of that which a run that fails wants too: which layer is to blame; what is known. */
void verification_conclude(struct verification *r);
void verification_tell_mount(struct verification *r);

void verification_forget_failure(struct verification *r);

#endif
