/* SPDX-License-Identifier: MIT */
#include "verdict-json.h"

#include <stdbool.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "compare.h"
#include "known-bugs.h"
#include "run.h"
#include "text.h"
#include "verdict.h"

json_t *json_bytes(const void *bytes, size_t n)
{
	autofree char *printable = text_printable(bytes, n);

	return printable ? json_string(printable) : json_null();
}

json_t *json_text(const char *s)
{
	return s ? json_bytes(s, strlen(s)) : json_null();
}

json_t *json_count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *ways_of(const struct tally *t, uint64_t steps)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n_steps; i++) {
		bool is_known = !(steps & UINT64_C(1) << i) || !strcmp(t->steps[i], "drop");

		for (size_t k = 0; k < i && !is_known; k++)
			is_known = steps & UINT64_C(1) << k && !strcmp(t->steps[i], t->steps[k]);
		if (!is_known)
			json_array_append_new(list, json_string(t->steps[i]));
	}
	return list;
}

static json_t *request_of(const struct wire_request *q)
{
	json_t *o = json_object();

	json_object_set_new(o, "tag", json_integer(q->tag));
	json_object_set_new(o, "offset", json_count(q->offset));
	json_object_set_new(o, "count", json_count(q->got));
	json_object_set_new(o, "asked", json_count(q->asked));
	json_object_set_new(o, "seconds", json_real((double)q->time / (double)NS_PER_SEC));
	json_object_set_new(o, "zero_copy",
			    q->has_route ? json_boolean(q->is_zero_copy) : json_null());
	json_object_set_new(o, "microseconds",
			    json_real((double)q->took / (double)NS_PER_SEC * 1e6));
	return o;
}

static json_t *requests_of(const struct finding *d)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < d->n_near; i++)
		json_array_append_new(list, request_of(&d->near[i]));
	return list;
}

static json_t *bug_of(const struct finding *d)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "id", d->bug->id, "title", d->bug->title, "fixed",
			 d->bug->fixed, "certainty", certainty_name(d->certainty));
}

json_t *json_finding(const struct tally *t, const struct finding *d, const char *cache)
{
	autofree char *relation = finding_relation(t, d);
	json_t *o = json_object();

	json_object_set_new(o, "type", json_string("finding"));
	json_object_set_new(o, "cache", json_string(cache));
	json_object_set_new(o, "path", json_text(d->path));
	json_object_set_new(o, "class", json_string(damage_name(d->class)));
	json_object_set_new(o, "from", json_count(d->from));
	json_object_set_new(o, "to", json_count(d->to));
	json_object_set_new(o, "ways", ways_of(t, d->steps));
	json_object_set_new(o, "right_ways", ways_of(t, d->right & ~d->steps));
	json_object_set_new(o, "relation", json_text(relation));
	json_object_set_new(o, "text", json_text(d->text ? d->text : damage_meaning(d->class)));
	json_object_set_new(o, "layer", json_string(layer_name(d->layer)));
	json_object_set_new(o, "evidence", json_text(d->evidence));
	json_object_set_new(o, "second_look", json_text(d->second_look));
	json_object_set_new(o, "bug", d->bug ? bug_of(d) : json_null());
	json_object_set_new(o, "request", d->has_request ? request_of(&d->request) : json_null());
	json_object_set_new(o, "requests", requests_of(d));
	return o;
}

static const char *status_name(enum verdict v)
{
	return v == VERDICT_OK ? "ok" : v == VERDICT_DAMAGED ? "damaged" : "failed";
}

json_t *json_mounted(const struct mount_result *m, const struct circumstances *c,
		     const char *sentence)
{
	const struct tally *t = m->tally;
	json_t *o = json_object();

	json_object_set_new(o, "type", json_string("mount"));
	json_object_set_new(o, "cache", json_string(m->cache));
	json_object_set_new(o, "status", json_string(status_name(verdict_of(t))));
	json_object_set_new(o, "sentence", json_text(sentence));
	json_object_set_new(o, "kernel", json_string(c->version));
	json_object_set_new(o, "release", json_text(m->release));
	json_object_set_new(o, "guest", json_string(c->guest));
	json_object_set_new(o, "server", json_string(c->server ? "qemu" : "warren"));
	json_object_set_new(o, "transport", json_string(c->transport));
	json_object_set_new(o, "msize", json_count(c->msize));
	json_object_set_new(o, "options", json_text(m->options));
	json_object_set_new(o, "files", json_count(t->files));
	json_object_set_new(o, "bytes", json_count(t->bytes));
	json_object_set_new(o, "ways", ways_of(t, ~t->off_steps));
	json_object_set_new(o, "damaged", json_count(t->n_damaged));
	json_object_set_new(o, "findings", json_count(t->n_findings));
	json_object_set_new(o, "bad_bytes", json_count(t->bad_bytes));
	json_object_set_new(o, "changed", json_count(t->n_changed));
	json_object_set_new(o, "unreadable", json_count(t->n_unreadable));
	json_object_set_new(o, "starved", json_count(t->n_starved));
	json_object_set_new(o, "xattrs", json_boolean(!t->no_xattrs));
	return o;
}

json_t *json_not_mounted(const char *cache, const char *error, const char *sentence)
{
	json_t *o = json_object();

	json_object_set_new(o, "type", json_string("mount"));
	json_object_set_new(o, "cache", json_string(cache));
	json_object_set_new(o, "status", json_string("failed"));
	json_object_set_new(o, "sentence", json_text(sentence));
	json_object_set_new(o, "error", json_text(error));
	return o;
}
