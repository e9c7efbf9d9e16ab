/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

int settings_refuse(char **ret_why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (vasprintf(ret_why, fmt, args) < 0)
		*ret_why = NULL;
	va_end(args);
	return -EINVAL;
}

/* "file, offset or count" */
static char *names_of(const struct setting *table, size_t n)
{
	char *names = NULL;
	size_t size;
	FILE *f = open_memstream(&names, &size);

	for (size_t i = 0; f && i < n; i++)
		fprintf(f, "%s%s", !i ? "" : i + 1 < n ? ", " : " or ", table[i].name);
	if (f)
		fclose(f);
	return names;
}

static int take_number(const struct setting *s, const char *value, char **ret_why)
{
	char *end;
	uint64_t number;

	errno = 0;
	number = strtoull(value, &end, 0);
	if (*value < '0' || *value > '9' || *end || errno || number > INT64_MAX / 2)
		return settings_refuse(ret_why, "'%s=%s': give a number", s->name, value);
	*s->number = number;
	return 0;
}

static int take_text(const struct setting *s, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*s->text);
	*s->text = copy;
	return 0;
}

static int take_word(char *word, const struct setting *table, size_t n, char **ret_why)
{
	char *value = strchr(word, '=');
	autofree char *names = NULL;

	if (!value)
		return settings_refuse(ret_why, "'%s': give NAME=VALUE", word);
	*value++ = '\0';
	for (size_t i = 0; i < n; i++)
		if (!strcmp(word, table[i].name))
			return table[i].text ? take_text(&table[i], value)
					     : take_number(&table[i], value, ret_why);
	names = names_of(table, n);
	return settings_refuse(ret_why, "'%s': give %s", word, names ? names : "another");
}

int settings_take(char *words, const struct setting *table, size_t n, char **ret_why)
{
	int r = 0;

	while (!r && words)
		r = take_word(strsep(&words, ","), table, n, ret_why);
	return r;
}
