/* SPDX-License-Identifier: MIT */
/* Which names a folder's listings had, as the server sent them. */
#ifndef VERIFY_WIRE_LISTING_H
#define VERIFY_WIRE_LISTING_H

#include <stdbool.h>

#include "damage.h"
#include "look.h"

struct exchange;

struct wire_listing {
	const char *name; /* that is looked for */
	unsigned n_now;	  /* so often in the listing under way */
	unsigned tag;	  /* of the Treaddir that had it last */
	bool is_broken;	  /* some of the listing under way was not recorded */
};

/* Is E the end of a listing of the folder? Then what it says about a finding of CLASS; NOT before. WRONG:
 * *RET_TEXT, which the caller frees. */
enum seen wire_judge_listing(struct wire_listing *l, const struct exchange *e, enum damage class,
			     char **ret_text);

/* Is a finding of CLASS about listings? */
bool wire_is_listed(enum damage class);

#endif
