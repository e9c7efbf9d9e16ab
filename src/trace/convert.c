/* SPDX-License-Identifier: MIT */
#include "convert.h"

#include <errno.h>
#include <string.h>

#include "exchange-text.h"
#include "macros.h"

#define C(name) &convert_##name,
static const struct converter_ops *const all[] = {CONVERTERS(C)};
#undef C

const struct converter_ops *converter_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (!strcmp(name, all[i]->name))
			return all[i];
	return NULL;
}

/* Shows the requests to the form on their way. */
struct tee {
	struct trace_source source;
	struct trace_source *from;
	struct converter *c;
	const struct convert_times *times;
	bool is_started;
};

static int next(struct trace_source *s, struct trace_record *ret_r)
{
	struct tee *t = container_of(s, struct tee, source);
	int got = t->from->next(t->from, ret_r);
	int err = 0;

	if (got <= 0)
		return got;
	if (!t->is_started) {
		t->is_started = true;
		t->c->times = *t->times;
	}
	if (ret_r->kind == TRACE_REQUEST && t->c->ops->request)
		err = t->c->ops->request(t->c, ret_r);
	return err ? err : got;
}

int convert_all(struct trace_source *from, const struct converter_ops *ops, FILE *out,
		const struct convert_times *times)
{
	struct converter c = {.ops = ops, .out = out, .times = *times};
	struct tee tee = {.source.next = next, .from = from, .c = &c, .times = times};
	struct exchanges *x = exchanges_new(&tee.source);
	struct exchange e;
	int got = x ? ops->start(&c) : -ENOMEM, err;

	if (!got)
		got = 1;
	while (got > 0 && !ferror(out)) {
		got = exchanges_next(x, &e);
		if (got > 0) {
			err = ops->exchange(&c, &e);
			got = err ? err : 1;
		}
	}
	err = x ? ops->end(&c) : 0;
	exchanges_free(x);
	if (got >= 0 && !err && (fflush(out) || ferror(out)))
		err = errno ? -errno : -EIO;
	return got < 0 ? got : err;
}

static int nothing(struct converter *c)
{
	(void)c;
	return 0;
}

static int put_text(struct converter *c, const struct exchange *e)
{
	exchange_print(c->out, e, c->times.start);
	return 0;
}

const struct converter_ops convert_text = {
	.name = "text",
	.start = nothing,
	.exchange = put_text,
	.end = nothing,
};

static int put_json(struct converter *c, const struct exchange *e)
{
	int err = exchange_put_json(c->out, e, &c->times);

	fputc('\n', c->out);
	return err;
}

const struct converter_ops convert_json = {
	.name = "json",
	.start = nothing,
	.exchange = put_json,
	.end = nothing,
};
