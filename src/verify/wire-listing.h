/* SPDX-License-Identifier: MIT */
/* Judges what the server listed of a folder. */
#ifndef VERIFY_WIRE_LISTING_H
#define VERIFY_WIRE_LISTING_H

#include <stdbool.h>

#include "look.h"

struct exchange;

/* Is PATH, as a recording has it, a name in FOLDER? */
bool wire_is_in(const char *path, const char *folder);

/* Has the Rreaddir of E the last component of PATH? NOT: it is none, is empty, or was not recorded. */
enum seen wire_listing_has(const struct exchange *e, const char *path);

#endif
