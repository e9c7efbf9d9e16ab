/* SPDX-License-Identifier: MIT */
/* What a step, and so a whole scenario in one cache mode, came to; and the problems that have names. */
#ifndef SCENARIO_MARK_H
#define SCENARIO_MARK_H

#include <stdbool.h>

/* Identifier, word, is it forbidden, meaning; the worse the later. */
#define MARKS(M)                                                                                  \
	M(NONE, "-", false, "not judged: this kernel or server does not have it")                 \
	M(NEW, "new", false, "what is on the host now")                                           \
	M(STALE, "stale", false, "old, as this cache mode allows")                                \
	M(REFUSED, "refused", false, "an honest error: by this cache mode's rules, or a guard's") \
	M(OLD, "OLD", true, "old, where this cache mode has to show what is new")                 \
	M(WRONG, "WRONG", true, "bytes, sizes or names that never were there")                    \
	M(ERROR, "ERROR", true, "an error that POSIX does not know here")                         \
	M(ZEROS, "ZEROS", true, "zeros where data is, or behind its end")                         \
	M(LOST, "LOST", true, "bytes that were written are gone")                                 \
	M(HANG, "HANG", true, "it never ends")

enum mark {
#define M(id, ...) MARK_##id,
	MARKS(M)
#undef M
		N_MARKS
};

const char *mark_word(enum mark m);
const char *mark_meaning(enum mark m);
bool mark_is_forbidden(enum mark m);

/* Identifier, name, what it is, what warren's guards do about it (src/server/guards.h). */
#define PROBLEMS(P)                                                                                \
	P(APPENDED, "L1",                                                                          \
	  "data that the host appends reads as zeros while the guest has the file open (cached "   \
	  "modes, and mappings in all)",                                                           \
	  "--guard fresh: a file that was changed less than 30 s before it is opened is not "      \
	  "cached")                                                                                \
	P(ENDLESS, "L2",                                                                           \
	  "reading a file that is shorter than its size never ends (Linux 6.12), or fails with "   \
	  "ENODATA (7.3), in modes that do not cache",                                             \
	  "--guard spin, on by default: EIO after 4096 equal empty reads; pseudo, on by default: " \
	  "files of sysfs have their true size")                                                   \
	P(PADDED, "L3",                                                                            \
	  "a file that is shorter than its size is padded with zeros (cached modes)",              \
	  "--guard shrunk: EIO instead; pseudo, on by default: files of sysfs have their true "    \
	  "size")                                                                                  \
	P(UNDONE, "L4",                                                                            \
	  "what the host wrote is undone when the guest writes back whole pages, or at its idea "  \
	  "of the end (modes that write back)",                                                    \
	  "--guard writers, on by default, warns; no server can tell whose bytes are meant")       \
	P(NAME, "L5",                                                                              \
	  "a name whose file the guest holds open leads to that file, though the host gave the "   \
	  "name away, even uncached; servers whose fids are paths hide it",                        \
	  "no guard: a fid of 9P is a file, not a name")                                           \
	P(PATH, "L6",                                                                              \
	  "a file that the guest holds open has the attributes of what has its name now, or none " \
	  "(servers whose fids are paths)",                                                        \
	  "warren's fids are files: it is not seen there")

enum problem {
	PROBLEM_NONE,
#define P(id, ...) PROBLEM_##id,
	PROBLEMS(P)
#undef P
		N_PROBLEMS
};

const char *problem_name(enum problem p); /* NULL for PROBLEM_NONE */
const char *problem_text(enum problem p);
const char *problem_guards(enum problem p);

#define JUDGEMENT_TEXT 240

struct judgement {
	enum mark mark;
	enum problem problem;
	char text
		[JUDGEMENT_TEXT]; /* what was seen, and what should have been; "" when all is well */
};

/* Keeps the worse of the two in *WORST. */
void judgement_add(struct judgement *worst, const struct judgement *j);

#endif
