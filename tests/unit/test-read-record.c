/* SPDX-License-Identifier: MIT */
/* The recording of reads: what w9_reads.py writes, and nothing else, is taken. */
#include "cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "read-record.h"

/* The article's second read, on a kernel that has the bug. */
#define LOST                                                                                  \
	"{\"fid\": 3, \"file\": \"default.json\", \"offset\": 12288, \"asked\": 655, "        \
	"\"count\": 655, \"zc\": false, \"error\": 0, \"iounit\": 12288, \"msize\": 512000, " \
	"\"iter\": \"0xffff888001234c38\", \"iter_type\": \"ITER_FOLIOQ\", \"slot\": 2, "     \
	"\"iov_offset\": 4096, \"folio_size\": 4096, \"count_before\": 655, "                 \
	"\"slot_after\": 3, \"iov_offset_after\": 0, \"folio_size_after\": 4096, "            \
	"\"count_after\": 0, \"queue\": [4096, 4096, 4096, 4096], \"broken\": true, "         \
	"\"why\": \"behind\", \"landed\": \"queue\", \"physical\": 8048640, \"lost\": 655}"

static void a_broken_read_is_taken_whole(void **state)
{
	struct read_record r;

	(void)state;
	assert_int_equal(read_record_parse(LOST, strlen(LOST), &r), 0);
	assert_string_equal(r.file, "default.json");
	assert_string_equal(r.iter_type, "ITER_FOLIOQ");
	assert_string_equal(r.why, "behind");
	assert_string_equal(r.landed, "queue");
	assert_int_equal(r.fid, 3);
	assert_int_equal(r.offset, 12288);
	assert_int_equal(r.asked, 655);
	assert_int_equal(r.count, 655);
	assert_int_equal(r.iounit, 12288);
	assert_int_equal(r.msize, 512000);
	assert_string_equal(r.iter, "0xffff888001234c38");
	assert_int_equal(r.physical, 8048640);
	assert_int_equal(r.lost, 655);
	assert_false(r.zc);
	assert_true(r.broken && r.has_physical);
	assert_int_equal(r.n_queue, 4);
	assert_int_equal(r.queue[3], 4096);
	assert_int_equal(r.before.slot, 2);
	assert_int_equal(r.before.count, 655);
	assert_int_equal(r.after.slot, 3);
	assert_int_equal(r.after.iov_offset, 0);
	read_record_done(&r);
}

static void parked_is_at_the_end_of_a_folio(void **state)
{
	struct read_record r;

	(void)state;
	assert_int_equal(read_record_parse(LOST, strlen(LOST), &r), 0);
	assert_true(iter_place_is_parked(&r.before));
	assert_false(iter_place_is_parked(&r.after));
	r.before.iov_offset = 4095;
	assert_false(iter_place_is_parked(&r.before));
	r.before = (struct iter_place){.iov_offset = 5};
	assert_false(iter_place_is_parked(&r.before));
	read_record_done(&r);
}

/* LOST with the first WHAT replaced by WITH. */
static int parse_with(const char *what, const char *with, struct read_record *ret_r)
{
	const char *at = strstr(LOST, what);
	autofree char *line = NULL;

	assert_non_null(at);
	assert_true(asprintf(&line, "%.*s%s%s", (int)(at - LOST), LOST, with, at + strlen(what)) >
		    0);
	return read_record_parse(line, strlen(line), ret_r);
}

static void what_may_be_unknown_may_be_null(void **state)
{
	static const char *const words[][2] = {
		{"\"default.json\"", "null"},
		{"\"slot\": 2", "\"slot\": null"},
		{"\"folio_size\": 4096", "\"folio_size\": null"},
		{"[4096, 4096, 4096, 4096]", "null"},
		{"\"behind\"", "null"},
		{"\"queue\", \"physical\": 8048640", "null, \"physical\": null"},
		{"\"error\": 0", "\"error\": -5"},
		{", \"lost\": 655", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct read_record r;

		assert_int_equal(parse_with(words[i][0], words[i][1], &r), 0);
		read_record_done(&r);
	}
}

static void what_is_no_record_is_refused(void **state)
{
	static const char *const words[][2] = {
		{"\"fid\": 3", "\"fid\": -3"},
		{"\"fid\": 3, ", ""},
		{"\"zc\": false", "\"zc\": 0"},
		{"\"ITER_FOLIOQ\"", "null"},
		{"\"broken\": true", "\"broken\": null"},
		{"[4096", "[0"},
		{"[4096", "[\"4096\""},
		{"\"behind\"", "7"},
		{"\"count_after\": 0", "\"count_after\": null"},
		{"\"physical\": 8048640", "\"physical\": true"},
		{"\"error\": 0", "\"error\": null"},
		{"\"lost\": 655", "\"lost\": -1"},
		{"{", "["},
	};
	struct read_record r;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_int_equal(parse_with(words[i][0], words[i][1], &r), -EINVAL);
	for (size_t n = 0; n < strlen(LOST); n++)
		assert_int_equal(read_record_parse(LOST, n, &r), -EINVAL);
	assert_int_equal(read_record_parse("[]", 2, &r), -EINVAL);
}

static void a_recording_is_its_lines(void **state)
{
	static const char text[] = LOST "\n\n" LOST "\n" LOST;
	static const char bad[] = LOST "\n" LOST "\n{}\n" LOST;
	struct read_record *list = NULL;
	size_t n = 0, line = 0;

	(void)state;
	assert_int_equal(read_records_parse(text, strlen(text), &list, &n, &line), 0);
	assert_int_equal(n, 3);
	assert_string_equal(list[2].file, "default.json");
	read_records_free(list, n);
	assert_int_equal(read_records_parse(bad, strlen(bad), &list, &n, &line), -EINVAL);
	assert_int_equal(line, 3);
	assert_int_equal(read_records_parse("", 0, &list, &n, &line), 0);
	assert_int_equal(n, 0);
	read_records_free(list, n);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broken_read_is_taken_whole),
		cmocka_unit_test(parked_is_at_the_end_of_a_folio),
		cmocka_unit_test(what_may_be_unknown_may_be_null),
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test(a_recording_is_its_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
