/* SPDX-License-Identifier: MIT */
/* What came out of a walk: its findings, in order, and what was counted. */
#ifndef VERIFY_TALLY_H
#define VERIFY_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "damage.h"
#include "known-bugs.h"
#include "layer.h"
#include "report.h"
#include "wire-request.h"

#define WALK_MAX_STEPS 64

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
	bool is_unasked;	     /* there were too many to look for the layer of this one */
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

/* Frees what T has; T itself stays the caller's. */
void tally_clear(struct tally *t);

/* By path: the order of a listing is another one each time. What is said of one path stays as it
 * came. -ENOMEM. */
int tally_sort(struct tally *t);

/* How many different ways of reading worked. */
unsigned tally_ways(const struct tally *t);

/* "read, mmap and splice" for a mask of steps; names once each. The caller frees it. */
char *tally_step_names(const struct tally *t, uint64_t steps);

#endif
