/* SPDX-License-Identifier: MIT */
#include "local-kit.h"

#include <sched.h>
#include <sys/mount.h>

#include "macros.h"

static struct local *local;

static int setup_local(void **state)
{
	setup(state);
	local = container_of(backend, struct local, backend);
	return 0;
}

static void numbers_of_the_export_are_their_own_paths(void **state)
{
	(void)state;
	assert_int_equal(qid_path(local, local->root_dev, 1), 1);
	assert_int_equal(qid_path(local, local->root_dev, (1ull << 48) - 1), (1ull << 48) - 1);
}

static int compare(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* Numbers with many different upper halves, on three file systems; more of them than there are
 * prefixes. */
#define N_EACH 20000
static void paths_are_unique_and_stable(void **state)
{
	static uint64_t paths[3 * N_EACH];
	const uint64_t devs[] = {local->root_dev, local->root_dev + 1, 7};

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint64_t i = 0; i < N_EACH; i++)
			for (uint64_t d = 0; d < 3; d++) {
				uint64_t path = qid_path(local, devs[d], i << 48 | 5);

				if (round)
					assert_int_equal(path, paths[3 * i + d]);
				paths[3 * i + d] = path;
			}
	qsort(paths, 3 * N_EACH, sizeof(paths[0]), compare);
	for (int i = 1; i < 3 * N_EACH; i++)
		assert_int_not_equal(paths[i - 1], paths[i]);
}

static bool has_mounts;

/* A file system mounted in the export is crossed into, and its files are no others'. */
static void a_mount_has_paths_of_its_own(void **state)
{
	char path[128];
	struct node *m, *n, *up;
	struct attr a;

	(void)state;
	if (!has_mounts) {
		print_message("mounting needs root\n");
		skip();
	}
	assert_int_equal(mkdirat(host, "m", 0755), 0);
	snprintf(path, sizeof(path), "%s/m", dir_path);
	assert_int_equal(mount("none", path, "tmpfs", 0, NULL), 0);
	put_host_file("m/f", "in the mount");
	m = walk(root, "m");
	n = walk(m, "f");
	a = attr_of(n, NULL);
	assert_true(a.qid.path >> 48);
	assert_int_equal(a.size, 12);
	up = walk(m, "..");
	assert_int_equal(attr_of(up, NULL).qid.path, attr_of(root, NULL).qid.path);
	assert_int_equal(try_rename(m, "f", root, "f"), -EXDEV);
	node_unref(up);
	node_unref(n);
	node_unref(m);
	assert_int_equal(umount(path), 0);
}

/* On an overlay a file changes its time of birth when it is first written. */
static void a_file_of_an_overlay_stays_the_same_when_copied_up(void **state)
{
	static const char *const folders[] = {"lower", "upper", "work", "merged"};
	char options[512], path[128];
	struct node *n;
	struct file *f;
	struct attr before;
	int fd;

	(void)state;
	if (!has_mounts) {
		print_message("mounting needs root\n");
		skip();
	}
	end_serving();
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		assert_int_equal(mkdirat(host, folders[i], 0755), 0);
	put_host_file("lower/f", "hello");
	snprintf(options, sizeof(options), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work",
		 dir_path, dir_path, dir_path);
	snprintf(path, sizeof(path), "%s/merged", dir_path);
	if (mount("none", path, "overlay", 0, options)) {
		serve(&(struct local_config){.dir = dir_path});
		print_message("this kernel has no overlay here: %s\n", strerror(errno));
		skip();
	}
	serve(&(struct local_config){.dir = path});
	n = walk(root, "f");
	before = attr_of(n, NULL);
	f = open_node(n, P9_O_RDWR);
	write_at(f, 0, "j");
	assert_content(f, "jello");
	file_unref(f);
	assert_int_equal(attr_of(n, NULL).qid.path, before.qid.path);
	assert_int_equal(attr_of(n, NULL).size, 5);
	assert_int_equal(n->ops->remove_node(n, &me), 0);
	node_unref(n);
	end_serving();
	fd = openat(host, "lower/f", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	serve(&(struct local_config){.dir = dir_path});
}

#define qid_test(f) cmocka_unit_test_setup_teardown(f, setup_local, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		qid_test(numbers_of_the_export_are_their_own_paths),
		qid_test(paths_are_unique_and_stable),
		qid_test(a_mount_has_paths_of_its_own),
		qid_test(a_file_of_an_overlay_stays_the_same_when_copied_up),
	};

	has_mounts = !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
