/* SPDX-License-Identifier: MIT */
/* Exchanges as lines for a person. */
#ifndef TRACE_EXCHANGE_TEXT_H
#define TRACE_EXCHANGE_TEXT_H

#include <stdio.h>

#include "exchange.h"

/* What a request is about: the path of its fid, and the names behind it that the message adds. ""
 * where there is none. I: 0, or 1 for the second path of Trename, Trenameat and Tlink. */
#define EXCHANGE_PATH_SIZE (2 * TRACE_MAX_PATH + 32)
void exchange_path(const struct exchange *e, unsigned i, char *buf, size_t cap);

/* "@12288+655" and the like: the arguments without fids and the names of exchange_path, behind a
 * space each. */
void exchange_put_arguments(FILE *f, const struct exchange *e);

/* "655", "ENOENT", "size=8": what came back. */
void exchange_put_result(FILE *f, const struct exchange *e);

/* "ENOENT"; "errno 4711" for a number that has no name. BUF holds 16 bytes. */
const char *errno_text(uint32_t err, char *buf);

/* One line; times are counted from START. */
void exchange_print(FILE *f, const struct exchange *e, uint64_t start);

/* The request and the reply, a line each, with all fields. */
void exchange_print_messages(FILE *f, const struct exchange *e, uint64_t start);

#endif
