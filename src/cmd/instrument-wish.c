/* SPDX-License-Identifier: MIT */
#include "instrument-wish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "instruments.h"
#include "kernel.h"
#include "spawn.h"

static int parse_debug(const char *verb, struct instrument_wish *w)
{
	autofree char *bad = NULL, *names = NULL;

	if (!w->debug || !debug_mask_parse(w->debug, &w->mask, &bad))
		return EXIT_OK;
	names = debug_mask_names();
	return cmd_usage_error(verb, "--9p-debug '%s': give %s, with commas between", bad,
			       names ? names : "other names");
}

static int parse_trace(const char *verb, struct instrument_wish *w)
{
	autofree char *copy = w->trace ? strdup(w->trace) : NULL;
	char *rest = copy, *word;

	if (w->trace && !trace_list_is_valid(w->trace))
		return cmd_usage_error(
			verb,
			"--trace '%s': give GROUP, GROUP:EVENT or EVENT, with commas "
			"between, as in 9p,netfs",
			w->trace);
	while ((word = strsep(&rest, ",")))
		if (strv_push(&w->events, word))
			return EXIT_ENVIRONMENT;
	return EXIT_OK;
}

int instrument_parse(const char *verb, struct instrument_wish *w)
{
	int status = parse_debug(verb, w);

	return status ? status : parse_trace(verb, w);
}

void instrument_done(struct instrument_wish *w)
{
	strv_free(w->events);
	*w = (struct instrument_wish){0};
}

int instrument_check(const struct instrument_wish *w, const struct kernel *k, char **ret_why)
{
	const char *option = NULL, *config = NULL;

	if (w->debug && kernel_has_option(k, "CONFIG_NET_9P_DEBUG")) {
		option = "--9p-debug";
		config = "NET_9P_DEBUG";
	} else if (w->trace && kernel_has_option(k, "CONFIG_TRACING")) {
		option = "--trace";
		config = "tracepoints";
	}
	if (!option)
		return EXIT_OK;
	if (asprintf(ret_why,
		     "the kernel %s was built without %s, which %s needs: 6.12-uml-debug has it",
		     k->name, config, option) < 0)
		*ret_why = NULL;
	return EXIT_ENVIRONMENT;
}
