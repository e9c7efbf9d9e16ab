/* SPDX-License-Identifier: MIT */
/* The requests that carried a range, and those around them, on a timeline: a row each. */
#include <inttypes.h>

#include "macros.h"
#include "mail-parts.h"
#include "page-html.h"
#include "page-parts.h"

static double real_of(json_t *o, const char *key)
{
	double n = json_number_value(json_object_get(o, key));

	return n > 0 && n < 1e9 ? n : 0;
}

static double end_of(json_t *q)
{
	return real_of(q, "seconds") + real_of(q, "microseconds") / 1e6;
}

static bool is_over(json_t *q, json_t *finding)
{
	int64_t from = record_number(q, "offset"), to = from + record_number(q, "count");

	return from < record_number(finding, "to") && record_number(finding, "from") < to;
}

/* A bar in percent of the time from START on. */
static void put_bar(FILE *f, json_t *q, double start, double length)
{
	double left = (real_of(q, "seconds") - start) / length * 100;
	double width = real_of(q, "microseconds") / 1e6 / length * 100;

	left = MIN(MAX(left, 0), 99);
	fprintf(f, "<span class=track><i style=\"left:%.2f%%;width:%.2f%%\"></i></span>", left,
		MIN(MAX(width, 0), 100 - left));
}

static void put_request(FILE *f, json_t *q, json_t *finding, double start, double length)
{
	json_t *zero_copy = json_object_get(q, "zero_copy");

	fprintf(f, "<div class=\"req%s\"><code>", is_over(q, finding) ? " over" : "");
	html_textf(f,
		   "%+.6f Tread tag=%" PRId64 " @0x%" PRIx64 "+%" PRId64 " -> %" PRId64
		   "  %.0fus%s",
		   real_of(q, "seconds") - start, record_number(q, "tag"),
		   (uint64_t)record_number(q, "offset"), record_number(q, "asked"),
		   record_number(q, "count"), real_of(q, "microseconds"),
		   json_is_true(zero_copy)    ? "  zero-copy"
		   : json_is_false(zero_copy) ? "  copied"
					      : "");
	fputs("</code>", f);
	put_bar(f, q, start, length);
	fputs("</div>\n", f);
}

void page_put_requests(FILE *f, json_t *finding)
{
	json_t *list = record_at(finding, "requests"), *q;
	double start = real_of(json_array_get(list, 0), "seconds"), end = start;
	size_t i;

	if (!json_array_size(list))
		return;
	json_array_foreach(list, i, q)
	{
		end = MAX(end, end_of(q));
	}
	html_elementf(f, "p", "soft",
		      "Requests for this file, from %.6f s of the recording on; those that brought "
		      "the range are marked:",
		      start);
	json_array_foreach(list, i, q)
	{
		put_request(f, q, finding, start, MAX(end - start, 1e-6));
	}
}
