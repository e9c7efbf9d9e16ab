/* SPDX-License-Identifier: MIT */
/* The mail of a report. Arguments: the recorded run, the mail that it makes. WARREN_GOLDEN=write writes that
 * anew: read the difference before it is committed. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "mail-text.h"
#include "mail.h"
#include "path.h"
#include "slurp.h"

static const char console[] =
	"Linux version 6.12.117\n"
	"Run /tmp/warren-guest-Ab12Cd/probe as init process\n"
	"\tescape \033[31m and \xc3\xa9, "
	"a line that is so long that it does not fit into the mail's columns\n"
	"reboot: Power down\n";
static const char *run_path, *mail_path;
static json_t *run;

static char *mail_of(json_t *r, const char *log)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_int_equal(mail_write(f, r, log, "/home/somebody"), 0);
	fclose(f);
	return text;
}

static void expect_plain(const char *text)
{
	size_t column = 0;

	for (const char *at = text; *at; at++) {
		column = *at == '\n' ? 0 : column + 1;
		if (column > MAIL_COLUMNS || (*at != '\n' && (*at < ' ' || *at > '~')))
			fail_msg("column %zu, byte 0x%02x: %.80s", column, (unsigned char)*at,
				 at > text + 80 ? at - 80 : text);
	}
}

static void a_mail_is_the_one_that_was_read_over(void **state)
{
	autofree char *text = mail_of(run, console), *golden = NULL;
	const char *write = getenv("WARREN_GOLDEN");

	(void)state;
	if (write && !strcmp(write, "write"))
		assert_int_equal(path_write(mail_path, text, strlen(text)), 0);
	assert_int_equal(slurp(mail_path, 1 << 20, &golden, NULL), 0);
	assert_string_equal(text, golden);
}

static void a_mail_is_ascii_of_72_columns(void **state)
{
	autofree char *text = mail_of(run, console);

	(void)state;
	expect_plain(text);
	assert_non_null(strstr(text, "\\x1b[31m"));
}

static void a_mail_has_what_maintainers_ask_for(void **state)
{
	static const char *const fields[] = {"To: v9fs@lists.linux.dev\n",
					     "netfs@lists.linux.dev",
					     "Subject: [BUG] 9p: ",
					     "\nuname:  ",
					     "\nBuild-id:  ",
					     "\nConfig:  ",
					     "\nOptions:  ",
					     "\nTaint:  ",
					     "\nCommand line: ",
					     "\nServer:  ",
					     "warren serve 0.1.0",
					     "\nTransport:  ",
					     "\nMount:  ",
					     "cache=0x5",
					     "full command line",
					     "\n  expected  ",
					     "\n  observed  ",
					     "First bad layer: ",
					     "\nWhat was varied",
					     "  cache=none, msize=16384 ",
					     "read by direct",
					     "\nAlways wrong: kernel=6.12.43 (20 of 20)",
					     "\nNever wrong: kernel=6.12.44 (0 of 20)",
					     "\n  tar --zstd -xf ",
					     "\n  repro/run.sh\n",
					     "\n  repro/run.sh /path/to/",
					     "\nKernel messages\n",
					     "\nWhat is not known\n",
					     "no\n  bisection was made"};
	autofree char *text = mail_of(run, console);

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strstr(text, fields[i]))
			fail_msg("no '%s' in:\n%s", fields[i], text);
	assert_null(strstr(text, "/home/somebody"));
	assert_null(strstr(text, "warren-guest-"));
}

static void a_bisection_makes_it_a_regression(void **state)
{
	json_t *copy = json_deep_copy(run);
	autofree char *text = NULL;

	(void)state;
	json_object_set_new(
		copy, "bisect",
		json_pack("{s:s, s:s, s:n}", "good", "v6.11", "bad", "v6.12", "commit"));
	text = mail_of(copy, NULL);
	assert_non_null(strstr(text, "Subject: [REGRESSION] 9p: "));
	assert_non_null(strstr(text, "regressions@lists.linux.dev"));
	assert_non_null(strstr(text, "\n\n#regzbot introduced: v6.11..v6.12\n\n"));
	expect_plain(text);
	free(text);
	json_object_set_new(copy, "bisect",
			    json_pack("{s:s, s:s}", "good", "6.1-uml", "bad", "6.12-uml-debug"));
	text = mail_of(copy, NULL);
	assert_non_null(strstr(text, "\n\n#regzbot introduced: v6.1..v6.12\n\n"));
	free(text);
	json_object_set_new(copy, "bisect",
			    json_pack("{s:s, s:s}", "good", "6.12-uml", "bad", "6.12-uml-kasan"));
	text = mail_of(copy, NULL);
	assert_null(strstr(text, "#regzbot"));
	json_decref(copy);
}

/* Each of these takes things away until the list fits. */
static json_t *bad_mount(json_t *r)
{
	json_t *m;
	size_t i;

	json_array_foreach(json_object_get(r, "mounts"), i, m)
	{
		if (!strcmp(json_string_value(json_object_get(m, "status")), "damaged"))
			return m;
	}
	return NULL;
}

static json_t *first_finding(json_t *r)
{
	return json_array_get(json_object_get(bad_mount(r), "list"), 0);
}

static void damage_without_the_page_cache_is_not_for_netfs(void **state)
{
	json_t *copy = json_deep_copy(run);
	autofree char *text = NULL;

	(void)state;
	json_object_set_new(bad_mount(copy), "cache", json_string("none"));
	assert_int_equal(mail_first_bad_layer(copy), LAYER_BELOW);
	text = mail_of(copy, console);
	assert_null(strstr(text, "netfs@lists.linux.dev"));
	assert_non_null(strstr(text, "To: v9fs@lists.linux.dev"));
	json_decref(copy);
}

static void a_layer_that_was_not_looked_at_is_not_known(void **state)
{
	json_t *copy = json_deep_copy(run), *m;
	autofree char *text = NULL;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(copy, "mounts"), i, m)
	{
		json_t *d;
		size_t k;

		json_object_set_new(m, "cache", json_string("mmap"));
		json_array_foreach(json_object_get(m, "list"), k, d)
		{
			json_array_clear(json_object_get(d, "right_ways"));
		}
	}
	assert_int_equal(mail_first_bad_layer(copy), LAYER_UNKNOWN);
	text = mail_of(copy, console);
	assert_non_null(strstr(text, "First bad layer: not known."));
	json_decref(copy);
}

static void an_altered_host_file_is_for_no_list(void **state)
{
	json_t *copy = json_deep_copy(run);
	autofree char *text = NULL;

	(void)state;
	json_object_set_new(first_finding(copy), "class", json_string("HOST-ALTERED"));
	assert_int_equal(mail_first_bad_layer(copy), LAYER_HOST);
	text = mail_of(copy, console);
	assert_null(strstr(text, "To: "));
	assert_non_null(strstr(text, "This is no mail for a kernel list"));
	json_decref(copy);
}

static void a_run_that_is_well_is_for_no_list(void **state)
{
	json_t *copy = json_deep_copy(run);
	autofree char *text = NULL;

	(void)state;
	json_object_set_new(json_object_get(copy, "verdict"), "status", json_integer(0));
	text = mail_of(copy, console);
	assert_null(strstr(text, "To: "));
	assert_non_null(strstr(text, "kernel list: the run was recorded"));
	json_decref(copy);
}

static void a_complaint_of_the_kernel_is_shown_from_its_start(void **state)
{
	autofree char *text = mail_of(run,
				      "first\nsecond\nBUG: KASAN: use-after-free\nCall Trace:\n");

	(void)state;
	assert_non_null(strstr(text, "From the first complaint on:\n\n  BUG: KASAN"));
	assert_null(strstr(text, "  second\n"));
}

/* All strings with what a guest or a file's name may hold, all numbers huge. */
static void spoil(json_t *o)
{
	const char *key;
	json_t *value;
	size_t i;
	void *next;

	if (json_is_array(o))
		json_array_foreach(o, i, value)
		{
			if (json_is_string(value))
				json_array_set_new(o, i, json_string("\xc3\xa9 <b>%s\n\"$(x)"));
			else
				spoil(value);
		}
	else if (json_is_object(o))
		json_object_foreach_safe(o, next, key, value)
		{
			if (json_is_string(value))
				json_object_set_new(o, key,
						    json_string("\xc3\xa9\t%n 'x' \\ /a,b"));
			else if (json_is_integer(value))
				json_object_set_new(o, key, json_integer(INT64_MAX));
			else
				spoil(value);
		}
}

static void whatever_a_record_holds_the_mail_is_plain(void **state)
{
	json_t *copy = json_deep_copy(run);
	autofree char *text = NULL, *bare = NULL;

	(void)state;
	spoil(copy);
	text = mail_of(copy, console);
	expect_plain(text);
	json_object_clear(copy);
	bare = mail_of(copy, "");
	expect_plain(bare);
	json_decref(copy);
}

static void half_a_byte_of_a_sample_is_left_out(void **state)
{
	json_t *copy = json_deep_copy(run);
	autofree char *text = NULL;

	(void)state;
	json_object_set_new(first_finding(copy), "expected", json_string("abc"));
	json_object_set_new(copy, "shared", json_string("DIR"));
	text = mail_of(copy, NULL);
	assert_non_null(strstr(text, " ab "));
	assert_null(strstr(text, " ab 0c"));
	json_decref(copy);
}

static int setup(void **state)
{
	(void)state;
	run = json_load_file(run_path, 0, NULL);
	return run ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(run);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mail_is_the_one_that_was_read_over),
		cmocka_unit_test(a_mail_is_ascii_of_72_columns),
		cmocka_unit_test(a_mail_has_what_maintainers_ask_for),
		cmocka_unit_test(a_bisection_makes_it_a_regression),
		cmocka_unit_test(damage_without_the_page_cache_is_not_for_netfs),
		cmocka_unit_test(a_layer_that_was_not_looked_at_is_not_known),
		cmocka_unit_test(an_altered_host_file_is_for_no_list),
		cmocka_unit_test(a_run_that_is_well_is_for_no_list),
		cmocka_unit_test(a_complaint_of_the_kernel_is_shown_from_its_start),
		cmocka_unit_test(whatever_a_record_holds_the_mail_is_plain),
		cmocka_unit_test(half_a_byte_of_a_sample_is_left_out),
	};

	if (argc != 3)
		return 2;
	run_path = argv[1];
	mail_path = argv[2];
	return cmocka_run_group_tests(tests, setup, teardown);
}
