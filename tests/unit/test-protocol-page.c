/* SPDX-License-Identifier: MIT */
/* The manual's list of messages is the table's: test-protocol-page PAGE. With --print instead: the
 * list, to put into the page. */
#include <string.h>

#include "cleanup.h"
#include "cmocka-all.h"
#include "msg.h"

#define COLUMNS 66
#define INDENT 19 /* where the fields begin */

static const char *page;

/* Puts WORD into the line that is USED columns long already; returns how long it is then. */
static size_t put_word(FILE *f, const char *word, size_t used)
{
	if (used + 1 + strlen(word) > COLUMNS) {
		fprintf(f, "\n%*s", INDENT - 1, "");
		used = INDENT - 1;
	}
	return used + (size_t)fprintf(f, " %s", word);
}

static void print_list(FILE *f)
{
	size_t used;

#define F(kind, field) used = put_word(f, #field ":" #kind, used);
#define M(number, Name)                                           \
	used = (size_t)fprintf(f, "%4d %-13s", (int)Name, #Name); \
	FIELDS_##Name(F) fprintf(f, "\n");                        \
	(void)used;
	WIRE_MESSAGES(M)
#undef M
#undef F
}

static char *read_all(const char *path)
{
	autofclose FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t cap = 0;

	if (!f || getdelim(&text, &cap, 0, f) < 0)
		fail_msg("cannot read %s", path);
	return text;
}

/* Without the blanks before line ends that an empty field list leaves. */
static void cut_blanks(char *text)
{
	char *to = text;

	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			while (to > text && to[-1] == ' ')
				to--;
		*to++ = *p;
	}
	*to = 0;
}

static char *list(void)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		abort();
	print_list(f);
	fclose(f);
	cut_blanks(text);
	return text;
}

static void the_page_lists_the_table(void **state)
{
	autofree char *text = read_all(page), *expected = list();

	(void)state;
	if (!strstr(text, expected))
		fail_msg("%s does not list the messages as src/wire/messages.h does; the list:\n%s",
			 page, expected);
}

static void the_page_tells_of_every_kind(void **state)
{
	static const char *const kinds[] = {
#define F(kind, field) #kind,
#define M(number, Name) FIELDS_##Name(F)
		WIRE_MESSAGES(M)
#undef M
#undef F
	};
	autofree char *text = read_all(page);

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char row[32];

		snprintf(row, sizeof(row), "\n|  %s\n", kinds[i]);
		if (!strstr(text, row))
			fail_msg("%s does not tell of the kind %s", page, kinds[i]);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_lists_the_table),
		cmocka_unit_test(the_page_tells_of_every_kind),
	};

	if (argc != 2)
		return 2;
	page = argv[1];
	if (!strcmp(page, "--print")) {
		autofree char *text = list();

		fputs(text, stdout);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
