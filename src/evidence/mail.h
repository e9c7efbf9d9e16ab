/* SPDX-License-Identifier: MIT */
/* The mail to the kernel's lists about a recorded run: what maintainers always ask, from the record alone;
 * what the record does not know is said to be unknown. */
#ifndef VERIFY_MAIL_H
#define VERIFY_MAIL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* RUN is that of record_load; CONSOLE (may be NULL) the text of its console.log; HOME (may be NULL) is
 * shown as "~". 0 or -errno. */
int mail_write(FILE *f, json_t *run, const char *console, const char *home);

/* The sentence that it begins with; the caller frees it, NULL when memory is out. */
char *mail_summary(json_t *run);

/* How many files of the user's it names, whose bytes it may show. */
unsigned mail_private_files(json_t *run);

/* The layer that lost the bytes, as far as the ways and mounts of the run tell. */
enum first_bad_layer {
	LAYER_HOST,	  /* the host's file itself was altered */
	LAYER_PAGE_CACHE, /* past the page cache the same bytes were right */
	LAYER_BELOW,	  /* past the page cache they were wrong too */
	LAYER_UNKNOWN,	  /* nothing was read past the page cache */
};
enum first_bad_layer mail_first_bad_layer(json_t *run);

#endif
