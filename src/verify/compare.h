/* SPDX-License-Identifier: MIT */
/* Compares the lines of a report, as they come, with the manifest; finds out whether the host's
 * file changed meanwhile; says what is wrong where. */
#ifndef VERIFY_COMPARE_H
#define VERIFY_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "tally.h"

struct manifest;
struct node;

struct compare;

/* M is complete, and stays the caller's. WALK numbers the walks over it, from 1. */
int compare_new(struct manifest *m, unsigned walk, struct compare **ret_c);
void compare_free(struct compare *c);

/* With cache=loose the guest keeps its own times of what it wrote itself: leave them out. */
void compare_without_times(struct compare *c);

/* The manifest is of an older moment: files that the guest sees as it says, while the host's are changed, are
 * stale. */
void compare_with_old_manifest(struct compare *c);

/* For the evidence: the bytes that the client asks for in one Tread, at most. */
void compare_set_read_size(struct compare *c, uint64_t bytes);

/* One line from "walk" to "walked", without its newline. -EINVAL when it is malformed. */
int compare_line(struct compare *c, const char *line);

const struct tally *compare_tally(const struct compare *c);

#endif
