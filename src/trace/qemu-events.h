/* SPDX-License-Identifier: MIT */
/* Messages as QEMU's trace events of its 9p server, in the words of its log: hw/9pfs/trace-events of
 * QEMU 7.2; what newer ones add is read. */
#ifndef TRACE_QEMU_EVENTS_H
#define TRACE_QEMU_EVENTS_H

#include "exchange.h"

/* The events of an exchange, a line each, as the log has them with timestamps: "PID@SEC.USEC:". What
 * QEMU has no event for is left out. WALL: ns since 1970 of START of the records' clock. */
void qemu_print_exchange(FILE *f, const struct exchange *e, uint64_t start, uint64_t wall);

/* The message that one line of a log tells, without timestamp: "v9fs_read tag 0 id 116 ...". Strings
 * are views into SCRATCH (CAP bytes; as many as LINE has suffice). False: it tells none. */
bool qemu_parse_event(const char *line, char *scratch, size_t cap, struct msg *ret_m);

/* Has the log a line for the reply to a request of TYPE, other than an error? */
bool qemu_logs_reply(uint8_t type);

#endif
