/* SPDX-License-Identifier: MIT */
/* The rules see records, the path is an exchange's: so they look at each record that an exchange is made of. */
#include "wire-lint.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "exchange-text.h"
#include "exchange.h"
#include "lint.h"
#include "macros.h"
#include "trace-reader.h"

struct linting {
	struct trace_source source;
	struct trace_reader *reader;
	struct lint *lint;
	char *what; /* of the reply that was read last; or NULL */
	int err;
};

static void on_finding(void *arg, const struct lint_finding *f)
{
	struct linting *l = arg;

	if (f->rule == LINT_QID_VERSION && !l->what)
		l->what = strdup(f->what);
}

static int next_record(struct trace_source *s, struct trace_record *ret_r)
{
	struct linting *l = container_of(s, struct linting, source);
	int got = trace_reader_next(l->reader, ret_r);

	free(steal_ptr(&l->what));
	if (got > 0)
		l->err = lint_add(l->lint, ret_r);
	return got > 0 && l->err ? l->err : got;
}

static int read_all(struct linting *l, struct exchanges *x,
		    void (*found)(void *ctx, const char *path, const char *what), void *ctx)
{
	char path[EXCHANGE_PATH_SIZE];
	struct exchange e;
	int got;

	while ((got = exchanges_next(x, &e)) > 0) {
		if (!l->what || e.kind != EXCHANGE_DONE)
			continue;
		exchange_path(&e, 0, path, sizeof(path));
		found(ctx, path, l->what);
	}
	return got;
}

int wire_lint_versions(const char *recording,
		       void (*found)(void *ctx, const char *path, const char *what), void *ctx)
{
	struct linting l = {.source.next = next_record};
	autofree char *why = NULL;
	struct exchanges *x = NULL;
	int r = trace_reader_open(recording, &l.reader, &why);

	if (r)
		return r;
	l.lint = lint_new(on_finding, &l);
	x = l.lint ? exchanges_new(&l.source) : NULL;
	r = x ? read_all(&l, x, found, ctx) : -ENOMEM;
	exchanges_free(x);
	lint_free(l.lint);
	trace_reader_free(l.reader);
	free(l.what);
	return r;
}
