/* SPDX-License-Identifier: MIT */
#include "way-names.h"

#include <stddef.h>
#include <string.h>

const char *const way_names[] = {"read",     "pread",	  "mmap",     "direct",
				 "splice",   "plain",	  "willneed", "readahead",
				 "mmap-seq", "mmap-rand", NULL};

#define UNIT_DIGITS 7 /* a window has 8 MiB */

bool way_is_step(const char *word)
{
	size_t len = strcspn(word, ":"), digits = word[len] ? strlen(word + len + 1) : 0;
	size_t i = 0;

	if (!strcmp(word, "drop"))
		return true;
	while (way_names[i] && (strlen(way_names[i]) != len || memcmp(way_names[i], word, len)))
		i++;
	return way_names[i] && (!word[len] || (digits && digits <= UNIT_DIGITS &&
					       strspn(word + len + 1, "0123456789") == digits));
}
