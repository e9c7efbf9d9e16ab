/* SPDX-License-Identifier: MIT */
#include "page-html.h"

#include <stdarg.h>
#include <stdlib.h>

#include "cleanup.h"

static const char *entity_of(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void html_text(FILE *f, const char *text)
{
	for (; text && *text; text++) {
		const char *entity = entity_of(*text);

		if (entity)
			fputs(entity, f);
		else
			fputc(*text, f);
	}
}

/* What FMT and ARGS make; NULL when memory is out. The caller frees it. */
static char *made_of(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));

static char *made_of(const char *fmt, va_list args)
{
	char *text;

	return vasprintf(&text, fmt, args) < 0 ? NULL : text;
}

void html_textf(FILE *f, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = made_of(fmt, args);
	va_end(args);
	html_text(f, text);
}

void html_element(FILE *f, const char *tag, const char *class, const char *text)
{
	fprintf(f, class ? "<%s class=%s>" : "<%s>", tag, class);
	html_text(f, text);
	fprintf(f, "</%s>\n", tag);
}

void html_elementf(FILE *f, const char *tag, const char *class, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = made_of(fmt, args);
	va_end(args);
	html_element(f, tag, class, text);
}

void html_row(FILE *f, const char *label, const char *text)
{
	if (!text || !*text)
		return;
	fputs("<tr>", f);
	html_element(f, "th", NULL, label);
	html_element(f, "td", NULL, text);
	fputs("</tr>\n", f);
}

void html_rowf(FILE *f, const char *label, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = made_of(fmt, args);
	va_end(args);
	html_row(f, label, text);
}
