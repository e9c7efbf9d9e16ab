/* SPDX-License-Identifier: MIT */
/* What the steps of a walk are called, on both sides. */
#ifndef PROBE_WAY_NAMES_H
#define PROBE_WAY_NAMES_H

#include <stdbool.h>

/* The ways of reading (probe-ways.c); NULL-terminated. */
extern const char *const way_names[];

/* A way, perhaps with the bytes of a call behind a colon, or "drop"? */
bool way_is_step(const char *word);

#endif
