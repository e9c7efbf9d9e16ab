/* SPDX-License-Identifier: MIT */
/* What the rules remember of a connection. Internal to lint. */
#ifndef TRACE_LINT_PARTS_H
#define TRACE_LINT_PARTS_H

#include "lint.h"
#include "macros.h"
#include "msg.h"
#include "u64-map.h"

enum fid_state {
	FID_MADE,  /* live */
	FID_BEING, /* its request has no reply yet */
	FID_GOING, /* Tclunk or Tremove was sent */
};

/* So many versions of a file are known. */
#define OLD_VERSIONS 8u

struct lint_fid {
	enum fid_state state;
	bool is_open, is_xattr;
	uint64_t file; /* qid.path */
};

struct lint_file {
	bool has_size;
	uint32_t versions[OLD_VERSIONS]; /* the newest is at N_VERSIONS % OLD_VERSIONS */
	unsigned n_versions;		 /* that were seen */
	uint64_t changed;		 /* when the newest was first seen */
	uint64_t size;
};

/* A request without reply so far. */
struct waiting {
	struct trace_record r; /* its head and first path are in BYTES; no other views */
	bool is_bad_fid;       /* a fid of it does not exist */
	uint8_t bytes[];
};

struct lint_conn {
	uint32_t number;
	bool is_partial; /* its beginning is not there: what is unknown may exist */
	bool has_version;
	uint32_t msize; /* 0: not known */
	struct u64_map tags, fids, files;
	struct u64_map
		flushed; /* tags that were waiting when Rflush came, and have not come again */
};

struct lint {
	void (*report)(void *arg, const struct lint_finding *f);
	void *arg;
	struct u64_map conns;
	uint64_t now;
	uint64_t asked; /* when the request came whose reply is at hand */
};

/* The message R breaks RULE: says so. */
void printf_like(4, 5) lint_found(struct lint *l, enum lint_id rule, const struct trace_record *r,
				  const char *fmt, ...);

/* The entry of KEY in M, of SIZE bytes, zeroed if it is new. NULL: no memory. */
void *lint_entry(struct u64_map *m, uint64_t key, size_t size, bool *ret_is_new);
void lint_forget(struct u64_map *m, uint64_t key);

/* Fid NUMBER is in this state now, and nothing else is known of it. NULL: no memory. */
struct lint_fid *lint_set_fid(struct lint_conn *c, uint32_t number, enum fid_state state);

/* T succeeded with M, whose record is R: its rules, and its effects. */
void lint_succeeded(struct lint *l, struct lint_conn *c, const struct trace_record *r,
		    const struct msg *t, const struct msg *m);

#endif
