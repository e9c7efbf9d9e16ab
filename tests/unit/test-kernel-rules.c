/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>

#include "kernel-rules.h"
#include "macros.h"

static void versions_have_the_bugs_that_they_had(void **state)
{
	static const struct {
		const char *version;
		bool slot, parked, offset, parking, queue;
	} rows[] = {
		{"5.10", false, false, false, false, false},
		{"6.11.9", false, false, false, false, false},
		{"6.12-rc1", true, true, true, true, true},
		{"6.12-rc2", false, true, true, true, true},
		{"6.12-rc6", false, false, true, true, true},
		{"6.12", false, false, true, true, true},
		{"6.12.43", false, false, true, true, true},
		{"6.12.44", false, false, false, true, true},
		{"6.12.95+deb12-amd64", false, false, false, true, true},
		{"6.12.117-1~deb12u1", false, false, false, true, true},
		{"6.13-rc1", false, false, true, true, true},
		{"6.15.11", false, false, true, true, true},
		{"6.16.3", false, false, true, true, true},
		{"6.16.4", false, false, false, true, true},
		{"6.17-rc2", false, false, true, true, true},
		{"6.17-rc3", false, false, false, true, true},
		{"6.17", false, false, false, true, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kernel_rules r;

		assert_int_equal(kernel_rules_of(rows[i].version, &r), 0);
		if (r.has[BUG_GET_PAGES_SLOT] != rows[i].slot ||
		    r.has[BUG_GET_PAGES_PARKED] != rows[i].parked ||
		    r.has[BUG_FOLIOQ_OFFSET] != rows[i].offset ||
		    r.has[BUG_PARKING] != rows[i].parking || r.has_folio_queue != rows[i].queue)
			fail_msg("%s", rows[i].version);
	}
}

static void what_is_no_version_is_refused(void **state)
{
	static const char *const texts[] = {"", "6", "six", "6.", ".12", "6.12-rc", "99999.1"};
	struct kernel_rules r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (kernel_rules_of(texts[i], &r) != -EINVAL)
			fail_msg("'%s'", texts[i]);
}

static void a_bug_is_found_by_its_name(void **state)
{
	(void)state;
	assert_int_equal(kernel_bug_find("folioq-offset"), BUG_FOLIOQ_OFFSET);
	assert_int_equal(kernel_bug_find("folioq"), N_KERNEL_BUGS);
	assert_int_equal(kernel_bug_find(""), N_KERNEL_BUGS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_have_the_bugs_that_they_had),
		cmocka_unit_test(what_is_no_version_is_refused),
		cmocka_unit_test(a_bug_is_found_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
