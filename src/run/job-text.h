/* SPDX-License-Identifier: MIT */
/* Writes the statements that make up a verification. */
#ifndef VERIFY_JOB_TEXT_H
#define VERIFY_JOB_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#define JOB_PAUSE "host" /* the name of its pause */

struct job_plan {
	const char *source, *options;		 /* from guest_mount_words */
	const char *const *caches, *const *ways; /* NULL-terminated */
	const unsigned *msizes; /* 0-terminated; each cache mode is mounted with each */
	const char *exec;	/* or NULL */
	/* For tests of the detector: "WAY DAMAGE" each (sabotage.h), NULL-terminated, or NULL; all is read
	 * once before each walk; then the guest waits. */
	const char *const *reader_faults;
	bool preload, pause;
	unsigned fragment; /* percent of the guest's memory that is broken into pieces, or 0 */
	bool is_looking;   /* ask after each walk what to read again */
};

/* The caller frees it; NULL when memory is out. */
char *job_text(const struct job_plan *p);

#endif
