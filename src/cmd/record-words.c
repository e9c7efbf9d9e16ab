/* SPDX-License-Identifier: MIT */
#include "record-words.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#include "cmd.h"
#include "lab.h"
#include "record.h"

int record_words_parse(struct record_words *w, int argc, char **argv, int *ret_status)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	/* getopt leaves out the first word: the verb. */
	char **words = argv - 1;
	int n = argc + 1, key;

	opterr = 0;
	optind = 0;
	while ((key = getopt_long(n, words, ":o:h", options, NULL)) != -1) {
		if (key == 'h')
			*ret_status = w->print_help();
		else if (key != 'o')
			*ret_status = cmd_usage_error(w->verb, "%s '%s'",
						      key == ':' ? "a value is missing for"
								 : "there is no option",
						      words[optind - 1]);
		if (key != 'o')
			return -ECANCELED;
		w->output = optarg;
	}
	if (optind + 1 < n) {
		*ret_status = cmd_usage_error(w->verb, "give one run");
		return -EINVAL;
	}
	w->run = words[optind];
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
