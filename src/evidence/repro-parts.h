/* SPDX-License-Identifier: MIT */
/* What repro.c (puts the folder together), repro-kernel.c and repro-text.c (its scripts and texts) share. */
#ifndef VERIFY_REPRO_PARTS_H
#define VERIFY_REPRO_PARTS_H

#include <jansson.h>
#include <stdbool.h>

#include "repro.h"

struct repro {
	const struct repro_plan *plan;
	json_t *run;
	const char *stage; /* the folder that becomes the archive */
	bool is_uml;
	struct repro_result result;
};

/* PATH beneath the stage; the caller frees it. */
char *repro_path(const struct repro *r, const char *path);

/* The file FROM to NAME beneath the stage. 0, or -errno with *RET_WHY. */
int repro_copy(const struct repro *r, const char *from, const char *name, char **ret_why);

/* Kernel, its loader and libraries, initramfs; repro-kernel.c. */
int repro_add_kernel(struct repro *r, char **ret_why);

/* run.sh, guest.sh, bin/warren, kernels/repro/image (UML), README.txt, report.txt, expected.txt. */
int repro_add_texts(struct repro *r);

#endif
