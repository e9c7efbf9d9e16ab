/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "relation.h"

static void expect(uint64_t from, uint64_t to, uint64_t size, uint64_t read_size,
		   const char *should)
{
	autofree char *text = relation_text(&(struct relation){from, to, size, read_size});

	if (should)
		assert_string_equal(text, should);
	else
		assert_null(text);
}

static void the_lost_tail_is_a_copied_tread(void **state)
{
	(void)state;
	expect(12288, 12943, 12943, 12288,
	       "from a page boundary, 1 Tread of 12288 bytes into the file, to its end: the last "
	       "Tread, 655 bytes, not zero-copy but copied");
	expect(24576, 24577, 24577, 12288,
	       "from a page boundary, 2 Treads of 12288 bytes into the file, to its end: the last "
	       "Tread, 1 byte, not zero-copy but copied");
}

static void a_longer_tail_is_not_copied(void **state)
{
	(void)state;
	expect(12288, 13313, 13313, 12288,
	       "from a page boundary, 1 Tread of 12288 bytes into the file, to its end");
}

static void a_tread_may_end_within_a_page(void **state)
{
	(void)state;
	expect(16360, 16384, 20000, 16360, "from 1 Tread of 16360 bytes into the file");
	expect(8192, 12000, 12000, 16360, "from a page boundary, to its end");
}

static void there_may_be_nothing_to_say(void **state)
{
	(void)state;
	expect(0, 100, 12943, 12288, NULL);
	expect(5, 100, 12943, 0, NULL);
	expect(5, 5, 12943, 12288, NULL);
	expect(5, 100, 100, 0, "to the end of the file");
	expect(0, 100, 100, 12288, "to the end of the file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lost_tail_is_a_copied_tread),
		cmocka_unit_test(a_longer_tail_is_not_copied),
		cmocka_unit_test(a_tread_may_end_within_a_page),
		cmocka_unit_test(there_may_be_nothing_to_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
