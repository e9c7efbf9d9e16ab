/* SPDX-License-Identifier: MIT */
#include "mail-text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define VALUE_COLUMN 14
#define LOG_INDENT 2U

static bool is_plain(char c)
{
	return c >= ' ' && c <= '~';
}

char *mail_ascii(const char *text)
{
	char *ascii = malloc(4 * strlen(text) + 1), *to = ascii;

	if (!ascii)
		return NULL;
	for (; *text; text++)
		if (is_plain(*text))
			*to++ = *text;
		else if (strchr("\n\t\r", *text))
			*to++ = ' ';
		else
			to += sprintf(to, "\\x%02x", (unsigned char)*text);
	*to = '\0';
	return ascii;
}

/* How much of a word of N bytes to put where there is room for ROOM, which is less. */
static size_t cut(const char *word, size_t room)
{
	for (size_t n = room; n > room / 2; n--)
		if (strchr(",/:", word[n - 1]))
			return n;
	return room;
}

static size_t put_word(FILE *f, const char *word, size_t n, size_t column, unsigned hang)
{
	while (column + n > MAIL_COLUMNS) {
		size_t part = cut(word, MAIL_COLUMNS - column);

		fprintf(f, "%.*s\n%*s", (int)part, word, (int)hang, "");
		word += part;
		n -= part;
		column = hang;
	}
	fprintf(f, "%.*s", (int)n, word);
	return column + n;
}

/* COLUMN is where the text begins. */
static void fill(FILE *f, size_t column, unsigned hang, const char *text)
{
	autofree char *ascii = mail_ascii(text);
	bool is_first = true;

	for (const char *at = ascii; at && *at;) {
		size_t n;

		at += strspn(at, " ");
		n = strcspn(at, " ");
		if (!n)
			break;
		if (!is_first && column + 1 + n > MAIL_COLUMNS) {
			fprintf(f, "\n%*s", (int)hang, "");
			column = hang;
		} else if (!is_first) {
			fputc(' ', f);
			column++;
		}
		column = put_word(f, at, n, column, hang);
		is_first = false;
		at += n;
	}
	fputc('\n', f);
}

void mail_fill(FILE *f, unsigned indent, unsigned hang, const char *text)
{
	fprintf(f, "%*s", (int)indent, "");
	fill(f, indent, hang, text);
}

void mail_fillf(FILE *f, unsigned indent, unsigned hang, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (text)
		mail_fill(f, indent, hang, text);
}

void mail_field(FILE *f, const char *label, const char *value)
{
	int n;

	if (!value || !*value)
		return;
	n = fprintf(f, "%s:", label);
	fprintf(f, "%*s", n < VALUE_COLUMN ? VALUE_COLUMN - n : 1, "");
	fill(f, n < VALUE_COLUMN ? VALUE_COLUMN : (size_t)n + 1, VALUE_COLUMN, value);
}

void mail_fieldf(FILE *f, const char *label, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	mail_field(f, label, text);
}

void mail_log_line(FILE *f, const char *line, size_t n)
{
	autofree char *copy = strndup(line, n), *ascii = copy ? mail_ascii(copy) : NULL;
	size_t left = ascii ? strlen(ascii) : 0;
	const char *at = ascii;

	while (left && at[left - 1] == ' ')
		left--;
	do {
		size_t indent = at == ascii ? LOG_INDENT : 2 * LOG_INDENT;
		size_t part = MIN(left, MAIL_COLUMNS - indent);

		if (part)
			fprintf(f, "%*s%.*s", (int)indent, "", (int)part, at);
		fputc('\n', f);
		at += part;
		left -= part;
	} while (left);
}

/* 12 bytes a line fit into 72 columns, in hex and as text. */
void mail_hexdump(FILE *f, const char *label, const unsigned char *p, size_t n,
		  unsigned long long offset)
{
	for (size_t at = 0; at < n; at += 12) {
		fprintf(f, "  %-9s%8llx ", at ? "" : label, offset + at);
		for (size_t i = at; i < at + 12; i++)
			if (i < n)
				fprintf(f, " %02x", p[i]);
			else
				fputs("   ", f);
		fputs("  ", f);
		for (size_t i = at; i < at + 12 && i < n; i++)
			fputc(is_plain((char)p[i]) ? p[i] : '.', f);
		fputc('\n', f);
	}
}
