/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "corpus.h"
#include "macros.h"

static struct corpus_spec parse(const char *text)
{
	struct corpus_spec s;
	const char *bad;

	assert_int_equal(corpus_parse(text, &s, &bad), 0);
	return s;
}

static bool has_size(const char *text, uint32_t size)
{
	struct corpus_spec s = parse(text);
	autofree uint32_t *sizes = NULL;
	bool found = false;
	size_t n;

	assert_int_equal(corpus_sizes(&s, &sizes, &n), 0);
	for (size_t i = 0; i < n; i++) {
		found = found || sizes[i] == size;
		if (i)
			assert_true(sizes[i - 1] < sizes[i]);
	}
	return found;
}

static void the_text_of_a_spec_is_that_spec(void **state)
{
	static const char *const texts[] = {
		"", "seed=7", "sizes=1+2+12943", "sizes=random:20:70000+boundaries,iounit=0",
		"sizes=boundaries,seed=1,generation=255,msize=4096+1048576,iounit=4096"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct corpus_spec s = parse(texts[i]), t;
		autofree char *text = corpus_text(&s), *again = NULL;

		t = parse(text);
		again = corpus_text(&t);
		assert_string_equal(text, again);
	}
}

static void a_wrong_word_of_a_spec_is_named(void **state)
{
	static const char *const wrong[] = {
		"seed=",	"seed=70000", "size=1",	 "sizes=",  "sizes=1+", "sizes=random:1",
		"generation=0", "msize=16",   "seed=1,", "seed=1x", "sizes=-1", "iounit=1048577"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		autofree char *text = NULL;
		struct corpus_spec s;
		const char *bad = NULL;

		assert_true(asprintf(&text, "seed=3,%s", wrong[i]) > 0);
		assert_int_equal(corpus_parse(text, &s, &bad), -EINVAL);
		assert_ptr_equal(bad, text + 7);
	}
}

static void every_boundary_has_a_file(void **state)
{
	static const uint32_t sizes[] = {0,	1,     1023,   1024,   1025,   4095,
					 4096,	4097,  4751,   12287,  12288,  12289,
					 12943, 13311, 13312,  13313,  16360,  16384,
					 25231, 37519, 126976, 126977, 507904, 507904 + 655};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (!has_size("", sizes[i]))
			fail_msg("no file of %u bytes", sizes[i]);
	assert_true(has_size("msize=8192,iounit=0", 8168 + 655));
	assert_false(has_size("sizes=1", 12943));
	assert_true(has_size("sizes=77", 77));
}

static void no_byte_of_the_content_is_zero(void **state)
{
	static char buf[65536];

	(void)state;
	for (uint16_t id = 0; id < 3; id++) {
		corpus_fill(id, 1, UINT32_MAX - 40000, buf, sizeof(buf) / 2);
		corpus_fill(id, 255, 13, buf + sizeof(buf) / 2, sizeof(buf) / 2);
		assert_null(memchr(buf, 0, sizeof(buf)));
	}
}

static void any_part_of_the_content_tells_its_place(void **state)
{
	char whole[4096], part[655];
	struct corpus_origin o;

	(void)state;
	corpus_fill(0x1234, 7, 12288, whole, sizeof(whole));
	for (uint32_t skip = 0; skip < 64; skip++) {
		corpus_fill(0x1234, 7, 12288 + skip, part, sizeof(part));
		assert_memory_equal(part, whole + skip, sizeof(part));
		assert_true(corpus_find_origin(part, 31, &o));
		assert_int_equal(o.id, 0x1234);
		assert_int_equal(o.generation, 7);
		assert_int_equal(o.offset, 12288 + skip);
	}
	assert_false(corpus_find_origin(part, 15, &o));
	memset(part, 0xa5, sizeof(part));
	assert_false(corpus_find_origin(part, sizeof(part), &o));
}

static void generations_and_files_differ_in_each_unit(void **state)
{
	char a[4096], b[4096], c[4096];

	(void)state;
	corpus_fill(1, 1, 0, a, sizeof(a));
	corpus_fill(1, 2, 0, b, sizeof(b));
	corpus_fill(2, 1, 0, c, sizeof(c));
	for (size_t at = 0; at < sizeof(a); at += CORPUS_UNIT) {
		assert_memory_not_equal(a + at, b + at, CORPUS_UNIT);
		assert_memory_not_equal(a + at, c + at, CORPUS_UNIT);
		assert_memory_not_equal(a, a + (at ? at : CORPUS_UNIT), CORPUS_UNIT);
	}
}

static int make(const char *spec, char *dir)
{
	struct corpus_spec s = parse(spec);
	int fd;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(corpus_make(&s, fd), 0);
	return fd;
}

static void run(const char *fmt, const char *a, const char *b, int status)
{
	autofree char *line = NULL;

	assert_true(asprintf(&line, fmt, a, b) > 0);
	assert_int_equal(system(line), status);
}

static void one_spec_is_one_tree(void **state)
{
	static const char spec[] = "sizes=12943+0+1+random:5:100000,seed=9";
	char a[] = "/tmp/test-corpus-XXXXXX", b[] = "/tmp/test-corpus-XXXXXX",
	     c[] = "/tmp/test-corpus-XXXXXX";
	autoclose int fd_a = make(spec, a), fd_b = make(spec, b),
		      fd_c = make("sizes=12943,seed=8", c);
	struct stat st;

	(void)state;
	run("diff -r %s %s", a, b, 0);
	run("cmp -s %s/default.json %s/default.json", a, c, 1 << 8);
	assert_int_equal(fstatat(fd_a, "default.json", &st, 0), 0);
	assert_int_equal(st.st_size, 12943);
	assert_true(fd_b >= 0 && fd_c >= 0);
	run("rm -r %s %s", a, b, 0);
	run("rm -r %s%s", c, "", 0);
}

static void a_tread_is_as_long_as_the_server_and_the_message_let_it_be(void **state)
{
	(void)state;
	assert_int_equal(corpus_read_size(16384, 0), 16360);
	assert_int_equal(corpus_read_size(16384, 12288), 12288);
	assert_int_equal(corpus_read_size(8192, 12288), 8168);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_of_a_spec_is_that_spec),
		cmocka_unit_test(a_wrong_word_of_a_spec_is_named),
		cmocka_unit_test(every_boundary_has_a_file),
		cmocka_unit_test(no_byte_of_the_content_is_zero),
		cmocka_unit_test(any_part_of_the_content_tells_its_place),
		cmocka_unit_test(generations_and_files_differ_in_each_unit),
		cmocka_unit_test(one_spec_is_one_tree),
		cmocka_unit_test(a_tread_is_as_long_as_the_server_and_the_message_let_it_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
