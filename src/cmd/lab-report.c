/* SPDX-License-Identifier: MIT */
/* warren lab report: the mail to the kernel's lists about a recorded run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "cmd.h"
#include "lab.h"
#include "logging.h"
#include "mail.h"
#include "record-words.h"
#include "slurp.h"

#define CONSOLE_LIMIT (2U << 20)

static int print_help(void)
{
	printf("usage: warren lab report [-o FILE] [RUN]\n\n"
	       "Writes the mail about a recorded run (a folder, or its name; without: the newest) "
	       "for "
	       "the\nkernel's mailing lists: plain text, with To, Cc and Subject. It sends "
	       "nothing.\n\n"
	       "  -o, --output FILE  write to FILE instead of standard output\n"
	       "  --help             print this text\n");
	return EXIT_OK;
}

static char *read_console(const char *path)
{
	autofree char *file = NULL;
	char *text = NULL;

	if (asprintf(&file, "%s/console.log", path) < 0) {
		file = NULL;
		return NULL;
	}
	return slurp(file, CONSOLE_LIMIT, &text, NULL) ? NULL : text;
}

static int write_mail(json_t *run, const char *path, const char *output)
{
	autofree char *console = read_console(path);
	FILE *f = output ? fopen(output, "we") : stdout;
	int r = f ? mail_write(f, run, console, lab_home()) : -errno;

	if (output && f && fclose(f) && !r)
		r = -errno;
	if (r) {
		log_error("cannot write %s: %s", output ? output : "the report", strerror(-r));
		return EXIT_ENVIRONMENT;
	}
	if (mail_private_files(run))
		log_info("look before you send: it names files of yours, and shows some bytes of "
			 "them");
	return EXIT_OK;
}

int lab_report(int argc, char **argv)
{
	struct record_words w = {.verb = "lab report", .print_help = print_help};
	autofree char *path = NULL;
	json_t *run = NULL;
	int r;

	if (record_words_parse(&w, argc, argv, &r))
		return r;
	r = record_words_load(&w, &path, &run);
	if (r)
		return r;
	r = write_mail(run, path, w.output);
	json_decref(run);
	return r;
}
