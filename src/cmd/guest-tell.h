/* SPDX-License-Identifier: MIT */
/* What verbs that run guests say alike. */
#ifndef CMD_GUEST_TELL_H
#define CMD_GUEST_TELL_H

#include <stdio.h>

struct console_reports;

/* One sentence about what the guest's kernel reported, and below it the first of each. Nothing if it
 * reported nothing. */
void tell_kernel_reports(FILE *f, const struct console_reports *r);

/* Warns that the host's files were not read-only in the guest, as they should have been. */
void tell_unconfined(void);

/* The end of a guest's console, on standard error; may be NULL. */
void tell_console(const char *console);

#endif
