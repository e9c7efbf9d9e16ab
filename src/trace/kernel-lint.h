/* SPDX-License-Identifier: MIT */
/* Rules of the guest's kernel, checked over its tracepoints (`verify --trace netfs`): the text that the
 * tracing file system gives, of Linux 6.12 and of those since 6.14, which collect what was read otherwise.
 *
 * Theory of operation. A cached read is a request R, cut into subrequests that bring bytes or zeros. What a
 * subrequest is said to have transferred is filled; a folio may be unlocked once all of it is. An event that
 * was lost, or a request whose beginning is not there, breaks no rule.
 */
#ifndef TRACE_KERNEL_LINT_H
#define TRACE_KERNEL_LINT_H

#include <stdbool.h>

/* R(identifier, name, source, explanation) */
#define KERNEL_RULES(R)                                                                            \
	R(EARLY_UNLOCK, "folio-early-unlock", "CVE-2025-71201, 570ad253a345",                      \
	  "no folio is unlocked before all subrequests over it, those that bring zeros too, have " \
	  "ended")                                                                                 \
	R(NOT_FILLED, "folio-not-filled", "fs/netfs",                                              \
	  "when a read is done each of its bytes was filled")                                      \
	R(FILLED_TWICE, "folio-filled-twice", "fs/netfs", "each byte is filled once")              \
	R(TRANSFERRED, "sreq-transferred", "fs/netfs",                                             \
	  "a subrequest that ends well has transferred all that it was for")

#define R(id, name, source, text) KERNEL_##id,
enum kernel_rule_id { KERNEL_RULES(R) KERNEL_RULES_N };
#undef R

struct kernel_lint_rule {
	const char *name, *source, *text;
};
extern const struct kernel_lint_rule kernel_lint_rules[KERNEL_RULES_N];

struct kernel_lint;

/* Each finding is given to REPORT: the guest's clock as text ("40.117387") and one line. */
struct kernel_lint *kernel_lint_new(void (*report)(void *arg, enum kernel_rule_id rule,
						   const char *time, const char *what),
				    void *arg);
void kernel_lint_free(struct kernel_lint *l);

/* The next line, without its newline. */
void kernel_lint_line(struct kernel_lint *l, const char *line);

/* Is the file at PATH such a log? */
bool kernel_log_is(const char *path);

#endif
