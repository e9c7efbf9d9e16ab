/* SPDX-License-Identifier: MIT */
/* The pages between the pieces of memory: what somebody writes there is reported once. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "probe.h"

#define PAGES 64
#define PAGE 4096

/* probe.c's, which is the program. */
void probe_flush(struct probe *p, bool now)
{
	(void)p;
	(void)now;
}

void probe_greet(struct probe *p)
{
	(void)p;
}

struct setting {
	struct probe p;
	char *text;
	size_t n;
};

static int setup(void **state)
{
	struct setting *t = calloc(1, sizeof(*t));

	*state = t;
	return memory_fragment_pages(&t->p, PAGES);
}

static int teardown(void **state)
{
	struct setting *t = *state;

	close(t->p.canaries);
	free(t->text);
	free(t);
	return 0;
}

static const char *scan(struct setting *t)
{
	free(t->text);
	t->text = NULL;
	t->p.report = open_memstream(&t->text, &t->n);
	memory_scan(&t->p);
	fclose(t->p.report);
	return t->text;
}

static void write_at(struct setting *t, off_t at, const char *bytes)
{
	assert_int_equal(pwrite(t->p.canaries, bytes, strlen(bytes), at), strlen(bytes));
}

static void every_other_page_is_given_back(void **state)
{
	struct setting *t = *state;
	struct stat st;

	assert_int_equal(fstat(t->p.canaries, &st), 0);
	assert_int_equal(st.st_size, PAGES * PAGE);
	assert_int_equal(st.st_blocks * 512, PAGES / 2 * PAGE);
}

static void untouched_pages_are_not_reported(void **state)
{
	assert_string_equal(scan(*state), "");
}

static void a_write_is_reported_once_with_its_bytes(void **state)
{
	struct setting *t = *state;

	write_at(t, 2 * PAGE + 5, "ABC");
	write_at(t, 62 * PAGE, "?");
	assert_string_equal(scan(t), "stray 2 5 414243\nstray 62 0 3f\n");
	assert_string_equal(scan(t), "");
}

static void reports_are_bounded(void **state)
{
	struct setting *t = *state;
	size_t lines = 0;

	close(t->p.canaries);
	assert_int_equal(memory_fragment_pages(&t->p, 512), 0);
	for (off_t page = 0; page < 512; page += 2)
		write_at(t, page * PAGE, "?");
	for (const char *at = scan(t); (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 64);
	assert_string_equal(scan(t), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_other_page_is_given_back, setup, teardown),
		cmocka_unit_test_setup_teardown(untouched_pages_are_not_reported, setup, teardown),
		cmocka_unit_test_setup_teardown(a_write_is_reported_once_with_its_bytes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(reports_are_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
