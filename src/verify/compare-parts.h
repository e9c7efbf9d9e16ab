/* SPDX-License-Identifier: MIT */
/* What the parts of the comparison share: compare.c takes the lines, compare-names.c
 * finds the nodes, compare-content.c judges the bytes of a file, compare-node.c all else about a name,
 * compare-memory.c what was written into memory of others. */
#ifndef VERIFY_COMPARE_PARTS_H
#define VERIFY_COMPARE_PARTS_H

#include "compare.h"
#include "digest.h"
#include "manifest.h"
#include "owner.h"
#include "runs.h"

#define SIGHTINGS_MAX 1024 /* of one file; the probe sends fewer */
#define KEPT_MAX 20000	   /* findings or paths; more are only counted */

/* Blocks that STEP read differently from the first way. */
struct sighting {
	size_t step;
	uint64_t block, count;
	bool has_digest;
	uint64_t digest;
	/* What differs, in the block: this step's bytes, then the first way's. */
	size_t from, n;
	unsigned char *bytes;
};

/* What the report says about the file that is being read. */
struct content {
	struct runs runs; /* by the first way */
	uint64_t length;
	size_t first_step;
	uint64_t failed; /* a mask: steps with an error */
	struct sighting *sightings;
	size_t n_sightings;
	uint64_t lengths[WALK_MAX_STEPS], has_lengths; /* where they differ; a mask */
};

struct compare {
	struct manifest *m;
	unsigned walk;
	bool without_times;
	bool is_old; /* the manifest */
	struct tally t;
	struct node *folder;  /* NULL: the host has no such folder, or could not read it */
	unsigned lost_levels; /* how deep we are in one of those */
	struct node *node;    /* the entry above; NULL if the host has none */
	bool has_entry;	      /* an entry stands above */
	bool is_judged;	      /* its findings are counted as one name */
	struct node_stat st;  /* as the guest sees it */
	struct xattr *xattrs;
	bool has_xattrs;  /* ... were asked for */
	bool is_unopened; /* the entry above is a folder that could not be opened */
	struct content content;
	void *inodes; /* of tsearch: guest's inodes with several names */
	unsigned thorough_left;
	struct owner_search owners;
};

/* Adds a finding about NODE, or about the name NAME in the current folder when NODE is NULL. TEXT
 * (malloc'ed, may be NULL) is taken. */
int add_finding(struct compare *c, const struct node *node, const char *name, enum damage class,
		uint64_t from, uint64_t to, uint64_t steps, uint64_t right, char *text);
int note_changed(struct compare *c, const struct node *node, const char *name);
int note_unreadable(struct compare *c, const struct node *node);
int note_starved(struct compare *c, const struct node *node);

/* The lines that compare-names.c takes. */
int take_entry(struct compare *c, char kind, const char *at);
int take_up(struct compare *c, const char *at);
/* An entry's own error, or that of a name whose attributes could not be had: then it stands alone. */
int take_error(struct compare *c, const char *at);
/* Ends the entry above: what can be said only when all its lines are there. */
int end_entry(struct compare *c);
/* The guest's error ERR in doing WHAT with N, of STEP (a mask) at the byte AT. */
int judge_error(struct compare *c, const struct node *n, const char *what, int err, uint64_t step,
		uint64_t at);

/* All steps that read. */
uint64_t reading_steps(const struct compare *c);

/* Compares attributes, link target and xattrs of c->node with what the guest told. */
int judge_node(struct compare *c, const char *target);
int judge_xattrs(struct compare *c);

/* A write into memory that is not the writer's; compare-memory.c. */
int take_stray(struct compare *c, const char *at);

/* Compares the content of c->node, once the report has all of it. */
int judge_content(struct compare *c);
void content_clear(struct content *l);
void xattrs_free(struct xattr *x);

#endif
