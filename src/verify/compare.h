/* SPDX-License-Identifier: MIT */
/* Compares the lines of a report, as they come, with the manifest; finds out whether the host's
 * file changed meanwhile; says what is wrong where. */
#ifndef VERIFY_COMPARE_H
#define VERIFY_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "damage.h"
#include "known-bugs.h"
#include "layer.h"
#include "report.h"
#include "wire-request.h"

#define WALK_MAX_STEPS 64

struct manifest;
struct node;

#define SAMPLE_BYTES 48

/* The first bytes of a wrong range, as they should be and as the guest read them. */
struct sample {
	size_t n; /* 0: not known */
	bool has_guest;
	unsigned char host[SAMPLE_BYTES], guest[SAMPLE_BYTES];
};

/* One thing that is wrong with one name. */
struct finding {
	struct finding *next;
	char *path;
	uint64_t number; /* in the order in which they came */
	enum damage class;
	uint64_t from, to; /* the wrong bytes; both 0 where the class has none */
	uint64_t size;	   /* of the file on the host, if the bytes are of a file */
	uint64_t steps;	   /* a mask: which steps saw it */
	uint64_t right;	   /* ... and which read these bytes rightly */
	char *text;	   /* more of it, for a person; may be NULL */
	bool has_digest; /* of the block (digest.h) with the first of the bytes, as the guest had it */
	uint64_t digest;
	struct sample sample;
	enum layer layer;	     /* the first bad one */
	char *evidence;		     /* why that one, or what is missing to say it; may be NULL */
	const char *second_look;     /* what it came to; a name of blame.h, or NULL */
	const struct known_bug *bug; /* that explains it, or NULL */
	enum certainty certainty;
	bool has_request;
	struct wire_request request; /* that carried these bytes, or the first of several */
	struct wire_request
		*near; /* that one and those of the file around it, as they came; or NULL */
	unsigned n_near;
};

struct path_list {
	struct path_list *next;
	char *path;
};

/* What came out of one walk. */
struct tally {
	size_t n_steps;
	char *steps[WALK_MAX_STEPS]; /* names of ways, or "drop" */
	uint64_t off_steps;	     /* a mask: what this kernel or mount cannot do */
	int off_errs[WALK_MAX_STEPS];
	uint64_t files, bytes;
	bool is_complete; /* "walked" came */
	bool no_xattrs;	  /* the share does not have any: not compared */
	struct finding *findings, **last_finding;
	uint64_t n_findings, n_damaged; /* n_damaged: names with at least one finding */
	uint64_t bad_bytes;
	uint64_t read_size; /* the bytes of a Tread, at most; 0: not known */
	uint64_t n_strays;  /* findings in the guest's memory, not in a file */
	struct path_list *changed, *unreadable;
	struct path_list *starved; /* the guest had no memory for them: no fault of the share */
	uint64_t n_changed, n_unreadable, n_starved;
};

struct compare;

/* M is complete, and stays the caller's. WALK numbers the walks over it, from 1. */
int compare_new(struct manifest *m, unsigned walk, struct compare **ret_c);
void compare_free(struct compare *c);

/* With cache=loose the guest keeps its own times of what it wrote itself: leave them out. */
void compare_without_times(struct compare *c);

/* The manifest is of an older moment: files that the guest sees as it says, while the host's are changed, are
 * stale. */
void compare_with_old_manifest(struct compare *c);

/* For the evidence: the bytes that the client asks for in one Tread, at most. */
void compare_set_read_size(struct compare *c, uint64_t bytes);

/* One line from "walk" to "walked", without its newline. -EINVAL when it is malformed. */
int compare_line(struct compare *c, const char *line);

const struct tally *compare_tally(const struct compare *c);

/* How many different ways of reading worked. */
unsigned tally_ways(const struct tally *t);

/* "read, mmap and splice" for a mask of steps; names once each. The caller frees it. */
char *tally_step_names(const struct tally *t, uint64_t steps);

#endif
