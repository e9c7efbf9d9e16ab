/* SPDX-License-Identifier: MIT */
/* Text as the kernel's mailing lists take it: ASCII, 72 columns, no tabs. */
#ifndef VERIFY_MAIL_TEXT_H
#define VERIFY_MAIL_TEXT_H

#include <stddef.h>
#include <stdio.h>

#include "macros.h"

#define MAIL_COLUMNS 72

/* A copy in ASCII: line ends and tabs are blanks, any other byte \xNN. The caller frees it; NULL when memory
 * is out. */
char *mail_ascii(const char *text);

/* Filled lines: the first begins after INDENT blanks, the others after HANG. A word that is longer than a
 * line goes on in the next, cut behind a comma or slash where it has one. */
void mail_fill(FILE *f, unsigned indent, unsigned hang, const char *text);
void mail_fillf(FILE *f, unsigned indent, unsigned hang, const char *fmt, ...) printf_like(4, 5);

/* "LABEL:    VALUE", the values of all labels below each other; nothing if VALUE is NULL or empty. */
void mail_field(FILE *f, const char *label, const char *value);
void mail_fieldf(FILE *f, const char *label, const char *fmt, ...) printf_like(3, 4);

/* One line of a log as it is, or on several when it is too long. */
void mail_log_line(FILE *f, const char *line, size_t n);

/* N bytes of a file at OFFSET, 12 a line; LABEL stands before the first. */
void mail_hexdump(FILE *f, const char *label, const unsigned char *p, size_t n,
		  unsigned long long offset);

#endif
