/* SPDX-License-Identifier: MIT */
/* A reproducer: an archive with all that a recorded run needs to happen again on another machine, and a script
 * that says in one sentence whether it did.
 *
 *	run.sh		[KERNEL]: REPRODUCED, NOT REPRODUCED, or why it could not run
 *	README.txt, report.txt (the mail), expected.txt (the verdict's sentences)
 *	guest.sh	the guest alone, started with the recorded command line
 *	kernels/repro	the kernel as an entry of the lab's cache, which the archive's folder is
 *	initramfs	of a QEMU guest
 *	job		what the probe was told
 *	files/		the damaged files, or those of the corpus
 *	bin/warren, lib/	warren and the guest's probe with loader and libraries
 */
#ifndef VERIFY_REPRO_H
#define VERIFY_REPRO_H

#include <jansson.h>
#include <signal.h>
#include <stdint.h>

struct repro_plan {
	const char *record; /* its folder */
	json_t *run;
	const char *warren, *probe; /* our programs */
	const char *output; /* ends with .tar.zst or .tar; the archive's folder is named after it */
	const char *home;   /* shown as "~" in the report, may be NULL */
	const volatile sig_atomic_t *stop; /* ends it with -EINTR once not 0; may be NULL */
};

struct repro_result {
	uint64_t size;		    /* of the archive */
	uint64_t files, file_bytes; /* of the user's, which it holds */
	char *top;		    /* the archive's folder */
};

/* Has OUTPUT one of the two endings? */
int repro_check_name(const char *output);

/* 0, or -errno with *RET_WHY: -ENOTSUP when this run cannot be reproduced elsewhere. */
int repro_write(const struct repro_plan *p, struct repro_result *ret_r, char **ret_why);
void repro_result_done(struct repro_result *r);

#endif
