/* SPDX-License-Identifier: MIT */
/* Looking things up in a record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "mail-parts.h"

json_t *record_at(json_t *run, const char *path)
{
	char key[64];

	for (; run && *path; path += strlen(key) + (path[strlen(key)] == '.')) {
		snprintf(key, sizeof(key), "%.*s", (int)strcspn(path, "."), path);
		run = json_object_get(run, key);
	}
	return run;
}

const char *record_string(json_t *run, const char *path)
{
	return json_string_value(record_at(run, path));
}

int64_t record_number(json_t *run, const char *path)
{
	return MAX(MIN(json_integer_value(record_at(run, path)), RECORD_NUMBER_MAX),
		   -RECORD_NUMBER_MAX);
}

size_t record_bytes(json_t *o, const char *path, unsigned char *buf, size_t cap)
{
	const char *hex = record_string(o, path);
	size_t n = 0;
	unsigned byte;

	for (; hex && n < cap && hex[0] && hex[1] && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		buf[n++] = (unsigned char)byte;
	return n;
}

bool mount_has_status(json_t *mount, const char *status)
{
	const char *is = record_string(mount, "status");

	return is && !strcmp(is, status);
}

json_t *record_bad_mount(json_t *run)
{
	json_t *mounts = json_object_get(run, "mounts"), *m;
	size_t i;

	json_array_foreach(mounts, i, m)
	{
		if (mount_has_status(m, "damaged"))
			return m;
	}
	return json_array_get(mounts, 0);
}

bool finding_is_about_bytes(json_t *finding)
{
	return record_number(finding, "to") > record_number(finding, "from") &&
	       record_at(finding, "size");
}

json_t *record_first_finding(json_t *run)
{
	json_t *list = record_at(record_bad_mount(run), "list"), *d, *best = NULL;
	size_t i;

	json_array_foreach(list, i, d)
	{
		const char *class = record_string(d, "class");

		if (finding_is_about_bytes(d) && class && !strcmp(class, "ZERO"))
			return d;
		if (!best && finding_is_about_bytes(d))
			best = d;
	}
	return best ? best : json_array_get(list, 0);
}

bool mount_is_cached(json_t *mount)
{
	const char *cache = record_string(mount, "cache");

	return cache && strcmp(cache, "none") != 0;
}

char *words_text(json_t *list)
{
	char *text = NULL;
	size_t n, i;
	FILE *f = open_memstream(&text, &n);
	json_t *w;

	if (!f)
		return NULL;
	json_array_foreach(list, i, w)
	{
		const char *s = json_string_value(w);

		fprintf(f, "%s%s",
			!i				? ""
			: i + 1 < json_array_size(list) ? ", "
							: " and ",
			s ? s : "?");
	}
	fclose(f);
	return text;
}

bool has_word(json_t *list, const char *word)
{
	json_t *w;
	size_t i;

	json_array_foreach(list, i, w)
	{
		const char *s = json_string_value(w);

		/* "direct:4096" is direct. */
		if (s && !strncmp(s, word, strlen(word)) && strchr(":", s[strlen(word)]))
			return true;
	}
	return false;
}

/* A way that is wrong the first time is often right when it reads again: it is no right way. */
char *right_ways_text(json_t *finding)
{
	json_t *right = json_array(), *w;
	char *text;
	size_t i;

	json_array_foreach(record_at(finding, "right_ways"), i, w)
	{
		const char *way = json_string_value(w);

		if (way && !has_word(record_at(finding, "ways"), way))
			json_array_append(right, w);
	}
	text = words_text(right);
	json_decref(right);
	return text;
}
