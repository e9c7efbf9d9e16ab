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
#include "verdict-json.h"
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

static void print_paths(const char *type, const char *cache, const struct path_list *l)
{
	for (; l; l = l->next)
		print(json_pack("{s:s, s:s, s:o}", "type", type, "cache", cache, "path",
				json_text(l->path)));
}

void json_mount(const struct mount_result *m, const struct circumstances *c, const char *sentence)
{
	for (const struct finding *d = m->tally->findings; d; d = d->next)
		print(json_finding(m->tally, d, m->cache));
	print_paths("changed", m->cache, m->tally->changed);
	print_paths("unreadable", m->cache, m->tally->unreadable);
	print_paths("starved", m->cache, m->tally->starved);
	print(json_mounted(m, c, sentence));
}

void json_mount_failure(const char *cache, const char *error, const char *sentence)
{
	print(json_not_mounted(cache, error, sentence));
}

/* Of text the lines stay lines. */
void json_output(const char *bytes, size_t n)
{
	json_t *text = json_stringn(bytes, n);

	print(json_pack("{s:s, s:o}", "type", "output", "text",
			text ? text : json_bytes(bytes, n)));
}

void json_kernel_report(const struct console_report *c)
{
	print(json_pack("{s:s, s:b, s:o, s:o}", "type", "kernel-report", "bug", c->is_bug,
			"sentence", json_text(c->sentence), "text", json_text(c->block)));
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
	json_object_set_new(o, "sentence", json_text(sentence));
	json_object_set_new(o, "corpus", p->corpus ? json_string(p->corpus) : json_null());
	json_object_set_new(o, "mounts_ok", json_integer(p->ok));
	json_object_set_new(o, "mounts_damaged", json_integer(p->damaged));
	json_object_set_new(o, "mounts_failed", json_integer(p->failed));
	json_object_set_new(o, "boot_seconds", json_real(r->boot_seconds));
	json_object_set_new(
		o, "seconds",
		json_real((double)(clock_now_ns() - p->started_ns) / (double)NS_PER_SEC));
	json_object_set_new(o, "server", server_of(r));
	json_object_set_new(o, "record", json_text(p->recorded));
	print(o);
}
