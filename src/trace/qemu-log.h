/* SPDX-License-Identifier: MIT */
/* A log of QEMU (-trace 'v9fs*', with -msg timestamp=on or without) as a source of records.
 *
 * QEMU does not log everything: no replies to some requests, no Tstatfs, Trename, Trenameat and
 * Tunlinkat at all, no names in Twalk before 10.0 nor in Tlcreate, no contents. Names that are not
 * known are "?". */
#ifndef TRACE_QEMU_LOG_H
#define TRACE_QEMU_LOG_H

#include "exchange.h"

struct qemu_log;

/* Is PATH such a log? Looks at its beginning. */
bool qemu_log_is(const char *path);

/* 0 or -errno. */
int qemu_log_open(const char *path, struct qemu_log **ret_l);
void qemu_log_free(struct qemu_log *l);

/* TIME is since 1970; 0 without timestamps. */
struct trace_source *qemu_log_source(struct qemu_log *l);

#endif
