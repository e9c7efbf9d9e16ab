/* SPDX-License-Identifier: MIT */
/* A file of a 9P share as the page cache of a kernel gets it, byte by byte: the model as a whole.
 *
 * Theory of operation
 *
 *	step		open, advise, read, drop: what a program does		(read-trace.h)
 *	page-cache	which pages are missing
 *	readahead	which pages come, in one request
 *	netfs		the request, cut where the file ends: download, zeros
 *	p9-client	the download, cut into Treads: zero-copy above 1024 bytes, else copied
 *	iov-iter	where the bytes of each reply go: the cursor, and its bugs
 *	phys		the pages, each with an owner
 *	events		what happened
 *
 * Each layer is named after the kernel's functions and does what they do, in our own words; the
 * layers of 6.12 are the ones that are modelled, and kernel-rules.h turns their bugs on and off. Locks,
 * errors, retries, and the order in which folios are unlocked are left out: the 9P client answers
 * a read of netfs before it returns.
 *
 * After each step the model looks at all that is up to date: a byte that did not come there from its
 * own place in the server's file is lost. It does not matter whether that is visible on a real
 * machine: there, with the pages in the right order, the bytes that go astray happen to land in the
 * right place. So two more things are watched, which no layout hides: no write leaves the folio that
 * the iterator means, and each byte of a folio is written once and only once. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel-rules.h"
#include "page-cache.h"
#include "phys.h"
#include "events.h"

#define MODEL_MAX_SIZE (16U << 20)
#define MODEL_MAX_SIZE_IN_WINDOWS (512U << 20)

#define MODEL_CACHES(C) C(NONE, "none") C(READAHEAD, "readahead") C(MMAP, "mmap") C(LOOSE, "loose")
#define C(id, name) MODEL_CACHE_##id,
enum model_cache { MODEL_CACHES(C) N_MODEL_CACHES };
#undef C

extern const char *const model_cache_names[N_MODEL_CACHES];

struct model_config {
	struct kernel_rules rules;
	uint64_t size;		/* of the file, MODEL_MAX_SIZE at most */
	uint32_t msize, iounit; /* iounit 0: msize decides */
	enum model_cache cache;
	enum layout layout;
	uint64_t seed;	      /* of LAYOUT_RANDOM */
	uint32_t reply_limit; /* the server's, 0: none */
	bool is_copy_only;    /* a transport without zero-copy, such as TCP */
	bool is_brief;	      /* see events.h */
	const size_t *pfns;   /* one for each page of the file, as in page-cache.h, or NULL */
	unsigned max_order;   /* of the folios that will be there; 0 as 9p has them */
	/* No more bytes of it than that are in the cache at any time, and the file may be larger; 0:
	 * all may be. */
	uint64_t window;
	const unsigned char *bytes; /* SIZE of them; NULL: model_fill's */
};

/* The article's: 6.12.43, 12943 bytes, msize 16384, iounit 12288, cache=mmap, scattered. */
struct model_config model_config_default(void);

/* Bytes of which each 16 say where in which file they stand, and none is zero. */
void model_fill(unsigned char *bytes, size_t n, unsigned file_id);

enum step_kind { STEP_OPEN, STEP_ADVISE, STEP_READ, STEP_DROP };

struct step {
	enum step_kind kind;
	enum advice advice;
	uint64_t offset, len; /* of STEP_READ, ADVICE_WILLNEED and ADVICE_DONTNEED */
};

#define FROM_NOWHERE UINT64_MAX

/* Bytes side by side that are not the server's. */
struct damage {
	uint64_t offset, len;
	unsigned step;	/* in which they came */
	unsigned tread; /* which should have brought them; 0: not known */
	/* The file's bytes from here on stand in their place; FROM_NOWHERE: nothing came there, or
	 * zeros, and zeros they read as. */
	uint64_t from;
};

struct model {
	struct model_config config;
	struct phys phys;
	struct frames frames;
	unsigned char *bytes; /* the server's file */
	size_t *pfns;
	struct address_space mapping;
	struct file file;
	struct p9_client *clnt;
	struct p9_server *server;
	struct p9_fid *fid;
	struct v9fs_file *v9fs;
	struct recorder rec;
	struct damage *damages; /* in the order of their coming */
	size_t n_damages;
	uint64_t lost; /* bytes */
};

/* The file is open, its cache empty. 0, -EINVAL or -ENOMEM. */
int model_new(const struct model_config *c, struct model **ret_m);
void model_free(struct model *m);

/* As after model_new: faster for many short cases. */
void model_reset(struct model *m);

/* Does one step and looks at what it left. For STEP_READ, *RET_N gets how many bytes the program
 * got and BUF (as large as the step asks, or NULL) the bytes. 0 or -errno. */
int model_step(struct model *m, const struct step *s, void *buf, size_t *ret_n);

/* What model_step does at its end: looks at all that is up to date. 0 or -ENOMEM. */
int model_check(struct model *m);

/* Is everything as it should be: no byte lost, none astray, all invariants hold? */
bool model_is_sound(const struct model *m);

#endif
