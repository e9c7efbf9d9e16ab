/* SPDX-License-Identifier: MIT */
/* The statements of tests of the detector: a fault is in one way of reading only, a pause ends when somebody
 * writes into the probe's memory, and not before. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "probe.h"

#define PAGE 4096
#define MAP_LIMIT (64 << 20) /* sanitizers have maps of terabytes */

static char dir[] = "/tmp/warren-test-XXXXXX";

/* probe.c's, which is the program. */
void probe_flush(struct probe *p, bool now)
{
	(void)now;
	fflush(p->report);
}

void probe_greet(struct probe *p)
{
	(void)p;
}

static void run(struct probe *p, const char *line)
{
	struct statement s;

	assert_int_equal(statement_parse(line, &s), 0);
	statement_run(p, &s);
	statement_done(&s);
}

/* The report of a walk by two ways over one file, after this statement. */
static char *walk_after(const char *statement)
{
	char *text = NULL;
	size_t n;
	struct probe p = {.report = open_memstream(&text, &n), .share = dir};

	run(&p, statement);
	run(&p, "walk read pread");
	probe_drop_faults(&p);
	fclose(p.report);
	return text;
}

static void a_fault_is_in_one_way_only(void **state)
{
	autofree char *right = walk_after("preload");
	autofree char *second = walk_after("fault pread \"zero,mark=fghi,count=3\"");
	autofree char *first = walk_after("fault read \"zero,mark=fghi,count=3\"");

	(void)state;
	assert_null(strstr(right, "\n! "));
	/* Step 1 read other bytes in block 0, from byte 5 on. */
	assert_non_null(strstr(second, "\n! 1 0 "));
	assert_non_null(strstr(second, " 5 000000 666768\n"));
	assert_non_null(strstr(first, " 5 666768 000000\n"));
}

static void a_fault_elsewhere_does_nothing(void **state)
{
	autofree char *text = walk_after("fault pread \"zero,mark=nowhere,count=3\"");

	(void)state;
	assert_non_null(strstr(text, "done fault pread "));
	assert_null(strstr(text, "\n! "));
}

static void a_fault_that_is_none_is_refused(void **state)
{
	autofree char *text = walk_after("fault pread \"fish,mark=x\"");

	(void)state;
	assert_memory_equal(text, "failed fault EINVAL ", 20);
}

/* Where in our memory, MEM, the page of the probe that waits is; 0: nowhere. Read as a host reads it, which
 * no sanitizer takes for an access of ours. */
static off_t find_page(int mem, const char *mark)
{
	autofclose FILE *f = fopen("/proc/self/maps", "re");
	char line[512], mode[5], page[PAGE];
	unsigned long from, to;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 ||
		    strcmp(mode, "rw-p") != 0 || to - from > MAP_LIMIT)
			continue;
		for (; from < to; from += PAGE)
			if (pread(mem, page, PAGE, (off_t)from) == PAGE &&
			    !strncmp(page, mark, strlen(mark)))
				return (off_t)from;
	}
	return 0;
}

static void *pause_there(void *arg)
{
	run(arg, "pause here");
	fclose(((struct probe *)arg)->report);
	return NULL;
}

static void a_pause_ends_when_the_host_says_so(void **state)
{
	int fds[2];
	struct probe p = {0};
	autofclose FILE *report = NULL;
	autoclose int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	char line[100];
	off_t page;
	pthread_t thread;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	p.report = fdopen(fds[1], "w");
	report = fdopen(fds[0], "r");
	assert_int_equal(pthread_create(&thread, NULL, pause_there, &p), 0);
	assert_non_null(fgets(line, sizeof(line), report));
	assert_string_equal(line, "paused here\n");
	page = find_page(mem, PROBE_PAUSE_MARK "here\n");
	assert_true(page != 0);
	assert_int_equal(pwrite(mem, "!", 1, page), 1);
	assert_non_null(fgets(line, sizeof(line), report));
	assert_string_equal(line, "done pause here\n");
	pthread_join(thread, NULL);
}

static int make_dir(void **state)
{
	autofclose FILE *f = NULL;
	char path[100];

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/a", dir);
	f = fopen(path, "we");
	return !f || fputs("abcdefghijklmnopqrstuvwxyz\n", f) < 0;
}

static int remove_dir(void **state)
{
	char path[100];

	(void)state;
	snprintf(path, sizeof(path), "%s/a", dir);
	return unlink(path) || rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_is_in_one_way_only),
		cmocka_unit_test(a_fault_elsewhere_does_nothing),
		cmocka_unit_test(a_fault_that_is_none_is_refused),
		cmocka_unit_test(a_pause_ends_when_the_host_says_so),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
