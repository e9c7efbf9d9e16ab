/* SPDX-License-Identifier: MIT */
/* Which exchanges are wanted. */
#ifndef TRACE_EXCHANGE_FILTER_H
#define TRACE_EXCHANGE_FILTER_H

#include "exchange.h"

/* Zeroed: all. */
struct exchange_filter {
	const char *path; /* NULL; a shell pattern, or a path: that and all below it */
	bool by_type, types[256];
	bool by_tag;
	uint16_t tag;
	uint64_t since, until; /* the records' clock; 0: no limit */
	bool by_errno, any_errno;
	uint32_t error; /* 0: successes */
};

/* "read", "Tread", or several behind commas. -EINVAL. */
int exchange_filter_ops(struct exchange_filter *f, const char *text);

/* "ENOENT", "2", "any", "none". -EINVAL. */
int exchange_filter_errno(struct exchange_filter *f, const char *text);

bool exchange_is_wanted(const struct exchange_filter *f, const struct exchange *e);

#endif
