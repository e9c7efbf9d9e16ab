/* SPDX-License-Identifier: MIT */
/* Do two servers answer the same? What must differ between two file trees (qids, times, inodes, the
 * order and offsets of entries) is not compared. */
#ifndef TRACE_REPLY_DIFF_H
#define TRACE_REPLY_DIFF_H

#include <stdio.h>

#include "exchange.h"

/* Compares the reply in E, as recorded, with NOW, whose data is in it. True if they are the same; else
 * what differs is printed to F: "ENOENT, now ok". */
bool reply_is_same(FILE *f, const struct exchange *e, const struct msg *now);

#endif
