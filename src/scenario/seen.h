/* SPDX-License-Identifier: MIT */
/* What somebody saw of a step: the hand in the guest (its line of the report), or we on the host. */
#ifndef SCENARIO_SEEN_H
#define SCENARIO_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "content.h"

#define SEEN_ERROR_NAME 16

enum seen_kind {
	SEEN_OK,
	SEEN_SIZE,
	SEEN_DATA,  /* then perhaps an error, which ended it */
	SEEN_ERROR, /* nothing but that */
	SEEN_STUCK,
	SEEN_DIED,
};

struct seen {
	enum seen_kind kind;
	uint64_t size;
	struct content data;
	bool has_more; /* data that was not told: more runs than an answer has room for */
	bool stays;    /* STUCK: not even SIGKILL helped */
	char error[SEEN_ERROR_NAME]; /* its name; "" */
};

/* What stands behind "saw ID " in a report. 0, -EINVAL or -ENOMEM; seen_done frees it. */
int seen_parse(const char *line, struct seen *ret_s);
void seen_done(struct seen *s);

#endif
