/* SPDX-License-Identifier: MIT */
/* Bytes that other clients and servers wrote: each line of the files named on the command line is
 * C or S, hexadecimal bytes, our text form. --print adds the text to lines of standard input. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "cmocka-all.h"
#include "macros.h"
#include "msg.h"

struct golden {
	enum msg_side side;
	size_t n;
	uint8_t bytes[16384];
	const char *text; /* "" if there is none */
};

static char **files;
static unsigned seen[256]; /* messages of a type */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* False for a line that is none. */
static bool read_line(char *line, struct golden *g)
{
	char *p = line + 2;

	line[strcspn(line, "\n")] = 0;
	if ((line[0] != 'C' && line[0] != 'S') || line[1] != ' ')
		return false;
	g->side = line[0] == 'C' ? MSG_FROM_CLIENT : MSG_FROM_SERVER;
	for (g->n = 0; *p && *p != ' '; p += 2) {
		int hi = hex_digit(p[0]), lo = hi < 0 ? -1 : hex_digit(p[1]);

		if (lo < 0 || g->n == sizeof(g->bytes))
			return false;
		g->bytes[g->n++] = (uint8_t)(hi << 4 | lo);
	}
	g->text = *p ? p + 1 : p;
	return true;
}

static char *print(const struct msg *m)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	msg_print(f, m);
	fclose(f);
	return text;
}

static void check(const struct golden *g)
{
	enum msg_side other = g->side ^ MSG_FROM_ANY;
	autofree char *text = NULL;
	uint8_t again[sizeof(g->bytes)];
	struct msg m, unused;
	size_t n;

	assert_int_equal(msg_decode(g->bytes, g->n, 0, g->side, &m), 0);
	assert_int_equal(msg_decode(g->bytes, g->n, 0, other, &unused), -EPROTO);
	text = print(&m);
	assert_string_equal(text, g->text);
	assert_int_equal(msg_encode(&m, again, sizeof(again), &n), 0);
	assert_int_equal(n, g->n);
	assert_memory_equal(again, g->bytes, n);
	seen[m.type]++;
}

static void what_others_wrote_is_what_we_read_and_write(void **state)
{
	(void)state;
	for (char **file = files; *file; file++) {
		autofclose FILE *f = fopen(*file, "re");
		autofree char *line = NULL;
		size_t cap = 0;

		if (!f)
			fail_msg("%s: %s", *file, strerror(errno));
		while (getline(&line, &cap, f) > 0) {
			struct golden g;

			if (line[0] == '#')
				continue;
			if (!read_line(line, &g))
				fail_msg("%s: no golden line: %s", *file, line);
			check(&g);
		}
	}
}

static void every_message_was_seen_from_others(void **state)
{
	(void)state;
	for (unsigned type = 0; type < ARRAY_SIZE(seen); type++)
		if (msg_name((uint8_t)type) && !seen[type])
			fail_msg("nobody's %s is among the golden bytes", msg_name((uint8_t)type));
}

static int print_all(void)
{
	autofree char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		autofree char *text = NULL;
		struct golden g;
		struct msg m;

		if (!read_line(line, &g) || msg_decode(g.bytes, g.n, 0, g.side, &m)) {
			fprintf(stderr, "no message: %s\n", line);
			return 1;
		}
		text = print(&m);
		printf("%s %s\n", line, text);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_wrote_is_what_we_read_and_write),
		cmocka_unit_test(every_message_was_seen_from_others),
	};

	if (argc == 2 && !strcmp(argv[1], "--print"))
		return print_all();
	files = argv + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
