/* SPDX-License-Identifier: MIT */
/* Rules of the protocol, checked over a recording.
 *
 * A rule is broken by a client or by a server, or by both: the finding tells which message broke it.
 * What the recording does not show (its beginning, after a rotation; what was lost) breaks none.
 */
#ifndef TRACE_LINT_H
#define TRACE_LINT_H

#include "trace-record.h"

/* R(identifier, name, who breaks it, source, explanation) */
#define LINT_RULES(R)                                                                             \
	R(MALFORMED, "malformed", "either", "the table of messages.h",                            \
	  "a message's sizes, counts or strings do not fit, or a name is none")                   \
	R(VERSION_FIRST, "version-first", "client", "version(5)",                                 \
	  "a session begins with Tversion, and only that has NOTAG")                              \
	R(MSIZE, "msize", "either", "version(5)",                                                 \
	  "no message is larger than the msize of Rversion, which is not above Tversion's")       \
	R(NO_REPLY, "no-reply", "server", "intro(5)",                                             \
	  "each request has a reply, unless it was flushed or its connection ended")              \
	R(UNASKED, "unasked", "server", "intro(5)",                                               \
	  "a reply answers a request that waits for one; there is only one")                      \
	R(REPLY_TYPE, "reply-type", "server", "intro(5)",                                         \
	  "a reply is the R-message of its request, or Rlerror")                                  \
	R(TAG_REUSE, "tag-reuse", "client", "intro(5)",                                           \
	  "a tag is not used again before the reply to it")                                       \
	R(FLUSH_ORDER, "flush-order", "server", "flush(5)",                                       \
	  "Rflush comes after the reply to what it flushes, and then none comes any more")        \
	R(COUNT, "count", "server", "read(5)",                                                    \
	  "Rread, Rreaddir and Rwrite count no more than was asked for")                          \
	R(IOUNIT, "iounit", "server", "open(5)",                                                  \
	  "iounit leaves room for a header: it is at most msize - 24")                            \
	R(WALK_QIDS, "walk-qids", "server", "walk(5)",                                            \
	  "Rwalk has a qid for each name that was walked: at least one if there were names, no "  \
	  "more than names")                                                                      \
	R(FID_UNKNOWN, "fid-unknown", "client", "intro(5), clunk(5)",                             \
	  "a fid is used between the reply that makes it and its Tclunk or Tremove")              \
	R(FID_ACCEPTED, "fid-accepted", "server", "intro(5)",                                     \
	  "a request on a fid that does not exist fails")                                         \
	R(FID_IN_USE, "fid-in-use", "client", "walk(5), attach(5)",                               \
	  "a new fid's number is not that of another fid")                                        \
	R(NOT_OPEN, "not-open", "server", "read(5), open(5)",                                     \
	  "reading and writing work on fids that were opened, or are an attribute's")             \
	R(QID_VERSION, "qid-version", "server", "intro(5)",                                       \
	  "a file's qid.version does not go back to one that it had before: equal versions are "  \
	  "taken for equal contents. 0 means that it is not known")                               \
	R(SIZE_EMPTY, "size-empty", "server", "read(5)",                                          \
	  "a read before the end of the file brings bytes: none were, although the last size is " \
	  "larger. Linux asks again and again (or the file shrank on the host)")                  \
	R(SIZE_BEYOND, "size-beyond", "server", "read(5)",                                        \
	  "a read brings nothing from behind the end: more came than the last size says (or the " \
	  "file grew on the host). Linux does not show such bytes in some cache modes")

enum lint_id {
#define R(id, name, who, source, text) LINT_##id,
	LINT_RULES(R)
#undef R
		LINT_N,
};

struct lint_rule {
	const char *name, *who, *source, *text;
};
extern const struct lint_rule lint_rules[LINT_N];

struct lint_finding {
	enum lint_id rule;
	const struct trace_record *record; /* the message that breaks it */
	const char *what;		   /* one line: which message it was, and what is wrong */
};

struct lint;

/* Each finding is given to REPORT. */
struct lint *lint_new(void (*report)(void *arg, const struct lint_finding *f), void *arg);

/* The next record. 0 or -ENOMEM. */
int lint_add(struct lint *l, const struct trace_record *r);

/* The recording ended here. */
void lint_end(struct lint *l);
void lint_free(struct lint *l);

#endif
