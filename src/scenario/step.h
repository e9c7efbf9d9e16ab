/* SPDX-License-Identifier: MIT */
/* The language of scenarios: steps of the host and of the guest in turn, ";" between them.
 *
 *	host write f a*10000; guest open 1 f r; guest read 1 0 10000
 *
 * Arguments: a file is a word, a handle a number up to 7, bytes are LETTER*COUNT[@OFFSET]. Letters
 * tell who wrote what: no two writes of a scenario should have the same. */
#ifndef SCENARIO_STEP_H
#define SCENARIO_STEP_H

#include <stddef.h>

#define STEP_HANDLES 8U
#define STEP_BYTES_MAX (4U << 20)
#define STEP_WORD 16

/* Identifier, whose, name, arguments (h: handle, f: file, t: a second file, n: number, b: bytes, m: mode
 * of open), what it needs, what it does with the content, what it is. */
#define STEPS(S)                                                                                  \
	S(HOST_WRITE, HOST, "write", "fb", NOTHING, PUTS, "writes; the file comes into being")    \
	S(HOST_APPEND, HOST, "append", "fb", NOTHING, ADDS, "appends")                            \
	S(HOST_TRUNCATE, HOST, "truncate", "fn", NOTHING, CUTS, "makes it so long")               \
	S(HOST_RENAME, HOST, "rename", "ft", NOTHING, KEEPS, "renames the first over the second") \
	S(HOST_UNLINK, HOST, "unlink", "f", NOTHING, KEEPS, "removes it")                         \
	S(HOST_AGE, HOST, "age", "f", NOTHING, KEEPS,                                             \
	  "its mtime is an hour ago, always the same second")                                     \
	S(HOST_ADOPT, HOST, "adopt", "f", NOTHING, KEEPS,                                         \
	  "a file that exists: it holds what the host reads")                                     \
	S(HOST_LOOK, HOST, "look", "f", NOTHING, KEEPS, "judged: what the host reads")            \
	S(OPEN, GUEST, "open", "hfm", NOTHING, KEEPS,                                             \
	  "judged; r, w, rw, a (append), c (rw, made if need be)")                                \
	S(CLOSE, GUEST, "close", "h", HANDLE, KEEPS, "closes it, and its mapping")                \
	S(READ, GUEST, "read", "hnn", HANDLE, KEEPS, "judged: offset and count")                  \
	S(WRITE, GUEST, "write", "hb", HANDLE, PUTS, "writes")                                    \
	S(APPEND, GUEST, "append", "hb", HANDLE, ADDS, "writes at the handle's place")            \
	S(FSTAT, GUEST, "fstat", "h", HANDLE, KEEPS, "judged: the size")                          \
	S(STAT, GUEST, "stat", "f", NOTHING, KEEPS, "judged: the size, or that there is none")    \
	S(FTRUNCATE, GUEST, "ftruncate", "hn", HANDLE, CUTS, "makes it so long")                  \
	S(FSYNC, GUEST, "fsync", "h", HANDLE, KEEPS, "what was written has to be the host's now") \
	S(UNLINK, GUEST, "unlink", "f", NOTHING, KEEPS, "removes it")                             \
	S(RENAME, GUEST, "rename", "ft", NOTHING, KEEPS, "renames the first over the second")     \
	S(MAP, GUEST, "map", "hnm", HANDLE, KEEPS, "maps so many bytes, shared; r or rw")         \
	S(PEEK, GUEST, "peek", "hnn", MAPPING, KEEPS,                                             \
	  "judged: what the mapping shows at offset, count")                                      \
	S(POKE, GUEST, "poke", "hb", MAPPING, PUTS, "writes to the mapping")                      \
	S(MSYNC, GUEST, "msync", "h", MAPPING, KEEPS, "as fsync, for the mapping")

enum step_verb {
#define S(id, ...) STEP_##id,
	STEPS(S)
#undef S
		N_STEPS
};

enum step_side { STEP_HOST, STEP_GUEST };
enum step_needs { STEP_NOTHING, STEP_HANDLE, STEP_MAPPING };
enum step_effect { STEP_KEEPS, STEP_PUTS, STEP_ADDS, STEP_CUTS };

struct step {
	enum step_verb verb;
	enum step_side side;
	enum step_needs needs;
	enum step_effect effect;
	unsigned handle;
	char file[STEP_WORD], to[STEP_WORD], mode[STEP_WORD];
	size_t n[2]; /* the numbers */
	unsigned char byte;
	size_t count, offset; /* of the bytes */
	const char *text;     /* as it stands in the scenario */
	int text_len;
};

/* The next step of *TEXT, which moves behind it. 0; -ENODATA at the end; -EINVAL: *TEXT is at what is
 * wrong. */
int step_parse(const char **text, struct step *ret_s);

/* What the hand in the guest is told: "open 1 NAME r", with PREFIX before each name. The caller frees it;
 * NULL: no memory, or a step of the host. */
char *step_for_hand(const struct step *s, const char *prefix);

#endif
