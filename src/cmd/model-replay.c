/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "logging.h"
#include "macros.h"
#include "model-verb.h"
#include "read-trace.h"
#include "spawn.h"

#define TRACE_LIMIT (64UL << 20)

/* cat of the article's file. */
static const char article[] = "file 12943\nadvise sequential\nread 0 131072\n";

/* The file's text, NUL-terminated; "-" is standard input. */
static int read_text(const char *path, char **ret_text, size_t *ret_n)
{
	autofclose FILE *f = strcmp(path, "-") ? fopen(path, "re") : fdopen(dup(0), "r");
	size_t cap = 1 << 16, n = 0, got;
	char *text = malloc(cap + 1);

	while (f && text && (got = fread(text + n, 1, cap - n, f)) > 0) {
		n += got;
		if (n < cap)
			continue;
		cap *= 2;
		char *more = cap > TRACE_LIMIT ? NULL : realloc(text, cap + 1);
		if (!more) {
			free(text);
			log_error("%s is too long for a trace", path);
			return EXIT_ENVIRONMENT;
		}
		text = more;
	}
	if (!f || !text || ferror(f)) {
		log_error("cannot read %s: %s", path, strerror(errno));
		free(text);
		return EXIT_ENVIRONMENT;
	}
	text[n] = '\0';
	*ret_text = text;
	*ret_n = n;
	return EXIT_OK;
}

static int parse_text(const char *name, char *text, struct read_trace *t)
{
	unsigned number = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		const char *why = NULL;
		int r = read_trace_line(t, line, &why);

		number++;
		if (r == -EINVAL) {
			log_error("%s, line %u: '%.60s': %s", name, number, line, why);
			return EXIT_USAGE;
		}
		if (r) {
			log_error("%s, line %u: %s", name, number, strerror(-r));
			return EXIT_ENVIRONMENT;
		}
	}
	return EXIT_OK;
}

static int run_trace(const struct model_options *o, struct read_trace *t)
{
	struct model *m;
	int r = model_options_apply(o, t);

	r = r ? r : read_trace_run(t, &m);
	if (r) {
		log_error("the model cannot do it: %s", strerror(-r));
		return EXIT_ENVIRONMENT;
	}
	r = model_report(o, m, t, NULL);
	model_free(m);
	return r;
}

static int replay_text(const struct model_options *o, const char *name, char *text, size_t n)
{
	struct read_trace t;
	int r;

	read_trace_init(&t);
	if (strlen(text) != n) {
		log_error("%s is no trace: it holds bytes that are no text", name);
		r = EXIT_USAGE;
	} else if (text[strspn(text, " \t\r\n")] == '{') {
		r = model_options_apply(o, &t)
			    ? EXIT_USAGE
			    : model_replay_recording(o, &t.config.rules, text, n);
	} else {
		r = parse_text(name, text, &t);
		r = r ? r : run_trace(o, &t);
	}
	read_trace_done(&t);
	return r;
}

int model_replay(int argc, char **argv)
{
	autofree char *text = NULL;
	struct model_options o;
	size_t n = strlen(article);
	int rest, r = model_options_parse(argc, argv, &o, &rest);

	if (r)
		return r;
	if (argc - rest > 1)
		r = cmd_usage_error("model", "replay takes one trace");
	else if (rest < argc)
		r = read_text(argv[rest], &text, &n);
	else
		text = strdup(article);
	if (!r && text)
		r = replay_text(&o, rest < argc ? argv[rest] : "the article", text, n);
	strv_free(o.lines);
	return r;
}
