/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <stdlib.h>

#include "apt.h"
#include "cleanup.h"

static void assert_mirrors(const char *text, const char *debian, const char *security)
{
	cleanup(mirrors_done) struct mirrors m = MIRRORS_INIT;

	assert_int_equal(mirrors_parse(text, &m), 0);
	assert_string_equal(m.debian, debian);
	if (security)
		assert_string_equal(m.security, security);
	else
		assert_null(m.security);
}

static void the_origin_tells_debians_mirror(void **state)
{
	(void)state;
	assert_mirrors("http://other.example/deb/|bookworm|main|Somebody|Tools\n"
		       "http://m.example/debian/|bookworm|main|Debian|Debian\n"
		       "http://m.example/debian/|bookworm-updates|main|Debian|Debian\n"
		       "http://s.example/debian-security/|bookworm-security|main|Debian|"
		       "Debian-Security\n",
		       "http://m.example/debian/", "http://s.example/debian-security/");
}

static void before_the_first_update_the_suite_tells(void **state)
{
	(void)state;
	assert_mirrors("http://other.example/|nodistro|main|$(ORIGIN)|$(LABEL)\n"
		       "http://other.example/|bookworm|stable|$(ORIGIN)|$(LABEL)\n"
		       "http://tools.example/|bookworm|main|$(ORIGIN)|$(LABEL)\n"
		       "http://m.example/debian/|bookworm|main|$(ORIGIN)|$(LABEL)\n"
		       "http://m.example/sec/|bookworm-security|main|$(ORIGIN)|$(LABEL)\n",
		       "http://m.example/debian/", "http://m.example/sec/");
}

static void a_known_origin_beats_a_guess(void **state)
{
	(void)state;
	assert_mirrors("http://x.example/debian/|bookworm|main|$(ORIGIN)|$(LABEL)\n"
		       "http://m.example/d/|stable|main|Debian|Debian\n",
		       "http://m.example/d/", NULL);
}

static void a_disc_is_no_mirror(void **state)
{
	cleanup(mirrors_done) struct mirrors m = MIRRORS_INIT;

	(void)state;
	assert_int_equal(mirrors_parse("cdrom://Debian/|bookworm|main|Debian|Debian\n", &m),
			 -ENOENT);
}

static void other_archives_are_no_mirror(void **state)
{
	cleanup(mirrors_done) struct mirrors m = MIRRORS_INIT;

	(void)state;
	assert_int_equal(mirrors_parse("", &m), -ENOENT);
	assert_int_equal(mirrors_parse("nonsense\n||||\n|\na|b|c|d|e|f\n", &m), -ENOENT);
	assert_int_equal(mirrors_parse("http://u.example/ubuntu/|noble|main|Ubuntu|Ubuntu\n", &m),
			 -ENOENT);
	assert_int_equal(
		mirrors_parse("http://s.example/|bookworm-security|main|Debian|Debian-Security\n",
			      &m),
		-ENOENT);
	assert_null(m.debian);
	assert_null(m.security);
}

static const char policy[] =
	"linux-source-6.12:\n"
	"  Installed: (none)\n"
	"  Candidate: 6.12.117-1~deb12u1\n"
	"  Version table:\n"
	"     6.12.117-1 500\n"
	"        500 http://a.example trixie/main amd64 Packages\n"
	"     6.12.117-1~deb12u1 500\n"
	"        500 http://m.example/s bookworm-security/main amd64 Packages\n"
	"     6.12.95-1~bpo12+1 100\n"
	"        100 http://m.example bookworm-backports/main amd64 Packages\n";

static void a_policy_has_the_candidate_and_its_suite(void **state)
{
	autofree char *version = NULL, *suite = NULL;

	(void)state;
	assert_int_equal(apt_parse_policy(policy, &version, &suite), 0);
	assert_string_equal(version, "6.12.117-1~deb12u1");
	assert_string_equal(suite, "bookworm-security");
}

static void no_candidate_is_enoent(void **state)
{
	char *version = NULL, *suite = NULL;

	(void)state;
	assert_int_equal(apt_parse_policy("", &version, &suite), -ENOENT);
	assert_int_equal(apt_parse_policy("x:\n  Candidate: (none)\n", &version, &suite), -ENOENT);
	assert_null(version);
}

static void a_field_is_looked_up_in_the_first_paragraph(void **state)
{
	static const char record[] = "Package: a\nDepends: b, c\nSize: 12\n\nSize: 13\nHome: x\n";
	autofree char *depends = deb822_get(record, "Depends"), *size = deb822_get(record, "size");
	autofree char *home = deb822_get(record, "Home");

	(void)state;
	assert_string_equal(depends, "b, c");
	assert_string_equal(size, "12");
	assert_null(home);
}

static void the_kernel_is_found_among_the_dependencies(void **state)
{
	static const char depends[] = "linux-base-amd64 (= 7.3), linux-image-latest | "
				      "linux-image-7.3.4+deb13-amd64 (= 7.3.4-1), foo";
	autofree char *image = depends_find(depends, "linux-image-");
	autofree char *none = depends_find(depends, "linux-base-");

	(void)state;
	assert_string_equal(image, "linux-image-7.3.4+deb13-amd64");
	assert_null(none);
	assert_null(depends_find("", "x"));
	assert_null(depends_find(", | ,", "x"));
}

static void a_version_is_looked_up_among_all(void **state)
{
	static const char list[] = "img | 6.12.95-1~bpo12+1 | http://mirror bookworm/main amd64\n"
				   "   img |  6.1.1-1 | http://mirror bookworm/main amd64\n";

	(void)state;
	assert_true(apt_has_version(list, "6.12.95-1~bpo12+1"));
	assert_true(apt_has_version(list, "6.1.1-1"));
	assert_false(apt_has_version(list, "6.12.95-1"));
	assert_false(apt_has_version(list, "img"));
	assert_false(apt_has_version("no column", "1"));
	assert_false(apt_has_version("", "1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_origin_tells_debians_mirror),
		cmocka_unit_test(before_the_first_update_the_suite_tells),
		cmocka_unit_test(a_known_origin_beats_a_guess),
		cmocka_unit_test(a_disc_is_no_mirror),
		cmocka_unit_test(other_archives_are_no_mirror),
		cmocka_unit_test(a_policy_has_the_candidate_and_its_suite),
		cmocka_unit_test(no_candidate_is_enoent),
		cmocka_unit_test(a_version_is_looked_up_among_all),
		cmocka_unit_test(a_field_is_looked_up_in_the_first_paragraph),
		cmocka_unit_test(the_kernel_is_found_among_the_dependencies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
