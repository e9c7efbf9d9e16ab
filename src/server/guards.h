/* SPDX-License-Identifier: MIT */
/* Guards: what the server does so that guests with known bugs read right all the same, or get an
 * error instead of wrong bytes. One row of the table each; switched by --guard, counted, and told
 * once a session when one acts. The bugs are described in warren-serve(1).
 */
#ifndef SERVER_GUARDS_H
#define SERVER_GUARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

/* Identifier, name, on by default (it costs nothing and no sound client notices), what it does. */
#define GUARDS(G)                                                            \
	G(IOUNIT, "iounit", true,                                            \
	  "reads never end at a page: Linux 6.12 to 6.12.43 and 6.13 to "    \
	  "6.16.3 lose tails of files otherwise")                            \
	G(SPIN, "spin", true,                                                \
	  "EIO after 4096 equal empty reads in a row: frees tasks of Linux " \
	  "6.12 that would spin for ever")                                   \
	G(PSEUDO, "pseudo", true,                                            \
	  "files of sysfs have the size of what they hold: a larger one "    \
	  "is padded with zeros, or spun at")                                \
	G(FRESH, "fresh", false,                                             \
	  "files changed in the last 30 seconds are not cached: Linux "      \
	  "since 6.8 reads appended data as zeros otherwise")                \
	G(SHRUNK, "shrunk", false,                                           \
	  "EIO for reads of what a file held before it was truncated: "      \
	  "Linux since 6.8 fills it with zeros otherwise")                   \
	G(WRITERS, "writers", true,                                          \
	  "warns when a client writes to a file that was changed on "        \
	  "the host: writing back whole pages undoes that change")

enum guard {
#define G(id, ...) GUARD_##id,
	GUARDS(G)
#undef G
		N_GUARDS
};

struct guard_info {
	const char *name, *summary;
	bool by_default;
};

extern const struct guard_info guard_table[N_GUARDS];

/* The bits of those that are on by default. */
uint32_t guards_default(void);

/* "all", "none", names and no-NAMEs, separated by commas: changes *MASK. -EINVAL: *RET_BAD is the
 * word (RET_LEN bytes in TEXT) that is no guard. */
int guards_parse(const char *text, uint32_t *mask, const char **ret_bad, size_t *ret_len);

/* What follows is for handlers. */
struct attr;
struct fid;
struct node;
struct request;

/* What to answer as iounit to the opening of a file with QID. */
uint32_t guard_iounit(struct request *r, struct qid qid);

/* F was opened, and QID is going to be answered. */
void guard_opened(struct request *r, const struct fid *f, uint32_t flags, struct qid *qid);

/* A read of ASKED bytes at OFFSET brought GOT. 0, or -EIO instead. */
int guard_read(struct request *r, struct fid *f, uint64_t offset, uint32_t asked, size_t got);

/* F is going to be written to, or N changed in another way; guard_changed must follow. */
void guard_write(struct request *r, const struct fid *f);
void guard_change(struct request *r, struct node *n);
void guard_changed(struct request *r, struct node *n, bool it_was);

/* A client has made or emptied N. */
void guard_written(struct request *r, struct node *n);

/* The client knows that N has SIZE bytes. */
void guard_told_size(struct node *n, uint64_t size);

/* A is going to be answered for F. 0 or CALL_WOULD_BLOCK. */
int guard_getattr(struct request *r, const struct fid *f, struct attr *a);

#endif
