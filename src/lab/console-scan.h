/* SPDX-License-Identifier: MIT */
/* Finds in a guest's console what its kernel reported about itself: bugs, warnings, tasks that hang. */
#ifndef LAB_CONSOLE_SCAN_H
#define LAB_CONSOLE_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* More of them are counted and not kept: the first ones tell most. Of bugs the first is always kept. */
#define CONSOLE_REPORTS_KEPT 8

struct console_report {
	char *sentence; /* "KASAN: use-after-free in _copy_to_iter, write of size 655" */
	char *block;	/* its lines as they stand in the console */
	bool is_bug;	/* what the guest did from then on proves nothing; else it is a warning */
};

struct console_reports {
	struct console_report kept[CONSOLE_REPORTS_KEPT];
	size_t n;    /* kept */
	size_t all;  /* found */
	size_t bugs; /* of these, those that are bugs */
};

/* Looks through TEXT, a console's log: with or without time stamps, carriage returns, any bytes. 0 or
 * -ENOMEM. Free with console_reports_done. */
int console_scan(const char *text, struct console_reports *ret_r);
/* The same of a file of any size; it is read in pieces. 0 or -errno. */
int console_scan_file(const char *path, struct console_reports *ret_r);
void console_reports_done(struct console_reports *r);

/* "KASAN: ... (and 3 more)"; NULL when there is none, or no memory. A bug comes before a warning. The
 * caller frees it. */
char *console_sentence(const struct console_reports *r);

#endif
