/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "macros.h"
#include "probe-ways.h"

static const char *const words[] = {"read",	   "read:655", "pread",	      "pread:4097",
				    "mmap",	   "direct",   "direct:4096", "splice",
				    "splice:1000", "plain",    "plain:77777", "willneed",
				    "readahead",   "mmap-seq", "mmap-rand"};

struct setting {
	char path[64];
	struct way_file f;
	unsigned char *content, *buf;
};

static int setup(void **state)
{
	struct setting *t = calloc(1, sizeof(*t));

	strcpy(t->path, "/var/tmp/test-ways-XXXXXX"); /* a disk, which knows O_DIRECT */
	t->f.fd = mkostemp(t->path, O_CLOEXEC);
	t->f.dir_fd = AT_FDCWD;
	t->f.name = t->path;
	t->f.direct_fd = t->f.pipe[0] = t->f.pipe[1] = -1;
	t->content = malloc(WAY_WINDOW + 4096);
	for (size_t i = 0; i < WAY_WINDOW + 4096; i++)
		t->content[i] = (unsigned char)(random() >> 7);
	t->buf = mmap(NULL, WAY_WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*state = t;
	return t->f.fd < 0;
}

static int teardown(void **state)
{
	struct setting *t = *state;

	unlink(t->path);
	way_file_done(&t->f);
	close(t->f.fd);
	if (t->f.pipe[0] >= 0) {
		close(t->f.pipe[0]);
		close(t->f.pipe[1]);
	}
	free(t->content);
	munmap(t->buf, WAY_WINDOW);
	free(t);
	return 0;
}

static void put(struct setting *t, size_t n)
{
	assert_int_equal(ftruncate(t->f.fd, 0), 0);
	assert_int_equal(pwrite(t->f.fd, t->content, n, 0), n);
	t->f.size = n;
}

/* -EINVAL of O_DIRECT: a file system without. */
static void expect(struct setting *t, const char *word, uint64_t offset, size_t n)
{
	size_t unit;
	const struct way *w = way_find(word, &unit);
	uint64_t at;
	ssize_t got;

	memset(t->buf, 0xa5, WAY_WINDOW);
	way_drop(&t->f);
	got = w->fill(&t->f, unit, offset, t->buf, &at);
	if (got == -EINVAL && !strncmp(word, "direct", 6))
		return;
	if (got != (ssize_t)n)
		fail_msg("%s at %lu: %zd bytes, not %zu", word, offset, got, n);
	assert_memory_equal(t->buf, t->content + offset, n);
	assert_int_equal(t->f.n_past, 0);
}

static void every_way_reads_every_byte(void **state)
{
	static const size_t sizes[] = {0, 1, 655, 4095, 4096, 4097, 12943, 1048573, WAY_WINDOW - 1};
	struct setting *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		put(t, sizes[i]);
		for (size_t k = 0; k < ARRAY_SIZE(words); k++)
			expect(t, words[k], 0, sizes[i]);
	}
}

static void a_large_file_comes_in_windows(void **state)
{
	struct setting *t = *state;

	put(t, WAY_WINDOW + 1234);
	for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
		expect(t, words[k], 0, WAY_WINDOW);
		expect(t, words[k], WAY_WINDOW, 1234);
	}
}

/* The size is what stat told; a read may find more. Direct and mmap cannot look there. */
static void bytes_behind_the_size_are_found(void **state)
{
	static const char *const able[] = {"read", "pread", "splice"};
	struct setting *t = *state;

	put(t, 5000);
	t->f.size = 4000;
	for (size_t k = 0; k < ARRAY_SIZE(able); k++)
		expect(t, able[k], 0, 5000);
}

static void a_file_that_ends_early_is_short(void **state)
{
	static const char *const able[] = {"read", "pread", "splice"};
	struct setting *t = *state;

	put(t, 5000);
	t->f.size = 90000;
	for (size_t k = 0; k < ARRAY_SIZE(able); k++)
		expect(t, able[k], 0, 5000);
}

static void a_page_that_cannot_be_had_is_an_error_not_a_crash(void **state)
{
	struct setting *t = *state;
	size_t unit;
	const struct way *w = way_find("mmap", &unit);
	uint64_t at;

	put(t, 5000);
	t->f.size = 90000;
	assert_int_equal(w->fill(&t->f, unit, 0, t->buf, &at), -EFAULT);
	assert_int_equal(at, 8192);
}

static void a_way_that_does_not_exist_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "reads", "rea", "read:", "read:x", "read:0", "read:8388609"};
	size_t unit;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_null(way_find(bad[i], &unit));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_way_reads_every_byte),
		TEST(a_large_file_comes_in_windows),
		TEST(bytes_behind_the_size_are_found),
		TEST(a_file_that_ends_early_is_short),
		TEST(a_page_that_cannot_be_had_is_an_error_not_a_crash),
		TEST(a_way_that_does_not_exist_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
