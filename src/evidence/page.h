/* SPDX-License-Identifier: MIT */
/* The page of a report: the verdict in one sentence, the layers with the first bad one, each damaged file
 * with its wrong bytes and the requests that carried them, the environment, how to repeat it. One file of
 * HTML that needs nothing else, no script, no network. Whatever it shows is in the text or JSON output, too. */
#ifndef EVIDENCE_PAGE_H
#define EVIDENCE_PAGE_H

#include <jansson.h>
#include <stdio.h>

/* RUN is that of record_load; CONSOLE (may be NULL) the text of its console.log; HOME (may be NULL) is
 * shown as "~". 0 or -errno. */
int page_write(FILE *f, json_t *run, const char *console, const char *home);

#endif
