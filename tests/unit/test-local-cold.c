/* SPDX-License-Identifier: MIT */
/* Walks in place to names that the kernel does not have in memory. */
#include "local-kit.h"

static struct local *local(void)
{
	return container_of(backend, struct local, backend);
}

/* As if the export were, or were not, on a file system whose names are known to be quick. */
static void set_plain(bool plain)
{
	local_node(root)->inode->device->is_plain = plain;
}

/* Of a name that nobody has asked for before, so that it is not in memory. */
static int walk_in_place_to_nothing(void)
{
	static unsigned n_names;
	struct node *n;
	char name[32];

	snprintf(name, sizeof(name), "nothing-%u", n_names++);
	return try_walk_as(&in_place, root, name, &n);
}

static void a_name_that_is_not_there_needs_no_worker(void **state)
{
	(void)state;
	set_plain(true);
	assert_int_equal(walk_in_place_to_nothing(), -ENOENT);
}

static void an_unknown_file_system_is_left_to_workers(void **state)
{
	(void)state;
	set_plain(false);
	assert_int_equal(walk_in_place_to_nothing(), CALL_WOULD_BLOCK);
}

static void after_a_slow_answer_workers_ask_for_a_while(void **state)
{
	int n = 0;

	(void)state;
	set_plain(true);
	cold_walk_took(local(), 1);
	assert_int_equal(atomic_load(&local()->n_cold_for_workers), 0);
	cold_walk_took(local(), 5000000);
	while (walk_in_place_to_nothing() == CALL_WOULD_BLOCK)
		n++;
	assert_int_equal(n, 1000);
}

static void another_file_system_is_not_entered(void **state)
{
	autoclose int top_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = -1;

	(void)state;
	assert_int_equal(open_child_here(top_fd, "proc", &fd), -EXDEV);
	assert_int_equal(fd, -1);
}

#define cold_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cold_test(a_name_that_is_not_there_needs_no_worker),
		cold_test(an_unknown_file_system_is_left_to_workers),
		cold_test(after_a_slow_answer_workers_ask_for_a_while),
		cold_test(another_file_system_is_not_entered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
