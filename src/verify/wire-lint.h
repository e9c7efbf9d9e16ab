/* SPDX-License-Identifier: MIT */
/* What no reader notices, but a recording: a server that takes versions of files back. */
#ifndef VERIFY_WIRE_LINT_H
#define VERIFY_WIRE_LINT_H

/* Each reply that breaks the rule qid-version (lint.h) is given to FOUND: the file as a finding names it, and
 * what is wrong. 0 or -errno: the recording cannot be read. */
int wire_lint_versions(const char *recording,
		       void (*found)(void *ctx, const char *path, const char *what), void *ctx);

#endif
