/* SPDX-License-Identifier: MIT */
/* What the local backend remembers of walks: a name leads to what is there now, and not to what was
 * there when it was walked before. */
#include "local-kit.h"

/* Walks NAME while its node of before is held. */
static struct node *walk_again(const char *name, const struct node *before)
{
	struct node *n = walk(root, name);

	assert_ptr_not_equal(n, before);
	return n;
}

static uint64_t path_of(struct node *n)
{
	return attr_of(n, NULL).qid.path;
}

static uint8_t type_of(struct node *n)
{
	return attr_of(n, NULL).qid.type;
}

static void a_file_in_use_is_found_without_a_descriptor_more(void **state)
{
	struct local *l = container_of(backend, struct local, backend);
	struct node *first, *again;
	unsigned n_fds;

	(void)state;
	put_host_file("f", "x");
	first = walk(root, "f");
	n_fds = l->n_fds;
	again = walk_again("f", first);
	assert_int_equal(path_of(again), path_of(first));
	assert_int_equal(l->n_fds, n_fds);
	node_unref(again);
	assert_int_equal(try_walk_as(&in_place, root, "f", &again), 0);
	assert_int_equal(path_of(again), path_of(first));
	node_unref(again);
	node_unref(first);
}

static void a_name_that_the_host_gave_to_another_leads_there(void **state)
{
	struct node *first, *again;

	(void)state;
	put_host_file("f", "x");
	put_host_file("g", "y");
	first = walk(root, "f");
	assert_int_equal(renameat(host, "g", host, "f"), 0);
	again = walk_again("f", first);
	assert_int_not_equal(path_of(again), path_of(first));
	node_unref(again);
	assert_int_equal(unlinkat(host, "f", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", host, "f"), 0);
	again = walk_again("f", first);
	assert_int_equal(type_of(again), P9_QTSYMLINK);
	node_unref(again);
	assert_int_equal(unlinkat(host, "f", 0), 0);
	assert_int_equal(mkdirat(host, "f", 0755), 0);
	again = walk_again("f", first);
	assert_int_equal(type_of(again), P9_QTDIR);
	node_unref(again);
	node_unref(first);
}

static void a_name_that_is_gone_leads_nowhere(void **state)
{
	struct node *first, *again;

	(void)state;
	put_host_file("f", "x");
	first = walk(root, "f");
	assert_int_equal(unlinkat(host, "f", 0), 0);
	assert_int_equal(try_walk(root, "f", &again), -ENOENT);
	assert_int_not_equal(try_walk_as(&in_place, root, "f", &again), 0);
	node_unref(first);
	assert_int_equal(try_walk(root, "f", &again), -ENOENT);
}

static void the_same_name_elsewhere_is_another(void **state)
{
	struct node *d, *first, *other;

	(void)state;
	put_host_file("f", "x");
	assert_int_equal(mkdirat(host, "d", 0755), 0);
	put_host_file("d/f", "y");
	first = walk(root, "f");
	d = walk(root, "d");
	other = walk(d, "f");
	assert_int_not_equal(path_of(other), path_of(first));
	node_unref(other);
	assert_int_equal(unlinkat(host, "d/f", 0), 0);
	assert_int_equal(try_walk(d, "f", &other), -ENOENT);
	node_unref(d);
	node_unref(first);
}

#define known_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		known_test(a_file_in_use_is_found_without_a_descriptor_more),
		known_test(a_name_that_the_host_gave_to_another_leads_there),
		known_test(a_name_that_is_gone_leads_nowhere),
		known_test(the_same_name_elsewhere_is_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
