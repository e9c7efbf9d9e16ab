/* SPDX-License-Identifier: MIT */
/* The page of a report. Argument: a recorded run. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "page.h"
#include "slurp.h"

static json_t *run;

static char *page_of(json_t *r, const char *console)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_int_equal(page_write(f, r, console, "/home/somebody"), 0);
	fclose(f);
	return text;
}

static json_t *damaged_mount(json_t *r)
{
	return json_array_get(json_object_get(r, "mounts"), 1);
}

static json_t *finding(json_t *r, size_t i)
{
	return json_array_get(json_object_get(damaged_mount(r), "list"), i);
}

static void expect(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void a_page_says_what_is_wrong_and_where(void **state)
{
	static const char *const parts[] = {
		">DAMAGED</p>",
		"<h1>8 of 73 files differ",
		"<h3>101b-13311</h3>",
		"<rect class=c-ZERO ",
		"bytes 0x3000-0x33fe (1023): <b>ZERO</b> zeros where the host has none. Wrong by ",
		"  3000  <mark>31</mark> ",
		"as the guest read it</span>\n<pre>  3000  <mark>00</mark> ",
		"<td>mmap</td>\n<td>16384</td>\n<td>damaged</td>",
		"warren verify --kernel 6.12-uml-debug --cache=none,mmap --corpus=sizes=boundaries",
		"STATE/probe"};
	autofree char *text = page_of(run, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		expect(text, parts[i]);
	assert_null(strstr(text, "/home/somebody"));
}

static void a_page_needs_nothing_from_elsewhere(void **state)
{
	autofree char *text = page_of(run, "Linux\n");

	(void)state;
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "src="));
	assert_null(strstr(text, "href="));
	assert_null(strstr(text, "url("));
	assert_null(strstr(text, "http"));
}

/* Of the share, of the guest, of a record that somebody sent: nothing of it may become markup. */
static void what_others_named_is_text(void **state)
{
	static const char evil[] = "<script>alert('x')</script>&\"";
	static const char shown[] = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;";
	json_t *copy = json_deep_copy(run);
	autofree char *text = NULL;

	(void)state;
	json_object_set_new(finding(copy, 0), "path", json_string(evil));
	json_object_set_new(finding(copy, 0), "class", json_string(evil));
	json_object_set_new(finding(copy, 0), "text", json_string(evil));
	json_object_set_new(json_object_get(copy, "facts"), "uname", json_string(evil));
	json_array_set_new(json_object_get(copy, "settings"), 0, json_string(evil));
	text = page_of(copy, evil);
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "class=c-<"));
	expect(text, "<rect class=c-OTHER ");
	expect(text, shown);
	json_decref(copy);
}

/* A record is a file that anybody may have written. */
static void numbers_that_make_no_sense_do_no_harm(void **state)
{
	static const json_int_t odd[] = {-1, 0, 1, INT64_MAX, INT64_MIN};
	const size_t n = sizeof(odd) / sizeof(odd[0]);

	(void)state;
	for (size_t i = 0; i < n * n * n; i++) {
		json_t *copy = json_deep_copy(run), *d = finding(copy, 0);
		autofree char *text = NULL;

		json_object_set_new(d, "from", json_integer(odd[i % n]));
		json_object_set_new(d, "to", json_integer(odd[i / n % n]));
		json_object_set_new(d, "size", json_integer(odd[i / n / n]));
		text = page_of(copy, NULL);
		expect(text, "</html>");
		assert_null(strstr(text, "=nan"));
		assert_null(strstr(text, "=inf"));
		assert_null(strstr(text, "width=-"));
		json_decref(copy);
	}
}

static void the_first_bad_layer_is_marked(void **state)
{
	json_t *copy = json_deep_copy(run);
	autofree char *text = NULL, *unknown = page_of(run, NULL);

	(void)state;
	json_object_set_new(finding(copy, 0), "layer", json_string("page-cache"));
	json_object_set_new(finding(copy, 0), "evidence", json_string("the server sent it right"));
	text = page_of(copy, NULL);
	expect(text, "<li class=\"right\"><b>server</b>");
	expect(text, "<li class=\"first\"><b>page-cache</b>");
	expect(text, "<li class=\"behind\"><b>reader</b>");
	expect(text, "<p>the server sent it right.</p>");
	assert_null(strstr(unknown, "class=\"first\""));
	json_decref(copy);
}

static json_t *request(int offset, int count, double seconds, bool is_zero_copy)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:f, s:f, s:b}", "tag", 7, "offset", offset, "count",
			 count, "asked", count, "seconds", seconds, "microseconds", 100.0,
			 "zero_copy", is_zero_copy);
}

static void requests_stand_on_a_timeline_and_those_over_the_range_are_marked(void **state)
{
	json_t *copy = json_deep_copy(run), *list = json_array();
	autofree char *text = NULL;

	(void)state;
	json_array_append_new(list, request(0, 12288, 1.5, true));
	json_array_append_new(list, request(12288, 1023, 1.5003, false));
	json_object_set_new(finding(copy, 0), "requests", list);
	text = page_of(copy, NULL);
	expect(text,
	       "<div class=\"req\"><code>+0.000000 Tread tag=7 @0x0+12288 -&gt; 12288  100us  "
	       "zero-copy</code><span class=track><i style=\"left:0.00%;width:25.00%\">");
	expect(text,
	       "<div class=\"req over\"><code>+0.000300 Tread tag=7 @0x3000+1023 -&gt; 1023  "
	       "100us  copied</code><span class=track><i style=\"left:75.00%;width:25.00%\">");
	json_decref(copy);
}

static void a_known_bug_is_named(void **state)
{
	json_t *copy = json_deep_copy(run);
	autofree char *text = NULL;

	(void)state;
	json_object_set_new(finding(copy, 0), "evidence",
			    json_string("= exactly the Rread of tag 7"));
	json_object_set_new(finding(copy, 0), "bug",
			    json_pack("{s:s, s:s, s:s, s:s}", "id", "the-id", "title", "a <title>",
				      "fixed", "1234", "certainty", "matches"));
	text = page_of(copy, NULL);
	expect(text,
	       "<p>The range is exactly the Rread of tag 7. It matches the known bug the-id: ");
	expect(text, "a &lt;title&gt;");
	json_decref(copy);
}

static void a_run_without_damage_has_a_page(void **state)
{
	json_t *copy = json_deep_copy(run);
	autofree char *text = NULL;

	(void)state;
	json_array_remove(json_object_get(copy, "mounts"), 1);
	text = page_of(copy, NULL);
	expect(text, ">OK</p>");
	expect(text, "<li class=\"right\"><b>reader</b>");
	assert_null(strstr(text, "What is wrong"));
	json_decref(copy);
}

static void a_run_without_a_verdict_has_a_page(void **state)
{
	json_t *copy = json_deep_copy(run);
	autofree char *text = NULL;

	(void)state;
	json_array_clear(json_object_get(copy, "mounts"));
	json_object_set_new(json_object_get(copy, "verdict"), "why",
			    json_string("the guest hangs"));
	text = page_of(copy, "Kernel panic - not syncing: no\n");
	expect(text, ">FAILED</p>");
	expect(text, "<h1>the guest hangs</h1>");
	expect(text, "Kernel panic");
	json_decref(copy);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_says_what_is_wrong_and_where),
		cmocka_unit_test(a_page_needs_nothing_from_elsewhere),
		cmocka_unit_test(what_others_named_is_text),
		cmocka_unit_test(numbers_that_make_no_sense_do_no_harm),
		cmocka_unit_test(the_first_bad_layer_is_marked),
		cmocka_unit_test(requests_stand_on_a_timeline_and_those_over_the_range_are_marked),
		cmocka_unit_test(a_known_bug_is_named),
		cmocka_unit_test(a_run_without_damage_has_a_page),
		cmocka_unit_test(a_run_without_a_verdict_has_a_page),
	};
	int r;

	run = argc == 2 ? json_load_file(argv[1], 0, NULL) : NULL;
	if (!run)
		return 2;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(run);
	return r;
}
