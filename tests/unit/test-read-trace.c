/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "read-trace.h"
#include "tell-model.h"

static void take(struct read_trace *t, const char *line)
{
	const char *why = NULL;

	if (read_trace_line(t, line, &why))
		fail_msg("'%s': %s", line, why);
}

static char *printed(const struct read_trace *t)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	read_trace_print(f, t);
	fclose(f);
	return text;
}

static void all_statements_are_taken(void **state)
{
	struct read_trace t;

	(void)state;
	read_trace_init(&t);
	take(&t, "# a comment\n");
	take(&t, "");
	take(&t, "kernel 6.12.44");
	take(&t, "with-bug folioq-offset # back again");
	take(&t, "msize 0x4000");
	take(&t, "iounit 0");
	take(&t, "cache loose");
	take(&t, "memory descending");
	take(&t, "reply-limit 5000");
	take(&t, "copy-only");
	take(&t, "page 2 77");
	take(&t, "file 20000");
	take(&t, "read 0 16384 sequential");
	take(&t, "advise willneed 4096 0");
	take(&t, "open");
	take(&t, "\tdrop ");
	assert_true(t.config.rules.has[BUG_FOLIOQ_OFFSET]);
	assert_int_equal(t.config.msize, 16384);
	assert_int_equal(t.config.cache, MODEL_CACHE_LOOSE);
	assert_int_equal(t.config.layout, LAYOUT_DESCENDING);
	assert_int_equal(t.config.size, 20000);
	assert_int_equal(t.pfns[2], 77);
	assert_int_equal(t.n, 5);
	assert_int_equal(t.steps[0].kind, STEP_ADVISE);
	assert_int_equal(t.steps[1].len, 16384);
	assert_int_equal(t.steps[2].advice, ADVICE_WILLNEED);
	assert_int_equal(t.steps[4].kind, STEP_DROP);
	read_trace_done(&t);
}

static void what_is_printed_can_be_read(void **state)
{
	static const char *const lines[] = {
		"without-bug folioq-slot",
		"without-bug folioq-parked",
		"with-bug folioq-offset",
		"with-bug parking",
		"msize 8216",
		"iounit 4096",
		"cache readahead",
		"memory random",
		"reply-limit 9",
		"copy-only",
		"page 1 5",
		"file 5000",
		"advise random",
		"advise dontneed 0 4096",
		"read 1 2",
		"open",
		"drop",
	};
	autofree char *first = NULL, *second = NULL;
	struct read_trace t, again;
	char *line, *at;

	(void)state;
	read_trace_init(&t);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		take(&t, lines[i]);
	first = printed(&t);
	read_trace_init(&again);
	autofree char *copy = strdup(first);
	for (at = copy; (line = strsep(&at, "\n"));)
		take(&again, line);
	second = printed(&again);
	assert_string_equal(first, second);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (!strstr(first, lines[i]))
			fail_msg("'%s' is not printed", lines[i]);
	read_trace_done(&t);
	read_trace_done(&again);
}

static void nonsense_is_refused_with_a_reason(void **state)
{
	static const char *const lines[] = {
		"file",
		"file -1",
		"file 99999999999",
		"read 0",
		"read 0 1 loud",
		"read 0 1 2 3 4 5",
		"read x y",
		"msize 10",
		"msize 1 2",
		"cache warm",
		"memory full",
		"kernel six",
		"with-bug moth",
		"page 1",
		"page 99999999 1",
		"advise",
		"advise willneed",
		"advise random 1",
		"open 1",
		"drop x",
		"close",
		"read 0 18446744073709551616",
	};
	struct read_trace t;

	(void)state;
	read_trace_init(&t);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const char *why = NULL;

		if (read_trace_line(&t, lines[i], &why) != -EINVAL || !why)
			fail_msg("'%s' is taken", lines[i]);
	}
	assert_int_equal(t.n, 0);
	read_trace_done(&t);
}

/* The pages' numbers in memory say where the stray bytes land: here in page 1. */
static void pages_lie_where_the_trace_says(void **state)
{
	static const char *const lines[] = {"file 12943",  "page 0 900",
					    "page 1 1001", "page 2 1000",
					    "page 3 7",	   "read 0 131072 sequential"};
	struct read_trace t;
	struct model *m;

	(void)state;
	read_trace_init(&t);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		take(&t, lines[i]);
	assert_int_equal(read_trace_run(&t, &m), 0);
	assert_int_equal(m->lost, 2 * 655);
	assert_int_equal(m->damages[0].offset, 4096);
	model_free(m);
	read_trace_done(&t);
}

static char *told(void (*tell)(FILE *f, const struct model *m), const struct model *m)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	tell(f, m);
	fclose(f);
	return text;
}

static void the_drawing_shows_what_went_astray(void **state)
{
	autofree char *text = NULL, *svg = NULL;
	struct read_trace t;
	struct model *m;

	(void)state;
	read_trace_init(&t);
	take(&t, "read 0 131072 sequential");
	assert_int_equal(read_trace_run(&t, &m), 0);
	text = told(draw_text, m);
	svg = told(draw_svg, m);
	assert_non_null(strstr(text, "Tread 1   [========] [========] [========] [        ]"));
	assert_non_null(strstr(text, "Tread 2   [        ] [        ] [        ]!<        ]"));
	assert_non_null(strstr(text, "cache     [########] [########] [########] [..000000]"));
	assert_non_null(strstr(svg, "655 bytes to the page behind"));
	assert_non_null(strstr(svg, "</svg>"));
	model_free(m);
	read_trace_done(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_statements_are_taken),
		cmocka_unit_test(what_is_printed_can_be_read),
		cmocka_unit_test(nonsense_is_refused_with_a_reason),
		cmocka_unit_test(pages_lie_where_the_trace_says),
		cmocka_unit_test(the_drawing_shows_what_went_astray),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
