/* SPDX-License-Identifier: MIT */
/* Recordings in other forms. */
#ifndef TRACE_CONVERT_H
#define TRACE_CONVERT_H

#include <stdio.h>

#include "exchange.h"

/* What times are: START of the records' clock is WALL, ns since 1970 (0: not known). */
struct convert_times {
	uint64_t start, wall;
};

struct converter;

/* A form: told of each request when it comes, of each exchange when it is over. */
struct converter_ops {
	const char *name; /* "json" */
	int (*start)(struct converter *c);
	int (*request)(struct converter *c, const struct trace_record *r); /* may be NULL */
	int (*exchange)(struct converter *c, const struct exchange *e);
	int (*end)(struct converter *c);
};

struct converter {
	const struct converter_ops *ops;
	FILE *out;
	struct convert_times times;
	void *state; /* the form's, from malloc; freed by END */
};

#define CONVERTERS(C) C(json) C(text) C(pcapng) C(perfetto)
#define C(name) extern const struct converter_ops convert_##name;
CONVERTERS(C)
#undef C

/* NULL if there is none of that name. */
const struct converter_ops *converter_find(const char *name);

/* All of FROM to OUT. TIMES may still change until the first record has been read. 0 or -errno. */
int convert_all(struct trace_source *from, const struct converter_ops *ops, FILE *out,
		const struct convert_times *times);

/* An exchange as one line of JSON, without newline. 0 or -ENOMEM. */
int exchange_put_json(FILE *f, const struct exchange *e, const struct convert_times *t);

#endif
