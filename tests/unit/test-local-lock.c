/* SPDX-License-Identifier: MIT */
#include "local-kit.h"

#include <signal.h>

#include "macros.h"

/* Processes 1 and 2 of one client, and another client. */
static const struct call other = {.uid = P9_NONUNAME, .client = 2};

static struct node *node;
static struct file *f, *g;

static int setup_files(void **state)
{
	setup(state);
	put_host_file("f", "hello");
	node = walk(root, "f");
	f = open_node(node, P9_O_RDWR);
	g = open_node(node, P9_O_RDWR);
	return 0;
}

static int teardown_files(void **state)
{
	file_unref(f);
	file_unref(g);
	node_unref(node);
	return teardown(state);
}

static struct lock_range range(uint8_t type, uint64_t start, uint64_t length, uint32_t proc)
{
	return (struct lock_range){type, start, length, proc, str_of("guest")};
}

/* P9_LOCK_SUCCESS or _BLOCKED, or -errno. */
static int lock(const struct call *c, struct file *file, uint8_t type, uint64_t start,
		uint64_t length, uint32_t proc)
{
	struct lock_range l = range(type, start, length, proc);
	uint8_t status = 99;
	int r = file->ops->lock(file, c, &l, &status);

	return r ? r : status;
}

#define RD P9_LOCK_RDLCK
#define WR P9_LOCK_WRLCK
#define UN P9_LOCK_UNLCK
#define OK P9_LOCK_SUCCESS
#define BLOCKED P9_LOCK_BLOCKED

static void owners_exclude_each_other(void **state)
{
	(void)state;
	assert_int_equal(lock(&me, f, WR, 0, 10, 1), OK);
	assert_int_equal(lock(&me, f, WR, 5, 10, 1), OK);
	assert_int_equal(lock(&me, g, WR, 14, 1, 2), BLOCKED);
	assert_int_equal(lock(&me, g, RD, 14, 1, 2), BLOCKED);
	assert_int_equal(lock(&other, g, WR, 0, 0, 1), BLOCKED);
	assert_int_equal(lock(&me, g, WR, 15, 0, 2), OK);
	assert_int_equal(lock(&me, f, WR, 1ull << 40, 1, 1), BLOCKED);
}

static void readers_share(void **state)
{
	(void)state;
	assert_int_equal(lock(&me, f, RD, 0, 0, 1), OK);
	assert_int_equal(lock(&me, g, RD, 0, 0, 2), OK);
	assert_int_equal(lock(&me, g, WR, 3, 1, 2), BLOCKED);
	assert_int_equal(lock(&me, f, UN, 3, 1, 1), OK);
	assert_int_equal(lock(&me, g, WR, 3, 1, 2), OK);
	assert_int_equal(lock(&me, f, RD, 3, 1, 1), BLOCKED);
}

static void a_process_may_use_any_of_its_files(void **state)
{
	(void)state;
	assert_int_equal(lock(&me, f, WR, 0, 10, 1), OK);
	assert_int_equal(lock(&me, g, RD, 0, 5, 1), OK);
	assert_int_equal(lock(&me, g, RD, 0, 5, 2), OK);
	assert_int_equal(lock(&me, g, UN, 5, 5, 1), OK);
	assert_int_equal(lock(&me, g, WR, 5, 5, 2), OK);
}

static void the_last_file_takes_the_locks_along(void **state)
{
	struct file *h = open_node(node, P9_O_RDONLY);

	(void)state;
	assert_int_equal(lock(&me, f, WR, 0, 1, 1), OK);
	assert_int_equal(lock(&me, h, WR, 1, 1, 1), OK);
	file_unref(f);
	assert_int_equal(lock(&me, g, WR, 0, 1, 2), BLOCKED);
	file_unref(h);
	assert_int_equal(lock(&me, g, WR, 0, 1, 2), OK);
	f = open_node(node, P9_O_RDWR);
}

static void a_file_that_did_not_lock_takes_nothing(void **state)
{
	struct file *h = open_node(node, P9_O_RDWR);

	(void)state;
	assert_int_equal(lock(&me, f, WR, 0, 1, 1), OK);
	assert_int_equal(lock(&me, h, UN, 5, 1, 1), OK);
	assert_int_equal(lock(&me, h, WR, 0, 1, 2), BLOCKED);
	file_unref(h);
	assert_int_equal(lock(&me, g, WR, 0, 1, 2), BLOCKED);
	assert_int_equal(lock(&me, f, UN, 0, 0, 1), OK);
	assert_int_equal(lock(&me, g, WR, 0, 1, 2), OK);
}

static void the_one_in_the_way_is_named(void **state)
{
	struct lock_range l = range(WR, 0, 0, 1);
	const struct backend_ops *ops = f->ops;

	(void)state;
	assert_int_equal(ops->getlock(f, &me, &l), 0);
	assert_int_equal(l.type, UN);
	assert_int_equal(lock(&me, g, RD, 7, 3, 22), OK);
	l = range(WR, 0, 0, 1);
	assert_int_equal(ops->getlock(f, &me, &l), 0);
	assert_int_equal(l.type, RD);
	assert_int_equal(l.start, 7);
	assert_int_equal(l.length, 3);
	assert_int_equal(l.proc_id, 22);
	assert_int_equal(l.client_id.len, 5);
	l = range(WR, 0, 0, 1);
	assert_int_equal(ops->getlock(f, &other, &l), 0);
	assert_int_equal(l.type, RD);
	assert_int_equal(l.proc_id, 0);
	assert_int_equal(l.client_id.len, 0);
	l = range(RD, 0, 0, 1);
	assert_int_equal(ops->getlock(f, &me, &l), 0);
	assert_int_equal(l.type, UN);
	l = range(WR, 0, 0, 22);
	assert_int_equal(ops->getlock(f, &me, &l), 0);
	assert_int_equal(l.type, UN);
}

static void ranges_have_64_bits(void **state)
{
	(void)state;
	assert_int_equal(lock(&me, f, WR, INT64_MAX, 1, 1), OK);
	assert_int_equal(lock(&me, g, WR, INT64_MAX, 0, 2), BLOCKED);
	assert_int_equal(lock(&me, g, WR, 0, INT64_MAX, 2), OK);
	assert_int_equal(lock(&me, g, UN, 0, 0, 2), OK);
	assert_int_equal(lock(&me, g, WR, 0, 1ull << 63, 2), BLOCKED);
	assert_int_equal(lock(&me, f, WR, 1, 1ull << 63, 1), -EINVAL);
	assert_int_equal(lock(&me, f, WR, 1ull << 63, 1, 1), -EINVAL);
	assert_int_equal(lock(&me, f, WR, 2, UINT64_MAX, 1), -EINVAL);
	assert_int_equal(lock(&me, f, 3, 0, 1, 1), -EINVAL);
	struct lock_range l = range(UN, 0, 0, 1);
	assert_int_equal(f->ops->getlock(f, &me, &l), -EINVAL);
}

/* What fcntl says in another process: 0 or -errno. */
static int host_lock(short type, off_t start, off_t length)
{
	pid_t child = fork();
	int status;

	if (!child) {
		struct flock fl = {.l_type = type, .l_start = start, .l_len = length};
		int fd = openat(host, "f", O_RDWR | O_CLOEXEC);

		_exit(fcntl(fd, F_SETLK, &fl) ? errno : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return -WEXITSTATUS(status);
}

static void programs_of_the_host_see_our_locks(void **state)
{
	(void)state;
	assert_int_equal(lock(&me, f, RD, 0, 10, 1), OK);
	assert_int_equal(host_lock(F_RDLCK, 0, 10), 0);
	assert_int_equal(host_lock(F_WRLCK, 9, 1), -EAGAIN);
	assert_int_equal(host_lock(F_WRLCK, 10, 1), 0);
	assert_int_equal(lock(&me, g, UN, 0, 0, 1), OK);
	assert_int_equal(host_lock(F_WRLCK, 9, 1), 0);
}

static void we_see_locks_of_the_host(void **state)
{
	struct flock fl = {.l_type = F_WRLCK, .l_start = 3, .l_len = 2};
	struct lock_range l = range(WR, 0, 0, 1);
	int fd = openat(host, "f", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &fl), 0);
	assert_int_equal(lock(&me, f, RD, 4, 1, 1), BLOCKED);
	assert_int_equal(f->ops->getlock(f, &me, &l), 0);
	assert_int_equal(l.type, WR);
	assert_int_equal(l.start, 3);
	assert_int_equal(l.length, 2);
	assert_int_equal(l.proc_id, 0);
	close(fd);
	assert_int_equal(lock(&me, f, RD, 4, 1, 1), OK);
}

static void an_unlinked_file_can_be_locked(void **state)
{
	(void)state;
	assert_int_equal(try_unlink(root, "f"), 0);
	assert_int_equal(lock(&me, f, WR, 0, 0, 1), OK);
	assert_int_equal(lock(&me, g, WR, 0, 0, 2), BLOCKED);
}

#define lock_test(fn) cmocka_unit_test_setup_teardown(fn, setup_files, teardown_files)

static void owners_leave_descriptors_to_files(void **state)
{
	struct local *l = container_of(backend, struct local, backend);
	struct file *others[10];
	uint32_t n = 0;

	(void)state;
	l->max_files = 20;
	while (n < 100 && lock(&me, f, WR, n, 1, n) == OK)
		n++;
	assert_int_equal(n, 5);
	assert_int_equal(lock(&me, f, WR, 50, 1, 50), -ENOLCK);
	for (int i = 0; i < 10; i++)
		others[i] = open_node(node, P9_O_RDWR);
	for (int i = 0; i < 10; i++)
		file_unref(others[i]);
	assert_int_equal(lock(&me, f, UN, 0, 0, 0), OK);
	assert_int_equal(lock(&me, f, WR, 50, 1, 50), OK);
}

/* Four owners and eleven files make 44 uses, none of which takes a descriptor. */
static void owners_of_locks_in_many_files_are_bounded(void **state)
{
	struct local *l = container_of(backend, struct local, backend);
	struct file *others[10];
	uint32_t n = 0;

	(void)state;
	l->max_files = 20;
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(lock(&me, f, WR, i, 1, i), OK);
	for (int i = 0; i < 10; i++)
		others[i] = open_node(node, P9_O_RDWR);
	while (n < 40 && lock(&me, others[n / 4], WR, n % 4, 1, n % 4) == OK)
		n++;
	assert_int_equal(n, 20 - 4);
	assert_int_equal(lock(&me, others[9], WR, 0, 1, 0), -ENOLCK);
	assert_int_equal(lock(&me, others[0], WR, 0, 1, 0), OK); /* that one is there already */
	for (int i = 0; i < 10; i++)
		file_unref(others[i]);
	assert_int_equal(lock(&me, g, WR, 0, 1, 0), OK);
}

static int size_in_place(struct node *n, struct file *file)
{
	const struct attr_change ch = {.valid = P9_SETATTR_SIZE, .size = 1};

	return n->ops->setattr(n, file, &in_place, &ch);
}

/* To open a file for writing that a program of the host has a lease on takes as long as that likes. */
static void a_lease_is_not_waited_for_in_place(void **state)
{
	struct node *n;
	struct file *leased;
	int fd;

	(void)state;
	signal(SIGIO, SIG_IGN);
	put_host_file("leased", "hello");
	n = walk(root, "leased");
	leased = open_node(n, P9_O_RDONLY);
	fd = openat(host, "leased", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETLEASE, F_RDLCK), 0);
	assert_int_equal(lock(&in_place, leased, WR, 0, 10, 1), CALL_WOULD_BLOCK);
	close(fd);
	assert_int_equal(lock(&in_place, leased, WR, 0, 10, 1), OK);
	assert_int_equal(lock(&in_place, leased, UN, 0, 0, 1), OK);
	fd = openat(host, "leased", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fcntl(fd, F_SETLEASE, F_RDLCK), 0);
	assert_int_equal(size_in_place(n, leased), CALL_WOULD_BLOCK);
	close(fd);
	file_unref(leased);
	node_unref(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lock_test(owners_exclude_each_other),
		lock_test(readers_share),
		lock_test(a_process_may_use_any_of_its_files),
		lock_test(the_last_file_takes_the_locks_along),
		lock_test(a_file_that_did_not_lock_takes_nothing),
		lock_test(the_one_in_the_way_is_named),
		lock_test(ranges_have_64_bits),
		lock_test(programs_of_the_host_see_our_locks),
		lock_test(we_see_locks_of_the_host),
		lock_test(an_unlinked_file_can_be_locked),
		lock_test(owners_leave_descriptors_to_files),
		lock_test(owners_of_locks_in_many_files_are_bounded),
		lock_test(a_lease_is_not_waited_for_in_place),
	};

	if (!run_as_nobody_first())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
