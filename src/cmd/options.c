/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "number.h"
#include "spawn.h"
#include "stage.h"

#define LETTERS_SIZE 32
#define MAX_CPU 1023U /* of cpu_set_t */

int option_wrong(struct option_line *l, const char *name, const char *value, const char *hint)
{
	l->status = cmd_usage_error(l->verb, "--%s '%s': %s", name, value, hint);
	return -EINVAL;
}

int option_number(struct option_line *l, const char *name, const char *value, uint32_t min,
		  uint32_t max, uint32_t *ret_n)
{
	char hint[64];
	uint64_t n;

	if (number_parse(value, min, max, &n)) {
		*ret_n = (uint32_t)n;
		return 0;
	}
	snprintf(hint, sizeof(hint), "give a number from %u to %u", min, max);
	return option_wrong(l, name, value, hint);
}

int option_cpu(struct option_line *l, const char *value, int *ret_cpu)
{
	uint32_t n = 0;
	int r;

	if (!strcmp(value, "any")) {
		*ret_cpu = STAGE_CPU_ANY;
		return 0;
	}
	r = option_number(l, "cpu", value, 0, MAX_CPU, &n);
	if (!r)
		*ret_cpu = (int)n;
	return r;
}

int option_find_word(const char *const *names, const char *text, size_t n)
{
	for (int i = 0; names[i]; i++)
		if (strlen(names[i]) == n && !memcmp(names[i], text, n))
			return i;
	return -1;
}

const char *const option_caches[] = {"none", "readahead", "mmap", "loose", NULL};

int option_cache(struct option_line *l, const char *value, const char **ret_cache)
{
	int i = option_find_word(option_caches, value, strlen(value));

	if (i < 0)
		return option_wrong(l, "cache", value, OPTION_CACHE_HINT);
	*ret_cache = option_caches[i];
	return 0;
}

static int set_field(struct option_line *l, const struct option_row *row, void *o,
		     const char *value)
{
	void *field = (char *)o + row->at;
	int i;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)field = value;
		return 0;
	case OPTION_OPEN:
		*(const char **)field = value ? value : "";
		return 0;
	case OPTION_NUMBER:
		return option_number(l, row->name, value, row->min, row->max, field);
	case OPTION_WORD:
		i = option_find_word(row->words, value, strlen(value));
		if (i < 0)
			return option_wrong(l, row->name, value, row->hint);
		*(int *)field = i;
		return 0;
	case OPTION_TAKE:
	case OPTION_MAYBE:
		break;
	}
	return row->take(l, o, value);
}

static int take(struct option_line *l, const struct option_row *row, void *o, const char *value)
{
	int r = set_field(l, row, o, value);

	if (r || !row->is_noted || !l->noted)
		return r;
	return strv_pushf(l->noted, "--%s%s%s", row->name, value ? "=" : "", value ? value : "");
}

static struct option *make_table(const struct option_line *l)
{
	struct option *table = calloc(l->n + 1, sizeof(*table));

	for (size_t i = 0; table && i < l->n; i++) {
		enum option_kind kind = l->rows[i].kind;

		table[i] = (struct option){
			.name = l->rows[i].name,
			.has_arg = kind == OPTION_FLAG ? no_argument
				   : kind == OPTION_OPEN || kind == OPTION_MAYBE
					   ? optional_argument
					   : required_argument,
			.val = (int)i + 256,
		};
	}
	return table;
}

/* What getopt_long wants to know of the letters. */
static void put_letters(const struct option_line *l, char text[static LETTERS_SIZE])
{
	char *at = stpcpy(text, l->stops_at_word ? "+:" : ":");

	for (size_t i = 0; i < l->n; i++) {
		if (!l->rows[i].letter || at + 3 > text + LETTERS_SIZE)
			continue;
		*at++ = l->rows[i].letter;
		if (l->rows[i].kind != OPTION_FLAG)
			*at++ = ':';
	}
	*at = '\0';
}

static const struct option_row *find_row(const struct option_line *l, int key)
{
	if (key >= 256)
		return &l->rows[key - 256];
	for (size_t i = 0; i < l->n; i++)
		if (l->rows[i].letter && l->rows[i].letter == key)
			return &l->rows[i];
	return NULL;
}

int options_parse(struct option_line *l, int argc, char **argv, void *o, int *ret_rest)
{
	autofree struct option *table = make_table(l);
	char letters[LETTERS_SIZE];
	int key, r = table ? 0 : -ENOMEM;

	put_letters(l, letters);
	opterr = 0;
	/* 0 also forgets what an earlier command line left half read. */
	optind = 0;
	while (!r && (key = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		const struct option_row *row = find_row(l, key);

		if (row) {
			r = take(l, row, o, optarg);
			continue;
		}
		l->status = cmd_usage_error(l->verb, "%s '%s'",
					    key == ':' ? "a value is missing for"
						       : "there is no option",
					    argv[optind - 1]);
		return -EINVAL;
	}
	*ret_rest = optind;
	return r;
}
