/* SPDX-License-Identifier: MIT */
/* The record of a verification, for `warren lab report` and `warren lab repro`: a folder
 * $XDG_STATE_HOME/warren/runs/DATE-TIME-PID (~/.local/state/warren/...), mode 0700, with
 *
 *	run.json	all that a report needs; record-json.c says which keys
 *	job, report	what the probe was told, and what it said (its first 16 MiB)
 *	guest		the guest's manifest: its command line, a "word" a line
 *	console.log	of the guest
 *	server.log	of warren's server
 *	manifest	the host's tree, unless it is large
 *	files/PATH	the damaged files (of a corpus none: its seed is enough), up to 64 MiB
 *
 * A record in the making is a folder of state-folder.h in the same place; the newest 10 stay.
 */
#ifndef VERIFY_RECORD_H
#define VERIFY_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct circumstances;
struct mount_result;
struct record;
struct run_plan;
struct run_result;

#define RECORDS_KEPT 10

/* Begins one. 0 or -errno; verification goes on without then. All functions below take NULL for R. */
int record_begin(struct record **ret_r);

/* Where the run puts its files; see run_plan.record. */
const char *record_folder(const struct record *r);

/* As they come, from the listener of the run. */
void record_mount(struct record *r, const struct run_plan *plan, const struct mount_result *m,
		  const struct circumstances *c, const char *sentence);
void record_fact(struct record *r, const char *name, const char *value);

struct record_end {
	const struct run_plan *plan;
	const struct run_result *result;
	int status;	       /* the exit code */
	char *const *settings; /* options of verify that shape the run, each one word */
	const char *corpus;    /* its spec; NULL: a folder of the user's */
};

/* All that its run.json would say now; the caller's, NULL without a record. */
json_t *record_run(const struct record *r, const struct record_end *e);

/* Keeps it: names the folder in *RET_PATH (the caller frees it) and removes the oldest. 0 or -errno: then
 * nothing of it is left, and the older ones are still there. */
int record_keep(struct record *r, const struct record_end *e, char **ret_path);

/* Removes it if it was not kept. */
void record_free(struct record *r);

/* The folder that ARG means: a path, a name, NULL for the newest. The caller frees it. 0, or -errno with
 * *RET_WHY. */
int record_find(const char *arg, char **ret_path, char **ret_why);

/* Its run.json, checked for what every record has. 0, or -errno with *RET_WHY. */
int record_load(const char *path, json_t **ret_run, char **ret_why);

/* What came out when RUNS runs varied one thing, as in "cache=none": for `lab matrix`. Counts of the same
 * WHAT add up. 0 or -errno. */
int record_add_variation(const char *path, const char *what, unsigned runs, unsigned damaged,
			 unsigned failed);

/* The last good and the first bad kernel that a bisection found; COMMIT is the commit that began it, or
 * NULL. 0 or -errno. */
int record_set_bisect(const char *path, const char *good, const char *bad, const char *commit);

#endif
