/* SPDX-License-Identifier: MIT */
#include "record-words.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "cmd.h"
#include "lab.h"
#include "macros.h"
#include "options.h"
#include "record.h"

#define FIELD(x) offsetof(struct record_words, x)
static const struct option_row rows[] = {
	{"output", OPTION_TEXT, FIELD(output), .letter = 'o'},
	{"help", OPTION_FLAG, FIELD(help), .letter = 'h'},
};
#undef FIELD

int record_words_parse(struct record_words *w, int argc, char **argv, int *ret_status)
{
	struct option_line l = {.verb = w->verb, .rows = rows, .n = ARRAY_SIZE(rows)};
	/* The first word that counts is the one before: the verb. */
	int rest, r = options_parse(&l, argc + 1, argv - 1, w, &rest);

	*ret_status = l.status;
	if (r)
		return r;
	if (w->help) {
		*ret_status = w->print_help();
		return -ECANCELED;
	}
	if (rest < argc) {
		*ret_status = cmd_usage_error(w->verb, "give one run");
		return -EINVAL;
	}
	w->run = rest > argc ? NULL : argv[rest - 1];
	return 0;
}

int record_words_load(const struct record_words *w, char **ret_path, json_t **ret_run)
{
	char *path = NULL, *why = NULL;
	int r = record_find(w->run, &path, &why);

	if (!r)
		r = record_load(path, ret_run, &why);
	if (r) {
		free(path);
		return lab_fail(r, why);
	}
	*ret_path = path;
	return EXIT_OK;
}
