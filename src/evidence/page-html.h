/* SPDX-License-Identifier: MIT */
/* The page of a report: what stands between its tags is escaped here, and nowhere else. Internal to the
 * page. */
#ifndef EVIDENCE_PAGE_HTML_H
#define EVIDENCE_PAGE_HTML_H

#include <stdio.h>

#include "macros.h"

/* The page's style sheet: light and dark, wide and narrow. */
extern const char page_style[];

/* NULL is nothing. */
void html_text(FILE *f, const char *text);
void html_textf(FILE *f, const char *fmt, ...) printf_like(2, 3);

/* <TAG class=CLASS>TEXT</TAG>; CLASS, of one word, may be NULL. */
void html_element(FILE *f, const char *tag, const char *class, const char *text);
void html_elementf(FILE *f, const char *tag, const char *class, const char *fmt, ...)
	printf_like(4, 5);

/* A row of a table with a label; nothing if TEXT is NULL or empty. */
void html_row(FILE *f, const char *label, const char *text);
void html_rowf(FILE *f, const char *label, const char *fmt, ...) printf_like(3, 4);

#endif
