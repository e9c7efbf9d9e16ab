/* SPDX-License-Identifier: MIT */
/* The host's steps of a scenario, done in the shared folder. The guest may put anything there: links are
 * not followed, and only plain files are opened. */
#ifndef RUN_HOST_STEPS_H
#define RUN_HOST_STEPS_H

#include <time.h>

struct seen;
struct step;

/* S, with PREFIX before its names; AGED is the mtime of old files. What came of it is *RET_SEEN, for
 * seen_done; 0 or -ENOMEM. */
int host_step(int dir_fd, const char *prefix, time_t aged, const struct step *s,
	      struct seen *ret_seen);

#endif
