/* SPDX-License-Identifier: MIT */
/* `warren verify --json`: an object a line. Paths and texts that are no UTF-8 have \xNN in them. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "cmd.h"
#include "compare.h"
#include "kernel.h"
#include "text.h"
#include "verdict.h"
#include "verify.h"

/* Takes the object. */
static void print(json_t *o)
{
	if (o)
		json_dumpf(o, stdout, JSON_COMPACT);
	fputc('\n', stdout);
	fflush(stdout);
	json_decref(o);
}

static json_t *text_of(const void *bytes, size_t n)
{
	autofree char *printable = text_printable(bytes, n);

	return printable ? json_string(printable) : json_null();
}

static json_t *string_of(const char *s)
{
	return s ? text_of(s, strlen(s)) : json_null();
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

static json_t *integer(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static void print_finding(const struct tally *t, const struct finding *d, const char *cache)
{
	json_t *o = json_object();

	json_object_set_new(o, "type", json_string("finding"));
	json_object_set_new(o, "cache", json_string(cache));
	json_object_set_new(o, "path", string_of(d->path));
	json_object_set_new(o, "class", json_string(damage_name(d->class)));
	json_object_set_new(o, "from", integer(d->from));
	json_object_set_new(o, "to", integer(d->to));
	json_object_set_new(o, "ways", ways_of(t, d->steps));
	json_object_set_new(o, "right_ways", ways_of(t, d->right & ~d->steps));
	json_object_set_new(o, "text", string_of(d->text ? d->text : damage_meaning(d->class)));
	print(o);
}

static void print_paths(const char *type, const char *cache, const struct path_list *l)
{
	for (; l; l = l->next)
		print(json_pack("{s:s, s:s, s:o}", "type", type, "cache", cache, "path",
				string_of(l->path)));
}

static const char *status_name(enum verdict v)
{
	return v == VERDICT_OK ? "ok" : v == VERDICT_DAMAGED ? "damaged" : "failed";
}

void json_mount(const struct mount_result *m, const struct circumstances *c, const char *sentence)
{
	const struct tally *t = m->tally;
	json_t *o = json_object();

	for (const struct finding *d = t->findings; d; d = d->next)
		print_finding(t, d, m->cache);
	print_paths("changed", m->cache, t->changed);
	print_paths("unreadable", m->cache, t->unreadable);
	json_object_set_new(o, "type", json_string("mount"));
	json_object_set_new(o, "cache", json_string(m->cache));
	json_object_set_new(o, "status", json_string(status_name(verdict_of(t))));
	json_object_set_new(o, "sentence", string_of(sentence));
	json_object_set_new(o, "kernel", json_string(c->version));
	json_object_set_new(o, "release", string_of(m->release));
	json_object_set_new(o, "guest", json_string(c->guest));
	json_object_set_new(o, "server", json_string(c->server ? "qemu" : "warren"));
	json_object_set_new(o, "transport", json_string(c->transport));
	json_object_set_new(o, "msize", integer(c->msize));
	json_object_set_new(o, "options", string_of(m->options));
	json_object_set_new(o, "files", integer(t->files));
	json_object_set_new(o, "bytes", integer(t->bytes));
	json_object_set_new(o, "ways", ways_of(t, ~t->off_steps));
	json_object_set_new(o, "damaged", integer(t->n_damaged));
	json_object_set_new(o, "findings", integer(t->n_findings));
	json_object_set_new(o, "bad_bytes", integer(t->bad_bytes));
	json_object_set_new(o, "changed", integer(t->n_changed));
	json_object_set_new(o, "unreadable", integer(t->n_unreadable));
	json_object_set_new(o, "xattrs", json_boolean(!t->no_xattrs));
	print(o);
}

void json_mount_failure(const char *cache, const char *error, const char *sentence)
{
	json_t *o = json_object();

	json_object_set_new(o, "type", json_string("mount"));
	json_object_set_new(o, "cache", json_string(cache));
	json_object_set_new(o, "status", json_string("failed"));
	json_object_set_new(o, "sentence", string_of(sentence));
	json_object_set_new(o, "error", string_of(error));
	print(o);
}

/* Of text the lines stay lines. */
void json_output(const char *bytes, size_t n)
{
	json_t *text = json_stringn(bytes, n);

	print(json_pack("{s:s, s:o}", "type", "output", "text", text ? text : text_of(bytes, n)));
}

static const char *exit_name(int status)
{
	return status == EXIT_OK ? "ok" : status == EXIT_DIFFERENT ? "damaged" : "failed";
}

/* A server that died said something else last. */
static json_t *server_of(const struct run_result *r)
{
	json_t *o = r->server ? json_loads(r->server, 0, NULL) : NULL;

	return json_is_object(o) ? o : json_null();
}

void json_server(FILE *f, const struct run_result *r)
{
	json_t *o = server_of(r);
	json_int_t requests = 0, read = 0, written = 0, peak = 0;
	double us = 0;

	if (!json_unpack(o, "{s:I, s:I, s:I, s:I, s:F}", "requests", &requests, "bytes_read", &read,
			 "bytes_written", &written, "peak_rss_kib", &peak, "cpu_us_per_request",
			 &us))
		fprintf(f,
			"server: %lld requests, %.2f us of CPU each; %lld bytes read, %lld "
			"written; at most %lld KiB of memory\n",
			requests, us, read, written, peak);
	json_decref(o);
}

void json_verdict(const struct printer *p, const struct run_result *r, const char *sentence)
{
	json_t *o = json_object();

	json_object_set_new(o, "type", json_string("verdict"));
	json_object_set_new(o, "status", json_string(exit_name(p->status)));
	json_object_set_new(o, "exit", json_integer(p->status));
	json_object_set_new(o, "sentence", string_of(sentence));
	json_object_set_new(o, "mounts_ok", json_integer(p->ok));
	json_object_set_new(o, "mounts_damaged", json_integer(p->damaged));
	json_object_set_new(o, "mounts_failed", json_integer(p->failed));
	json_object_set_new(o, "boot_seconds", json_real(r->boot_seconds));
	json_object_set_new(
		o, "seconds",
		json_real((double)(clock_now_ns() - p->started_ns) / (double)NS_PER_SEC));
	json_object_set_new(o, "server", server_of(r));
	print(o);
}
