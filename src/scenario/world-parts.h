/* SPDX-License-Identifier: MIT */
/* What world.c and world-steps.c share. */
#ifndef SCENARIO_WORLD_PARTS_H
#define SCENARIO_WORLD_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "content.h"
#include "judge.h"
#include "step.h"

#define OBJECTS 8
#define NAMES 6
#define OLD_MAX 16
#define FORMER 4

struct cache_rules;

/* Contents of other times, the oldest first; those before FROM may not be seen any more. */
struct views {
	struct content old[OLD_MAX];
	size_t n, from;
};

struct object {
	struct content truth;
	struct views guest, host; /* what each side may still see */
	unsigned held;		  /* by so many handles */
	bool is_shorter; /* than the guest was told: the host cut it, or it is no plain file */
	bool has_grown;	 /* by the host, while the guest held it */
	bool is_known;	 /* to the guest, which has looked it up */
	bool guest_wrote;
};

struct name {
	char word[STEP_WORD];
	struct object *now;	    /* NULL: there is none */
	struct object *was[FORMER]; /* what had the name before */
	size_t n_was;
	bool was_absent; /* at a time when the guest could see it */
};

struct handle {
	bool is_open, is_mapped;
	struct object *of; /* what it should be, or else one of these */
	struct object *maybe[FORMER];
	struct object *past[FORMER]; /* what had the name, and may not be seen by it any more */
	size_t n_maybe, n_past;
	bool is_past_held; /* one of the latter was, when the name was looked up */
};

struct world {
	const struct cache_rules *rules;
	bool eio_is_honest;
	struct object objects[OBJECTS], nothing;
	size_t n_objects;
	struct name names[NAMES];
	size_t n_names;
	struct handle handles[STEP_HANDLES];
	bool is_hosts[256]; /* bytes that the host wrote */
};

struct name *world_name(struct world *w, const char *word);
struct object *world_object(struct world *w);

/* Makes the change that S is, by the host or by the guest. 0 or -ENOMEM. */
int world_host_changes(struct world *w, struct object *o, const struct step *s);
int world_guest_changes(struct world *w, struct object *o, const struct step *s);

/* What the guest wrote is the host's from now on. */
void world_synced(struct object *o);

/* The guest opens, or stats, NAME: what it may get. */
void world_look_up(const struct world *w, struct name *n, struct handle *ret_h);
void world_hold(struct handle *h);
void world_let_go(struct handle *h);

/* What the guest may see by H, or its mapping, and the host of O. */
void world_expected(const struct world *w, const struct handle *h, bool is_mapping,
		    struct expected *ret_e);
void world_expected_of_host(const struct world *w, const struct object *o, struct expected *ret_e);

/* The name has another file now, or NULL. */
void world_bind(struct name *n, struct object *o);

#endif
