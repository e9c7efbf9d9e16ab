/* SPDX-License-Identifier: MIT */
/* What is planted to see whether it is found, a row each; and the bytes of it. Each case has a file of its
 * own, whose bytes say where they belong (corpus.h). */
#ifndef RUN_PROVE_CASES_H
#define RUN_PROVE_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "damage.h"
#include "layer.h"

#define PROVE_SIZE 40000U /* of each file: no multiple of a page */
#define PROVE_BY 4096U	  /* how far SHIFTED bytes come from, and a wrong size is off */
#define PROVE_NAME_MAX 64

/* Where it is planted. All of one place are planted at once, in one boot of a guest: symbol and what is
 * done there. */
#define PROVE_PLACES(P)                                                                        \
	P(HOST, "the host's files are altered, with their times kept")                         \
	P(SERVER, "the server sends something else")                                           \
	P(REWRITTEN, "the host rewrites files that were read before, and old bytes come back") \
	P(WRITTEN, "writes of the guest are lost or go astray")                                \
	P(TRANSPORT, "payloads are altered behind the server")                                 \
	P(CACHE, "pages are altered in the guest's memory")                                    \
	P(READER, "one way of reading gets wrong what it read")

/* Place; the layer and the class that have to be named; the kind of damage, as in fault.h (SERVER) or
 * sabotage.h, or one of "stale", "past-eof" and "stray"; the bytes that are bad: from, and how many. In
 * READER the way of reading stands before the kind. Of "version" no reader sees anything: it is found in the
 * recording. In WRITTEN the guest writes a page of the donor's
 * there, of which it keeps a copy; what went astray is then elsewhere in the host's file. */
#define PROVE_CASES(C)                                            \
	C(HOST, HOST_FILE, HOST_ALTERED, "zero", 4096, 4096)      \
	C(HOST, HOST_FILE, HOST_ALTERED, "zero", 39000, 1000)     \
	C(HOST, HOST_FILE, HOST_ALTERED, "random", 8192, 4096)    \
	C(HOST, HOST_FILE, HOST_ALTERED, "bitflip", 5003, 1)      \
	C(HOST, HOST_FILE, HOST_ALTERED, "shifted", 12288, 8192)  \
	C(HOST, HOST_FILE, HOST_ALTERED, "foreign", 16384, 4096)  \
	C(HOST, HOST_FILE, HOST_ALTERED, "stale", 0, 40000)       \
	C(SERVER, SERVER, ZERO, "zero", 4096, 4096)               \
	C(SERVER, SERVER, ZERO, "zero", 39000, 1000)              \
	C(SERVER, SERVER, ZERO, "zero", 0, 40000)                 \
	C(SERVER, SERVER, RANDOM, "random", 8192, 4096)           \
	C(SERVER, SERVER, BITFLIP, "bitflip", 5003, 1)            \
	C(SERVER, SERVER, SHIFTED, "shifted", 12288, 8192)        \
	C(SERVER, SERVER, FOREIGN, "foreign", 16384, 4096)        \
	C(SERVER, SERVER, SHORT, "smaller", 35904, 4096)          \
	C(SERVER, SERVER, LONG, "padded", 40000, 4096)            \
	C(SERVER, SERVER, MISSING, "hidden", 0, 0)                \
	C(SERVER, SERVER, ATTRIBUTES, "version", 0, 0)            \
	C(REWRITTEN, SERVER, STALE, "stale", 4096, 8192)          \
	C(REWRITTEN, SERVER, TORN, "stale", 16384, 1600)          \
	C(WRITTEN, SERVER, FOREIGN, "lost-write", 8192, 4096)     \
	C(WRITTEN, SERVER, SHIFTED, "misplaced", 8192, 4096)      \
	C(REWRITTEN, TRANSPORT, STALE, "stale", 8192, 4096)       \
	C(REWRITTEN, TRANSPORT, TORN, "stale", 26624, 2048)       \
	C(TRANSPORT, TRANSPORT, ZERO, "zero", 4096, 4096)         \
	C(TRANSPORT, TRANSPORT, ZERO, "zero", 39000, 1000)        \
	C(TRANSPORT, TRANSPORT, ZERO, "zero", 12288, 655)         \
	C(TRANSPORT, TRANSPORT, RANDOM, "random", 8192, 4096)     \
	C(TRANSPORT, TRANSPORT, BITFLIP, "bitflip", 5003, 1)      \
	C(TRANSPORT, TRANSPORT, SHIFTED, "shifted", 12288, 4096)  \
	C(TRANSPORT, TRANSPORT, FOREIGN, "foreign", 16384, 4096)  \
	C(CACHE, PAGE_CACHE, ZERO, "zero", 4096, 4096)            \
	C(CACHE, PAGE_CACHE, ZERO, "zero", 39000, 1000)           \
	C(CACHE, PAGE_CACHE, ZERO, "zero", 12000, 700)            \
	C(CACHE, PAGE_CACHE, RANDOM, "random", 8192, 4096)        \
	C(CACHE, PAGE_CACHE, BITFLIP, "bitflip", 5003, 1)         \
	C(CACHE, PAGE_CACHE, SHIFTED, "shifted", 12288, 8192)     \
	C(CACHE, PAGE_CACHE, FOREIGN, "foreign", 16384, 4096)     \
	C(CACHE, PAGE_CACHE, STALE, "stale", 20480, 4096)         \
	C(CACHE, PAGE_CACHE, TORN, "stale", 28672, 800)           \
	C(CACHE, PAGE_CACHE, PAST_EOF, "past-eof", 40000, 100)    \
	C(CACHE, PAGE_CACHE, STRAY, "stray", 100, 655)            \
	C(READER, READER, ZERO, "read zero", 4096, 4096)          \
	C(READER, READER, ZERO, "mmap zero", 39000, 1000)         \
	C(READER, READER, ZERO, "direct zero", 12288, 655)        \
	C(READER, READER, RANDOM, "pread random", 8192, 4096)     \
	C(READER, READER, BITFLIP, "splice bitflip", 5003, 1)     \
	C(READER, READER, BITFLIP, "read bitflip", 21001, 1)      \
	C(READER, READER, SHIFTED, "mmap shifted", 12288, 4096)   \
	C(READER, READER, FOREIGN, "direct foreign", 16384, 4096) \
	C(READER, READER, FOREIGN, "splice foreign", 8192, 4096)

#define P(symbol, what) PROVE_##symbol,
enum prove_place { PROVE_PLACES(P) PROVE_N_PLACES };
#undef P

struct prove_case {
	enum prove_place place;
	enum layer layer;
	enum damage class;
	const char *words;
	uint32_t offset, count;
};

extern const struct prove_case prove_cases[];
extern const size_t prove_n_cases;

const char *prove_place_what(enum prove_place p);

/* The kind: the last of its words. */
const char *prove_kind(const struct prove_case *c);
bool prove_is(const struct prove_case *c, const char *kind);

/* What its file is called; for "stray" where such a finding is. BUF has PROVE_NAME_MAX bytes. */
const char *prove_file_name(const struct prove_case *c, char *buf);

/* Whose bytes FOREIGN ones are: a file that has no case. */
#define PROVE_DONOR "donor"

/* PROVE_SIZE bytes as they should be, of a case's file; NULL: of the donor's. OLDER: those of the generation
 * before. */
void prove_fill(const struct prove_case *c, bool older, uint8_t *buf);

/* PROVE_SIZE bytes and the rest of the last page, with the damage in them. -ENOTSUP: it is none of the
 * content. */
int prove_fill_damaged(const struct prove_case *c, uint8_t *buf);

/* The damage as text, which the caller frees: as in fault.h (SERVER) or sabotage.h, in READER with the way
 * before it; NULL: out of memory. */
char *prove_text(const struct prove_case *c);

/* Are these the bytes that were planted? A unit has most of its bytes in common with the next one, so the
 * first and last bytes that differ are up to a unit inside the range. */
bool prove_is_range(const struct prove_case *c, uint64_t from, uint64_t to);

#endif
