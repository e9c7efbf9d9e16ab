/* SPDX-License-Identifier: MIT */
/* warren top: what a server is doing. */
#include "top.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "logging.h"
#include "macros.h"
#include "options.h"
#include "scrape-client.h"

#define ANSWER_MS 10000 /* of a server on a busy machine */

static const char *const orders[] = {"rate", "p99", "time", "errors", "name", NULL};

static int take_order(struct option_line *l, void *o, const char *value)
{
	int order = option_find_word(orders, value, strlen(value));

	if (order < 0)
		return option_wrong(l, "sort", value, "give rate, p99, time, errors or name");
	((struct top *)o)->order = (enum top_order)order;
	return 0;
}

static int take_interval(struct option_line *l, void *o, const char *value)
{
	char *end;
	double s = strtod(value, &end);

	if (end == value || *end || !(s >= 0.1 && s <= 3600))
		return option_wrong(l, "interval", value, "give seconds from 0.1 to 3600");
	((struct top *)o)->interval_ms = (uint32_t)(s * 1000);
	return 0;
}

#define FIELD(f) .at = offsetof(struct top, f)
static const struct option_row rows[] = {
	{"interval", OPTION_TAKE, .take = take_interval},
	{"sort", OPTION_TAKE, .take = take_order},
	{"once", OPTION_FLAG, FIELD(once)},
	{"json", OPTION_FLAG, FIELD(json)},
	{"help", OPTION_FLAG, FIELD(help)},
};
#undef FIELD

static int help(void)
{
	printf("usage: warren top [OPTION]... SERVER\n\n"
	       "Shows what a server is doing, live: requests, latencies, errors, clients, "
	       "budgets.\n"
	       "SERVER is the address of its counters, which 'warren serve' prints when it is told "
	       "to\n"
	       "answer there: unix:PATH or tcp:ADDRESS:PORT.\n\n"
	       "  --interval SECONDS    from one look to the next, 0.1 to 3600 (1)\n"
	       "  --sort WORD           rate, p99, time, errors or name\n"
	       "  --once                print what was since the server began, as text\n"
	       "  --json                print the counters as the server tells them, one object\n"
	       "  --help                print this text\n\nkeys:\n");
#define O(key, id, text) printf("  %c      sort by %s\n", key, text);
	TOP_ORDERS(O)
#undef O
	printf("  a      all since the server began, or only since the last look\n"
	       "  space  pause, go on\n"
	       "  h, ?   help\n"
	       "  q      quit\n"
	       "\nexit code: 0 it was ended, 2 wrong usage, 3 nobody answers there, 4 the server "
	       "is "
	       "gone\n");
	return EXIT_OK;
}

static int no_answer(const struct top *t, int err, const char *reason, char **ret_why)
{
	bool was_there = t->now.value[METRIC_UPTIME];

	if (was_there)
		why(ret_why, 0, "the server at %s is gone: %s", t->text, reason);
	else
		why(ret_why, 0,
		    "no counters at %s: %s; is 'warren serve --metrics %s ...' running, and may "
		    "you "
		    "connect?",
		    t->text, reason, t->text);
	return was_there || err == -EPROTO || err == -ETIMEDOUT || err == -ECONNRESET
		       ? EXIT_GUEST
		       : EXIT_ENVIRONMENT;
}

int top_take(struct top *t, char **ret_why)
{
	autofree char *json = NULL, *reason = NULL;
	struct metrics before = t->now;
	int err = scrape_fetch(&t->address, ANSWER_MS, &json, &reason);

	if (!err && scrape_parse(json, &t->now))
		err = why(&reason, -EPROTO, "what it answers are no counters of warren");
	if (err)
		return no_answer(t, err, reason ? reason : strerror(-err), ret_why);
	/* Another server at the same address, perhaps. */
	if (t->now.value[METRIC_UPTIME] > before.value[METRIC_UPTIME])
		t->before = before;
	else
		t->before = (struct metrics){.n_guards = 0};
	return EXIT_OK;
}

static int print_json(const struct top *t, char **ret_why)
{
	autofree char *json = NULL, *reason = NULL;
	int err = scrape_fetch(&t->address, ANSWER_MS, &json, &reason);

	if (err)
		return no_answer(t, err, reason ? reason : strerror(-err), ret_why);
	fputs(json, stdout);
	return EXIT_OK;
}

static int run(struct top *t, char **ret_why)
{
	int r;

	if (t->json)
		return print_json(t, ret_why);
	r = top_take(t, ret_why);
	if (r)
		return r;
	if (!t->once)
		return top_screen(t, ret_why);
	top_print(stdout, t, 0);
	return EXIT_OK;
}

int cmd_top(int argc, char **argv)
{
	struct option_line l = {.verb = "top", .rows = rows, .n = ARRAY_SIZE(rows)};
	autofree struct top *t = calloc(1, sizeof(*t));
	autofree char *reason = NULL;
	int rest, r;

	if (!t)
		return EXIT_ENVIRONMENT;
	t->interval_ms = 1000;
	if (options_parse(&l, argc, argv, t, &rest))
		return l.status;
	if (t->help)
		return help();
	if (argc - rest != 1)
		return cmd_usage_error("top", "which server? give the address of its --metrics");
	t->text = argv[rest];
	r = address_parse(t->text, &t->address, &reason);
	if (r)
		return cmd_usage_error("top", "%s", reason ? reason : strerror(-r));
	if (t->address.kind != ADDRESS_UNIX && t->address.kind != ADDRESS_TCP)
		return cmd_usage_error("top", "'%s': give unix:PATH or tcp:ADDRESS:PORT", t->text);
	r = run(t, &reason);
	if (r && r < 128)
		log_error("%s", reason ? reason : "out of memory");
	return r;
}
