/* SPDX-License-Identifier: MIT */
/* The part of a report that counts: what was varied, and what mattered. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "mail-parts.h"
#include "mail-text.h"
#include "mail.h"

static void put_count(FILE *f, const char *what, int64_t runs, int64_t wrong, int64_t failed)
{
	autofree char *ascii = mail_ascii(what);

	fprintf(f, "  %-44.44s %6" PRId64 " %6" PRId64 " %6" PRId64 "\n", ascii ? ascii : "?", runs,
		wrong, failed);
}

static void put_mount_count(FILE *f, json_t *m)
{
	const char *cache = record_string(m, "cache");
	int64_t msize = record_number(m, "msize");
	char what[80];

	if (msize)
		snprintf(what, sizeof(what), "cache=%s, msize=%" PRId64, cache ? cache : "?",
			 msize);
	else
		snprintf(what, sizeof(what), "cache=%s", cache ? cache : "?");
	put_count(f, what, 1, mount_has_status(m, "damaged"), mount_has_status(m, "failed"));
}

/* In how many mounts a way was used, and in how many it was wrong. */
static void count_way(json_t *run, const char *way, int64_t *ret_used, int64_t *ret_wrong)
{
	json_t *m, *d;
	size_t i, k;

	json_array_foreach(record_at(run, "mounts"), i, m)
	{
		bool is_wrong = false;

		*ret_used += has_word(record_at(m, "ways"), way);
		json_array_foreach(record_at(m, "list"), k, d)
		{
			is_wrong = is_wrong || has_word(record_at(d, "ways"), way);
		}
		*ret_wrong += is_wrong;
	}
}

static void put_ways(FILE *f, json_t *run)
{
	json_t *w;
	size_t i;

	json_array_foreach(record_at(run, "ways"), i, w)
	{
		const char *way = json_string_value(w);
		int64_t used = 0, wrong = 0;
		char what[64];

		if (!way)
			continue;
		count_way(run, way, &used, &wrong);
		snprintf(what, sizeof(what), "read by %s", way);
		if (used)
			put_count(f, what, used, wrong, 0);
	}
}

/* "Never wrong: A; B." */
static void put_extremes(FILE *f, json_t *run, bool is_always)
{
	autofree char *text = NULL;
	size_t n, i;
	FILE *t = open_memstream(&text, &n);
	json_t *v;

	if (!t)
		return;
	json_array_foreach(record_at(run, "variations"), i, v)
	{
		int64_t runs = record_number(v, "runs"), wrong = record_number(v, "damaged");

		if (runs && record_string(v, "what") && (is_always ? wrong == runs : wrong == 0))
			fprintf(t, "%s %s (%" PRId64 " of %" PRId64 ")", ftell(t) ? ";" : "",
				record_string(v, "what"), wrong, runs);
	}
	fclose(t);
	if (text && *text)
		mail_fillf(f, 0, 2, "%s wrong:%s.", is_always ? "Always" : "Never", text);
}

void mail_put_variations(FILE *f, json_t *run)
{
	json_t *list = record_at(run, "variations"), *v;
	size_t i;

	mail_title(f, "What was varied, and what mattered");
	fprintf(f, "  %-44s %6s %6s %6s\n", "", "runs", "wrong", "failed");
	json_array_foreach(record_at(run, "mounts"), i, v)
	{
		put_mount_count(f, v);
	}
	put_ways(f, run);
	json_array_foreach(list, i, v)
	{
		const char *what = record_string(v, "what");

		put_count(f, what ? what : "?", record_number(v, "runs"),
			  record_number(v, "damaged"), record_number(v, "failed"));
	}
	put_extremes(f, run, true);
	put_extremes(f, run, false);
	if (!json_array_size(list))
		mail_fill(f, 0, 0,
			  "That is one boot. How often it happens over many was not counted.");
}
