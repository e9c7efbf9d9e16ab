/* SPDX-License-Identifier: MIT */
/* What a recording of the server's messages says about findings: whether the bytes were right when the
 * server sent them, and which request carried them. */
#ifndef VERIFY_WIRE_FACTS_H
#define VERIFY_WIRE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "look.h"
#include "wire-request.h"

struct compare;
struct finding;
struct manifest;

#define WIRE_NEAR \
	16 /* Treads of the file that are kept: some before the one that counts, some behind */

struct wire_facts {
	const struct finding *f; /* what they are about */
	/* Of the Rreads (Rgetattrs, for what has no bytes) over it, in its walk. */
	unsigned n_replies;
	unsigned n_first;	     /* ... of these, over its first byte */
	enum seen sent;		     /* were they the host's? NOT: there were none, or no digests */
	uint64_t from, to;	     /* the wrong bytes of the first wrong one */
	struct wire_request request; /* the first wrong one, or else the first of all */
	struct wire_request before;  /* the Tread that ended where that one begins */
	bool has_request, has_before;
	struct wire_request near[WIRE_NEAR]; /* in the order of time, `request` among them */
	unsigned n_near;
	bool is_logged; /* by QEMU's server, which does not tell bytes, names in listings and attributes */
	uint64_t least_size; /* that an Rgetattr of the file told, also before the walk */
	bool has_size;
	char *text; /* of a wrong Rgetattr or Rlerror: what it said; may be NULL */
	/* The guest's block is what went over the wire before the walk began. */
	bool was_before;
	struct wire_request earlier; /* a Tread, or a Twrite if is_write */
	/* Of the Twrites over it, before the walk. */
	unsigned n_writes;
	enum seen written;	   /* does the host hold what came last? */
	struct wire_request write; /* the first that it does not, or the last */
};

/* Who asks, of walk number WALK. Facts stay where they are until wire_facts_done. */
struct wire_question {
	const char *path; /* of the recording */
	bool is_log;	  /* it is QEMU's, of its server */
	struct manifest *m;
	unsigned walk;
	bool has_writes; /* there was a command before the first walk */
	struct wire_facts *facts;
	size_t n;
};

/* Fills in all but `f`, which the caller has set. 0 or -errno: the recording cannot be read; -ENODATA: the
 * walk does not begin in it, so nobody knows what was before and what within. Then the facts are none. */
int wire_facts_read(const struct wire_question *q);
void wire_facts_done(struct wire_facts *facts, size_t n);

/* Waits until the recording has what the mark behind walk number WALK stands for, MS milliseconds at
 * most: the server writes it with a delay. */
bool wire_facts_wait(const char *path, unsigned walk, int ms);

#endif
