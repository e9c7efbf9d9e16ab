/* SPDX-License-Identifier: MIT */
/* The local backend with far fewer descriptors than nodes. Each test runs with file handles, where
 * the host lets us use them, and without. */
#include "local-kit.h"

#include "local-impl.h"

#define BUDGET 50
#define N_DIRS 100
#define N_FILES 100

static struct local *local;

static void start(bool with_handles)
{
	make_folders(access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	serve(&(struct local_config){.dir = dir_path, .max_fds = BUDGET});
	local = container_of(backend, struct local, backend);
	if (!with_handles && local->handle_fd >= 0) {
		close(local->handle_fd);
		local->handle_fd = -1;
	}
}

static int setup_handles(void **state)
{
	(void)state;
	start(true);
	return 0;
}

static int setup_places(void **state)
{
	(void)state;
	start(false);
	return 0;
}

static void assert_budget(void)
{
	assert_in_range(local->n_fds, 0, BUDGET + 4);
}

static struct node *nodes[N_DIRS][N_FILES];
static struct node *dirs[N_DIRS];
static uint64_t paths[N_DIRS][N_FILES];

/* The first N folders of it. */
static int n_dirs;

static void make_tree(int n)
{
	char name[32];

	n_dirs = n;
	for (int d = 0; d < n_dirs; d++) {
		snprintf(name, sizeof(name), "d%d", d);
		assert_int_equal(mkdirat(host, name, 0755), 0);
		dirs[d] = walk(root, name);
		for (int f = 0; f < N_FILES; f++) {
			snprintf(name, sizeof(name), "d%d/f%d", d, f);
			put_host_file(name, name);
			snprintf(name, sizeof(name), "f%d", f);
			nodes[d][f] = walk(dirs[d], name);
			paths[d][f] = attr_of(nodes[d][f], NULL).qid.path;
		}
	}
}

static void drop_tree(void)
{
	for (int d = 0; d < n_dirs; d++) {
		node_unref(dirs[d]);
		for (int f = 0; f < N_FILES; f++)
			node_unref(nodes[d][f]);
	}
}

static void ten_thousand_nodes_need_fifty_descriptors(void **state)
{
	char name[32];

	(void)state;
	make_tree(N_DIRS);
	assert_budget();
	assert_true(local->n_reclaimed >= N_DIRS * N_FILES - BUDGET);
	for (int f = 0; f < N_FILES; f++)
		for (int d = 0; d < N_DIRS; d++)
			assert_int_equal(attr_of(nodes[d][f], NULL).qid.path, paths[d][f]);
	for (int d = 0; d < N_DIRS; d += 7) {
		struct file *f = open_node(nodes[d][d], P9_O_RDONLY);

		snprintf(name, sizeof(name), "d%d/f%d", d, d);
		assert_content(f, name);
		file_unref(f);
	}
	assert_budget();
	drop_tree();
	assert_int_equal(local->n_reclaimed, 0);
}

static void reclaimed_nodes_follow_renames(void **state)
{
	char from[16], to[16];

	(void)state;
	make_tree(20);
	for (int d = 0; d < n_dirs; d++) {
		snprintf(from, sizeof(from), "d%d", d);
		snprintf(to, sizeof(to), "e%d", d);
		assert_int_equal(try_rename(root, from, root, to), 0);
		snprintf(from, sizeof(from), "f%d", d);
		assert_int_equal(try_rename(dirs[d], from, dirs[(d + 1) % n_dirs], "moved"), 0);
	}
	for (int d = 0; d < n_dirs; d++)
		for (int f = 0; f < N_FILES; f++)
			assert_int_equal(attr_of(nodes[d][f], NULL).qid.path, paths[d][f]);
	assert_budget();
	drop_tree();
}

static void reclaimed_nodes_live_on_when_unlinked(void **state)
{
	(void)state;
	make_tree(20);
	for (int d = 0; d < 10; d++) {
		assert_int_equal(try_unlink(dirs[d], "f1"), 0);
		assert_int_equal(try_rename(dirs[d], "f2", dirs[d], "f3"), 0);
		assert_int_equal(nodes[d][4]->ops->remove_node(nodes[d][4], &me), 0);
	}
	for (int d = 0; d < n_dirs; d++)
		for (int f = 0; f < N_FILES; f++)
			assert_int_equal(attr_of(nodes[d][f], NULL).nlink,
					 d >= 10 || (f != 1 && f != 3 && f != 4));
	drop_tree();
}

/* Without a handle, a name that now is another file's must not pass for it. */
static void another_file_of_the_same_name_is_not_taken(void **state)
{
	struct attr a;
	int r;

	(void)state;
	make_tree(20);
	assert_int_equal(unlinkat(host, "d3/f3", 0), 0);
	put_host_file("d3/f3", "another");
	r = nodes[3][3]->ops->getattr(nodes[3][3], NULL, &me, P9_GETATTR_ALL, &a);
	assert_int_equal(r, -ESTALE);
	assert_int_equal(nodes[3][3]->ops->remove_node(nodes[3][3], &me), -ESTALE);
	drop_tree();
}

static void an_open_file_keeps_its_descriptor(void **state)
{
	struct node *n;
	struct file *f;

	(void)state;
	assert_int_equal(try_create(root, "open", P9_O_RDWR, &n, &f), 0);
	write_at(f, 0, "hello");
	make_tree(20);
	assert_int_equal(unlinkat(host, "open", 0), 0);
	assert_content(f, "hello");
	assert_int_equal(attr_of(n, NULL).nlink, 0);
	assert_int_equal(set_size(n, NULL, 1), 0);
	file_unref(f);
	node_unref(n);
	drop_tree();
}

#define DEPTH 1500

static void a_deep_chain_comes_back_and_goes(void **state)
{
	struct node *n = node_ref(root), *deep, *up;
	int depth = 0;

	(void)state;
	for (; depth < DEPTH; depth++) {
		struct node *next;

		assert_int_equal(try_make(n, "d", MAKE_DIRECTORY, 0755), 0);
		next = walk(n, "d");
		node_unref(n);
		n = next;
	}
	deep = n;
	make_tree(20);
	assert_int_equal(try_make(deep, "bottom", MAKE_DIRECTORY, 0755), 0);
	assert_budget();
	for (n = node_ref(deep); depth; depth--) {
		up = walk(n, "..");
		node_unref(n);
		n = up;
	}
	assert_int_equal(attr_of(n, NULL).qid.path, attr_of(root, NULL).qid.path);
	node_unref(n);
	node_unref(deep);
	drop_tree();
}

static void in_place_a_lost_descriptor_waits_for_nothing(void **state)
{
	const struct backend_ops *ops = root->ops;
	int would_block = 0;
	struct attr a;

	(void)state;
	make_tree(20);
	for (int d = 0; d < n_dirs; d++) {
		int r = ops->getattr(nodes[d][0], NULL, &in_place, P9_GETATTR_BASIC, &a);

		assert_true(r == 0 || r == CALL_WOULD_BLOCK);
		would_block += r != 0;
		if (!r)
			assert_int_equal(a.qid.path, paths[d][0]);
	}
	assert_true(would_block <= n_dirs);
	drop_tree();
}

static void open_files_have_a_budget_too(void **state)
{
	struct file *f[20], *more;

	(void)state;
	local->max_files = 20;
	for (int i = 0; i < 20; i++)
		f[i] = open_node(root, P9_O_RDONLY);
	assert_int_equal(try_open(root, P9_O_RDONLY, &more), -ENFILE);
	file_unref(f[0]);
	f[0] = open_node(root, P9_O_RDONLY);
	for (int i = 0; i < 20; i++)
		file_unref(f[i]);
}

#define both(f)                                                      \
	cmocka_unit_test_setup_teardown(f, setup_handles, teardown), \
		cmocka_unit_test_setup_teardown(f, setup_places, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(ten_thousand_nodes_need_fifty_descriptors),
		both(reclaimed_nodes_follow_renames),
		both(reclaimed_nodes_live_on_when_unlinked),
		both(another_file_of_the_same_name_is_not_taken),
		both(an_open_file_keeps_its_descriptor),
		both(a_deep_chain_comes_back_and_goes),
		both(in_place_a_lost_descriptor_waits_for_nothing),
		both(open_files_have_a_budget_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
