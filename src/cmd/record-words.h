/* SPDX-License-Identifier: MIT */
/* The command line of the verbs that take a recorded run: [-o FILE] [RUN]. */
#ifndef CMD_RECORD_WORDS_H
#define CMD_RECORD_WORDS_H

#include <jansson.h>
#include <stdbool.h>

struct record_words {
	const char *verb; /* "lab report" */
	int (*print_help)(void);
	const char *output; /* of -o; as it was before without one */
	bool help;
	const char *run; /* a name or a folder; NULL: the newest */
};

/* The words after the verb's own. 0; else all was said, and *RET_STATUS is the exit code. */
int record_words_parse(struct record_words *w, int argc, char **argv, int *ret_status);

/* The run that was named. EXIT_OK, or the exit code after it was said why. The caller frees both. */
int record_words_load(const struct record_words *w, char **ret_path, json_t **ret_run);

#endif
