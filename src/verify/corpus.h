/* SPDX-License-Identifier: MIT */
/* A generated tree of files for a verification: of sizes around every boundary at which a read can
 * go wrong, with content that says of each 16 bytes where they belong.
 *
 * A unit is 16 characters, "IIIIGGOOOOOOOO.\n" in hex: the file's id, its generation, the offset of
 * the unit. It holds no zero byte, so that zeros are always damage, and bytes that turn up anywhere
 * (in another file, in the guest's memory) tell whose they are. The same spec makes the same tree,
 * at any time and on any machine.
 *
 * The spec is one line of text, words NAME=VALUE with commas between:
 *
 *	sizes=S+S...	each S: "boundaries", "random:COUNT:MAX", or a number (boundaries)
 *	seed=N		of the ids and of the random sizes, up to 65535 (1)
 *	generation=N	1 to 255 (1)
 *	msize=N+N...	for which mounts the boundaries are (16384+512000)
 *	iounit=N	what the server answers to open; 0: nothing, msize decides (12288)
 */
#ifndef VERIFY_CORPUS_H
#define VERIFY_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORPUS_UNIT 16
#define CORPUS_LIST_MAX 16 /* words of a list */
#define CORPUS_STORY 12943 /* the size with which it all began: the file "default.json" */

struct corpus_spec {
	bool has_boundaries;
	uint32_t random_count, random_max;
	uint32_t sizes[CORPUS_LIST_MAX], msizes[CORPUS_LIST_MAX];
	size_t n_sizes, n_msizes;
	uint32_t seed, generation, iounit;
};

/* TEXT may be NULL or "": all defaults. -EINVAL; *RET_BAD is then the word that is wrong, in
 * TEXT, up to the next comma. */
int corpus_parse(const char *text, struct corpus_spec *ret_s, const char **ret_bad);

/* All of it as text that corpus_parse takes; the caller frees it, NULL when memory is out. */
char *corpus_text(const struct corpus_spec *s);

/* The sizes of its files, each once, from the smallest; the caller frees them. */
int corpus_sizes(const struct corpus_spec *s, uint32_t **ret_sizes, size_t *ret_n);

/* Makes the files in the empty folder DIR_FD. They are named file-ID-SIZE, but for default.json. */
int corpus_make(const struct corpus_spec *s, int dir_fd);

/* The content from OFFSET on of a file. */
void corpus_fill(uint16_t id, uint8_t generation, uint32_t offset, void *buf, size_t n);

/* Where bytes belong that were found somewhere; false when there is no whole unit among them. */
struct corpus_origin {
	uint16_t id;
	uint8_t generation;
	uint32_t offset; /* of the first of the bytes */
};
bool corpus_find_origin(const void *bytes, size_t n, struct corpus_origin *ret_o);

/* How many bytes a client asks for in one Tread, at most. IOUNIT: what the server told, 0 for
 * nothing. */
uint32_t corpus_read_size(uint32_t msize, uint32_t iounit);

#endif
