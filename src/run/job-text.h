/* SPDX-License-Identifier: MIT */
/* Writes the statements that make up a verification. */
#ifndef VERIFY_JOB_TEXT_H
#define VERIFY_JOB_TEXT_H

#include <stdint.h>

struct job_plan {
	const char *source, *options;		 /* from guest_mount_words */
	const char *const *caches, *const *ways; /* NULL-terminated */
	const unsigned *msizes; /* 0-terminated; each cache mode is mounted with each */
	const char *exec;	/* or NULL */
	unsigned fragment;	/* percent of the guest's memory that is broken into pieces, or 0 */
};

/* The caller frees it; NULL when memory is out. */
char *job_text(const struct job_plan *p);

#endif
