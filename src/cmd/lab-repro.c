/* SPDX-License-Identifier: MIT */
/* warren lab repro: an archive that shows a recorded run's damage on any machine. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "cmd.h"
#include "lab.h"
#include "logging.h"
#include "ready.h"
#include "record-words.h"
#include "repro.h"
#include "verdict.h"

#define DEFAULT_OUTPUT "repro.tar.zst"

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

static void catch_signals(void)
{
	const struct sigaction act = {.sa_handler = on_signal};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

static int print_help(void)
{
	printf("usage: warren lab repro [-o FILE] [RUN]\n\n"
	       "Packs a recorded run (a folder, or its name; without: the newest) into an archive "
	       "that "
	       "shows\nthe same on any distribution: kernel, files or corpus, warren and its "
	       "libraries, "
	       "and run.sh.\n\n"
	       "  -o, --output FILE  the archive, .tar.zst or .tar (" DEFAULT_OUTPUT ")\n"
	       "  --help             print this text\n");
	return EXIT_OK;
}

static void tell(const struct repro_plan *p, const struct repro_result *r)
{
	char size[32], bytes[32];

	printf("%s: %s; unpack it with tar, then %s/run.sh\n", p->output, bytes_text(size, r->size),
	       r->top);
	if (r->files)
		log_info("look before you send: it holds %" PRIu64
			 " of your files, %s, under their "
			 "names (tar tf %s)",
			 r->files, bytes_text(bytes, r->file_bytes), p->output);
}

static int pack(const char *path, json_t *run, const char *output)
{
	struct repro_plan p = {
		.record = path, .run = run, .output = output, .home = lab_home(), .stop = &caught};
	struct repro_result result;
	struct ready ready = {0};
	char *why = NULL;
	int r = ready_programs(&ready, &why);

	if (!r) {
		p.warren = ready.warren;
		p.probe = ready.probe;
		r = repro_write(&p, &result, &why);
	}
	ready_done(&ready);
	if (r && caught) {
		free(why);
		log_error("interrupted");
		return 128 + caught;
	}
	if (r)
		return lab_fail(r, why);
	tell(&p, &result);
	repro_result_done(&result);
	return EXIT_OK;
}

int lab_repro(int argc, char **argv)
{
	struct record_words w = {
		.verb = "lab repro", .print_help = print_help, .output = DEFAULT_OUTPUT};
	autofree char *path = NULL;
	json_t *run = NULL;
	int r;

	if (record_words_parse(&w, argc, argv, &r))
		return r;
	if (repro_check_name(w.output))
		return cmd_usage_error(w.verb, "'%s' has no ending .tar.zst or .tar", w.output);
	catch_signals();
	r = record_words_load(&w, &path, &run);
	if (r)
		return r;
	r = pack(path, run, w.output);
	json_decref(run);
	return r;
}
