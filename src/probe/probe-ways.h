/* SPDX-License-Identifier: MIT */
/* The ways in which a program can read a file. Each fills a buffer with one window of it. */
#ifndef VERIFY_PROBE_WAYS_H
#define VERIFY_PROBE_WAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A multiple of the page: what is read in one go by every step, so that memory stays bounded. */
#define WAY_WINDOW (8U << 20)

/* A file that is being read. */
struct way_file {
	int dir_fd;
	const char *name;
	int fd;
	int direct_fd; /* opened at the first use, -1 before */
	uint64_t size; /* as stat told */
	int pipe[2];   /* of the splice way; kept over all files, -1 before the first use */
	/* mmap: what the last page showed behind the end, if not zeros. */
	size_t n_past;
	unsigned char past[4096];
};

struct way {
	const char *name;
	/* Fills BUF (page-aligned) with WAY_WINDOW bytes from OFFSET on. Returns how many there
	 * were, less only at the file's end, or -errno; *RET_AT is then where it failed. UNIT is
	 * the bytes of a call, 0 for the default. */
	ssize_t (*fill)(struct way_file *f, size_t unit, uint64_t offset, unsigned char *buf,
			uint64_t *ret_at);
};

/* NAME or NAME:UNIT; NULL if there is none. */
const struct way *way_find(const char *word, size_t *ret_unit);

/* Drops the file's pages from the guest's cache. */
void way_drop(struct way_file *f);

void way_file_done(struct way_file *f);

#endif
