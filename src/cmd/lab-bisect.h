/* SPDX-License-Identifier: MIT */
/* The parts of `warren lab bisect`: lab-bisect-row.c finds the kernels between two,
 * lab-bisect-script.c prints a script for git. */
#ifndef CMD_LAB_BISECT_H
#define CMD_LAB_BISECT_H

#include <stddef.h>
#include <stdint.h>

struct bisect_row {
	struct row_kernel {
		char *name, *version;
		char *edits; /* fixes that are undone, "" for none */
	} * kernels;
	size_t n;
};

/* GOOD, BAD, and all kernels of the same kind in the cache whose version is between; each fix that
 * is undone in one of the two, and not in the other, is a step too, made if it must be. From good to
 * bad, by version. An exit code and *RET_WHY. */
int bisect_row_make(const char *good, const char *bad, struct bisect_row *ret_r, char **ret_why);
void bisect_row_done(struct bisect_row *r);

/* A POSIX sh script, on standard output. WARREN: the path of our program. */
int bisect_print_script(const char *warren, uint32_t runs);

#endif
