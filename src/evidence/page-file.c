/* SPDX-License-Identifier: MIT */
/* What the page shows of each damaged file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "damage.h"
#include "macros.h"
#include "mail-parts.h"
#include "page-html.h"
#include "page-parts.h"

#define PAGE 4096
#define STRIP_WIDTH 1000.0
#define STRIP_MIN 4.0 /* so that one byte of a large file is seen */
#define GRID_MAX 128  /* pages between which lines are drawn */
#define FILES_MAX 50
#define DUMP_ROW 8
#define DUMP_BYTES 48

/* The findings FROM to (not including) TO of LIST are about one file. */
struct span {
	json_t *list;
	size_t from, to;
};

static json_t *finding_at(const struct span *s, size_t i)
{
	return json_array_get(s->list, i);
}

static bool is_about_bytes(json_t *d)
{
	return record_number(d, "to") > record_number(d, "from");
}

/* A word of the style sheet. */
static const char *style_of(json_t *d)
{
	const char *class = record_string(d, "class");

	for (int i = 0; class && i <= DAMAGE_HOST_ALTERED; i++)
		if (!strcmp(class, damage_name((enum damage)i)))
			return damage_name((enum damage)i);
	return "OTHER";
}

static const char *class_of(json_t *d)
{
	const char *class = record_string(d, "class");

	return class ? class : "DIFFERENT";
}

static void put_range(FILE *f, json_t *d, double scale)
{
	double from = (double)MAX(record_number(d, "from"), 0) * scale;
	double width = (double)record_number(d, "to") * scale - from;

	fprintf(f, "<rect class=c-%s x=%.2f y=0 width=%.2f height=20><title>", style_of(d),
		MIN(from, STRIP_WIDTH - STRIP_MIN), MAX(width, STRIP_MIN));
	html_textf(f, "0x%" PRIx64 "-0x%" PRIx64 " %s", (uint64_t)record_number(d, "from"),
		   (uint64_t)record_number(d, "to") - 1, class_of(d));
	fputs("</title></rect>\n", f);
}

static void put_grid(FILE *f, int64_t end, double scale)
{
	if (end > (int64_t)GRID_MAX * PAGE)
		return;
	for (int64_t at = PAGE; at < end; at += PAGE)
		fprintf(f, "<line x1=%.2f x2=%.2f y1=0 y2=20 />", (double)at * scale,
			(double)at * scale);
}

/* A file as a strip, cut into pages where they can be told apart. */
static void put_strip(FILE *f, const struct span *s, int64_t size)
{
	int64_t end = size;
	double scale;

	for (size_t i = s->from; i < s->to; i++)
		end = MAX(end, record_number(finding_at(s, i), "to"));
	if (end <= 0)
		return;
	scale = STRIP_WIDTH / (double)end;
	fprintf(f,
		"<svg class=strip viewBox=\"0 0 %.0f 20\" preserveAspectRatio=none role=img "
		"aria-label=\"the file, its wrong bytes coloured\"><rect class=ok x=0 y=0 "
		"width=%.2f "
		"height=20 />\n",
		STRIP_WIDTH, (double)size * scale);
	for (size_t i = s->from; i < s->to; i++)
		if (is_about_bytes(finding_at(s, i)))
			put_range(f, finding_at(s, i), scale);
	put_grid(f, end, scale);
	fputs("</svg>\n<div class=\"ends soft\"><span>0</span>", f);
	html_elementf(f, "span", NULL, "%" PRId64 " bytes, %" PRId64 " pages", size,
		      (size + PAGE - 1) / PAGE);
	fputs("</div>\n", f);
}

static void put_dump_row(FILE *f, const unsigned char *p, const unsigned char *other, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(f, p[i] == other[i] ? "%02x " : "<mark>%02x</mark> ", p[i]);
	fprintf(f, "%*s", (int)(3 * (DUMP_ROW - n) + 1), "");
	for (size_t i = 0; i < n; i++)
		html_textf(f, "%c", p[i] >= ' ' && p[i] <= '~' ? p[i] : '.');
	fputc('\n', f);
}

/* N bytes of P; those that OTHER has differently are marked. */
static void put_dump(FILE *f, const char *title, uint64_t offset, const unsigned char *p,
		     const unsigned char *other, size_t n)
{
	fputs("<div>", f);
	html_element(f, "span", "soft", title);
	fputs("<pre>", f);
	for (size_t i = 0; i < n; i += DUMP_ROW) {
		fprintf(f, "%6" PRIx64 "  ", offset + i);
		put_dump_row(f, p + i, other + i, MIN(n - i, DUMP_ROW));
	}
	fputs("</pre></div>\n", f);
}

static void put_bytes(FILE *f, json_t *d)
{
	unsigned char good[DUMP_BYTES], bad[DUMP_BYTES];
	size_t n = record_bytes(d, "expected", good, sizeof(good));
	size_t n_bad = record_bytes(d, "observed", bad, sizeof(bad));
	uint64_t from = (uint64_t)record_number(d, "from");

	if (!n)
		return;
	fputs("<div class=dumps>\n", f);
	put_dump(f, "as the host has it", from, good, n_bad ? bad : good,
		 n_bad ? MIN(n, n_bad) : n);
	if (n_bad)
		put_dump(f, "as the guest read it", from, bad, good, MIN(n, n_bad));
	else
		html_element(f, "p", "soft", "Of the guest's bytes only the digest is known.");
	fputs("</div>\n", f);
}

/* The text that the terminal has, too. */
static void put_finding(FILE *f, json_t *d)
{
	autofree char *wrong = words_text(record_at(d, "ways"));
	autofree char *right = right_ways_text(d);
	const char *relation = record_string(d, "relation"), *text = record_string(d, "text");

	fprintf(f, "<p><span class=\"key c-%s\"></span>", style_of(d));
	if (is_about_bytes(d))
		html_textf(f, "bytes 0x%" PRIx64 "-0x%" PRIx64 " (%" PRId64 "): ",
			   (uint64_t)record_number(d, "from"), (uint64_t)record_number(d, "to") - 1,
			   record_number(d, "to") - record_number(d, "from"));
	fputs("<b>", f);
	html_text(f, class_of(d));
	fputs("</b> ", f);
	html_textf(f, "%s.", text ? text : "");
	if (wrong && *wrong)
		html_textf(f, " Wrong by %s.", wrong);
	if (right && *right)
		html_textf(f, " Right by %s.", right);
	if (relation)
		html_textf(f, " Its place: %s.", relation);
	fputs("</p>\n", f);
	page_put_evidence(f, d);
	put_bytes(f, d);
	page_put_requests(f, d);
}

static void put_file(FILE *f, const struct span *s)
{
	json_t *first = finding_at(s, s->from);
	const char *path = record_string(first, "path");

	html_element(f, "h3", NULL, path ? path : "?");
	if (record_at(first, "size"))
		put_strip(f, s, MAX(record_number(first, "size"), 0));
	for (size_t i = s->from; i < s->to; i++)
		put_finding(f, finding_at(s, i));
}

static bool is_same_file(json_t *a, json_t *b)
{
	const char *x = record_string(a, "path"), *y = record_string(b, "path");

	return x && y && !strcmp(x, y);
}

static void put_mount(FILE *f, json_t *m, unsigned *left)
{
	struct span s = {.list = record_at(m, "list")};
	size_t n = json_array_size(s.list);

	for (; s.from < n && *left; s.from = s.to, --*left) {
		for (s.to = s.from + 1; s.to < n; s.to++)
			if (!is_same_file(finding_at(&s, s.from), finding_at(&s, s.to)))
				break;
		put_file(f, &s);
	}
	if (s.from < n || record_number(m, "findings") > (int64_t)n)
		html_elementf(f, "p", "soft",
			      "%" PRId64 " findings in all; the JSON of the run has more of them.",
			      record_number(m, "findings"));
}

void page_put_files(FILE *f, json_t *run)
{
	unsigned left = FILES_MAX;
	json_t *m;
	size_t i;

	json_array_foreach(record_at(run, "mounts"), i, m)
	{
		if (!json_array_size(record_at(m, "list")))
			continue;
		html_elementf(f, "h2", NULL, "What is wrong with cache=%s",
			      record_string(m, "cache") ? record_string(m, "cache") : "?");
		put_mount(f, m, &left);
	}
}
