/* SPDX-License-Identifier: MIT */
/* A guest's memory, of which the guest's process may make what it likes while somebody looks at it. */
#include "cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest-parts.h"
#include "guest-ram.h"

#define N_PAGES 8
#define PAGE ((off_t)GUEST_RAM_PAGE)

/* We are the guest; its memory. */
static struct guest guest;
static int memory = -1;

static int setup(void **state)
{
	(void)state;
	guest.program = getpid();
	memory = memfd_create("memory", MFD_CLOEXEC);
	return memory < 0 || ftruncate(memory, (N_PAGES - 2) * PAGE) ||
	       pwrite(memory, "mark1", 5, 2 * PAGE) != 5 ||
	       pwrite(memory, "mark2", 5, 4 * PAGE) != 5;
}

static int teardown(void **state)
{
	(void)state;
	close(memory);
	return 0;
}

static void pages_are_found_and_written(void **state)
{
	struct guest_ram ram = GUEST_RAM_INIT;
	char got[8] = "";
	size_t at = 0, page = 0;

	(void)state;
	assert_int_equal(guest_ram_open(&guest, &ram), 0);
	assert_int_equal(ram.n, (N_PAGES - 2) * PAGE);
	assert_true(guest_ram_find(&ram, "mark", 4, &at, &page));
	assert_int_equal(page, 2 * PAGE);
	assert_true(guest_ram_find(&ram, "mark", 4, &at, &page));
	assert_int_equal(page, 4 * PAGE);
	assert_false(guest_ram_find(&ram, "mark", 4, &at, &page));
	at = 0;
	assert_false(guest_ram_find(&ram, "mark3", 5, &at, &page));
	assert_int_equal(guest_ram_write(&ram, page + 4, "!", 1), 0);
	assert_int_equal(pread(memory, got, 5, (off_t)page), 5);
	assert_string_equal(got, "mark!");
	guest_ram_close(&ram);
}

static void memory_that_gets_smaller_has_no_pages(void **state)
{
	struct guest_ram ram = GUEST_RAM_INIT;
	size_t at = 0, page;

	(void)state;
	assert_int_equal(guest_ram_open(&guest, &ram), 0);
	assert_int_equal(ftruncate(memory, 3 * PAGE), 0);
	assert_true(guest_ram_find(&ram, "mark", 4, &at, &page));
	assert_int_equal(ftruncate(memory, 2 * PAGE + 2), 0);
	at = 0;
	assert_false(guest_ram_find(&ram, "mark", 4, &at, &page));
	guest_ram_close(&ram);
}

static int open_large(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, N_PAGES * PAGE), 0);
	return fd;
}

/* Whatever it is called: a file that others can reach is no guest's memory. */
static void a_file_with_a_name_is_not_written_to(void **state)
{
	char dir[] = "/tmp/warren-test-XXXXXX", path[64], lying[64];
	struct guest_ram ram = GUEST_RAM_INIT;
	int named, liar;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/named", dir);
	snprintf(lying, sizeof(lying), "%s/x (deleted)", dir);
	named = open_large(path);
	liar = open_large(lying);
	assert_int_equal(guest_ram_open(&guest, &ram), 0);
	assert_int_equal(ram.n, (N_PAGES - 2) * PAGE);
	guest_ram_close(&ram);
	unlink(path);
	assert_int_equal(guest_ram_open(&guest, &ram), 0);
	assert_int_equal(ram.n, N_PAGES * PAGE);
	guest_ram_close(&ram);
	unlink(lying);
	rmdir(dir);
	close(named);
	close(liar);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages_are_found_and_written, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_that_gets_smaller_has_no_pages, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_file_with_a_name_is_not_written_to, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
