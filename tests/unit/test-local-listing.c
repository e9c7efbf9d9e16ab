/* SPDX-License-Identifier: MIT */
/* Listings that are kept: nobody must be able to tell, but by the clock. */
#include "local-kit.h"

#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>

#include "macros.h"

#define MANY 600

/* Seconds that the clock is ahead for the backend, so that what changed has settled without a wait;
 * and what it asked of the host. */
static time_t ahead;
static unsigned n_getdents;

int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __real_clock_gettime(clockid_t id, struct timespec *t);
/* As in hooks.c: what a call does not have is not looked at. */
#define ARGUMENTS long number, long a, long b, long c, long d, long e, long f
long __wrap_syscall(ARGUMENTS);
long __real_syscall(ARGUMENTS);

int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	int r = __real_clock_gettime(id, t);

	t->tv_sec += ahead;
	return r;
}

long __wrap_syscall(ARGUMENTS)
{
	n_getdents += number == SYS_getdents64;
	return __real_syscall(number, a, b, c, d, e, f);
}

struct seen {
	unsigned n, limit;
	uint64_t last;
	struct {
		uint64_t offset, path;
		uint8_t type;
		char name[20];
	} all[MANY + 8];
};

static bool take(void *arg, const struct dirent9 *e)
{
	struct seen *s = arg;

	if (s->n == s->limit || s->n == ARRAY_SIZE(s->all))
		return false;
	s->all[s->n].offset = s->last = e->offset;
	s->all[s->n].path = e->qid.path;
	s->all[s->n].type = e->type;
	snprintf(s->all[s->n++].name, sizeof(s->all->name), "%.*s", e->name.len, e->name.p);
	return true;
}

/* N more entries from *S's last one on. */
static unsigned more(struct file *f, struct seen *s, unsigned n)
{
	unsigned before = s->n;

	s->limit = s->n + n;
	assert_int_equal(f->ops->readdir(f, &me, s->last, take, s), 0);
	return s->n - before;
}

/* All of DIR, by an opened file of its own and N at a time; the calls of getdents64 that it took. */
static unsigned list_by(struct node *dir, struct seen *s, unsigned n)
{
	struct file *f = open_node(dir, P9_O_RDONLY);
	unsigned before = n_getdents;

	memset(s, 0, sizeof(*s));
	while (more(f, s, n))
		;
	file_unref(f);
	return n_getdents - before;
}

static unsigned list(struct node *dir, struct seen *s)
{
	return list_by(dir, s, MANY);
}

/* Until a change would set another ctime in FOLDER: they have the steps of the coarse clock. */
static void next_tick(const char *folder)
{
	struct timespec now;
	struct stat st;

	assert_int_equal(fstatat(host, folder, &st, 0), 0);
	do
		assert_int_equal(__real_clock_gettime(CLOCK_REALTIME_COARSE, &now), 0);
	while (now.tv_sec < st.st_ctim.tv_sec ||
	       (now.tv_sec == st.st_ctim.tv_sec && now.tv_nsec <= st.st_ctim.tv_nsec));
}

static bool has(const struct seen *s, const char *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n; i++)
		n += !strcmp(s->all[i].name, name);
	assert_in_range(n, 0, 1);
	return n;
}

static void fill(unsigned n)
{
	char name[16];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%04u", i);
		put_host_file(name, "");
	}
	assert_int_equal(mkdirat(host, "sub", 0755), 0);
}

static int setup_listings(void **state)
{
	ahead = 10;
	setup_in_memory(state);
	if (root && local_node(root)->inode->device->lists_by_ctime)
		return 0;
	print_message("the folder for tests is on a file system that keeps no listings\n");
	return -1;
}

static void an_unchanged_folder_is_read_once(void **state)
{
	static struct seen first, again;

	(void)state;
	fill(MANY);
	assert_true(list(root, &first) > 0);
	assert_int_equal(first.n, MANY + 3);
	assert_int_equal(list(root, &again), 0);
	assert_memory_equal(&first, &again, sizeof(first));
	assert_int_equal(list_by(root, &again, 7), 0);
	assert_memory_equal(first.all, again.all, sizeof(first.all));
}

/* By the client and on the host, each seen by the next listing. */
static void each_change_is_seen(void **state)
{
	static struct seen s;
	struct node *sub;

	(void)state;
	fill(20);
	list(root, &s);
	assert_int_equal(list(root, &s), 0);
	next_tick(".");
	put_host_file("new", "");
	assert_true(list(root, &s) > 0);
	assert_true(has(&s, "new"));
	list(root, &s);
	next_tick(".");
	assert_int_equal(unlinkat(host, "f0003", 0), 0);
	assert_true(list(root, &s) > 0);
	assert_false(has(&s, "f0003"));
	next_tick(".");
	assert_int_equal(try_rename(root, "f0004", root, "g"), 0);
	list(root, &s);
	assert_true(has(&s, "g") && !has(&s, "f0004"));
	sub = walk(root, "sub");
	list(sub, &s);
	next_tick(".");
	next_tick("sub");
	assert_int_equal(try_rename(root, "g", sub, "g"), 0);
	list(sub, &s);
	assert_true(has(&s, "g"));
	node_unref(sub);
	list(root, &s);
	assert_false(has(&s, "g"));
	/* a new file under an old name */
	next_tick(".");
	assert_int_equal(renameat(host, "f0005", host, "f0006"), 0);
	list(root, &s);
	assert_int_equal(s.n, 2 + 20 - 3 + 2);
	assert_true(has(&s, "f0006") && !has(&s, "f0005"));
}

/* What changed a moment ago may change again with the same ctime. */
static void a_fresh_change_keeps_nothing(void **state)
{
	static struct seen s;

	(void)state;
	ahead = -1000; /* however long this takes, it was a moment ago */
	fill(20);
	list(root, &s);
	assert_true(list(root, &s) > 0);
	assert_true(list(root, &s) > 0);
	ahead = 10;
	assert_true(list(root, &s) > 0);
	assert_int_equal(list(root, &s), 0);
}

/* As seekdir(3): from each offset that was told, the rest comes. */
static void every_offset_leads_to_the_rest(void **state)
{
	static struct seen first, rest;
	struct file *f;

	(void)state;
	fill(50);
	list(root, &first);
	f = open_node(root, P9_O_RDONLY);
	n_getdents = 0;
	memset(&rest, 0, sizeof(rest));
	assert_int_equal(more(f, &rest, MANY), first.n);
	for (unsigned i = 0; i < first.n; i++) {
		rest.n = 0;
		rest.last = first.all[i].offset;
		assert_int_equal(more(f, &rest, MANY), first.n - i - 1);
		assert_memory_equal(rest.all, first.all + i + 1,
				    (first.n - i - 1) * sizeof(rest.all[0]));
	}
	assert_int_equal(n_getdents, 0);
	file_unref(f);
}

/* In the middle of a kept listing: what stays is told once, what is gone at most. */
static void a_change_between_two_replies_loses_nothing(void **state)
{
	static struct seen s;
	char name[16];
	struct file *f;

	(void)state;
	fill(MANY);
	list(root, &s);
	assert_int_equal(list(root, &s), 0);
	f = open_node(root, P9_O_RDONLY);
	memset(&s, 0, sizeof(s));
	assert_int_equal(more(f, &s, 100), 100);
	next_tick(".");
	assert_int_equal(unlinkat(host, "f0300", 0), 0);
	put_host_file("new", "");
	while (more(f, &s, 100))
		;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "f%04u", i);
		assert_true(has(&s, name) || i == 300);
	}
	/* and who rewinds sees the folder as it is */
	memset(&s, 0, sizeof(s));
	more(f, &s, MANY + 3);
	assert_true(has(&s, "new") && !has(&s, "f0300"));
	file_unref(f);
}

/* An offset whose entry is gone, of a listing that was read anew since. */
static void an_offset_of_old_leads_on(void **state)
{
	static struct seen all, s;
	struct file *f;

	(void)state;
	fill(MANY);
	list(root, &all);
	f = open_node(root, P9_O_RDONLY);
	memset(&s, 0, sizeof(s));
	assert_int_equal(more(f, &s, 100), 100);
	next_tick(".");
	assert_int_equal(unlinkat(host, all.all[99].name, 0), 0);
	assert_int_equal(unlinkat(host, all.all[100].name, 0), 0);
	list(root, &all);
	assert_int_equal(list(root, &all), 0);
	while (more(f, &s, 100))
		;
	assert_int_equal(s.n, MANY + 3 - 1);
	file_unref(f);
}

/* Made at once, so that many have the same ctime: only "." tells which is which. */
static void folders_of_one_moment_are_not_mixed_up(void **state)
{
	static struct seen s;
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		assert_int_equal(mkdirat(host, name, 0755), 0);
	}
	for (unsigned i = 0; i < 1500; i++) {
		struct node *d;

		snprintf(name, sizeof(name), "d%u", i);
		d = walk(root, name);
		list(d, &s);
		assert_int_equal(s.n, 2);
		assert_int_equal(s.all[strcmp(s.all[0].name, ".") != 0].path,
				 attr_of(d, NULL).qid.path);
		node_unref(d);
	}
}

/* More than are kept, so that slots are shared and the budget is spent. */
static void many_folders_are_not_mixed_up(void **state)
{
	static struct seen s;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 700; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		assert_int_equal(mkdirat(host, name, 0755), 0);
		for (unsigned j = 0; j < 3 + i % 120; j++) {
			snprintf(name, sizeof(name), "d%u/file-%u-%u", i, i, j);
			assert_int_equal(mknodat(host, name, S_IFREG | 0600, 0), 0);
		}
	}
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 700; i++) {
			struct node *d;

			snprintf(name, sizeof(name), "d%u", i);
			d = walk(root, name);
			list(d, &s);
			assert_int_equal(s.n, 2 + 3 + i % 120);
			snprintf(name, sizeof(name), "file-%u-%u", i, 2 + i % 120);
			assert_true(has(&s, name));
			node_unref(d);
		}
	}
}

/* A folder under the name and maybe the inode number of another. */
static void a_new_folder_is_another(void **state)
{
	static struct seen s;
	struct node *d;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		char name[16];

		snprintf(name, sizeof(name), "d/f%u", i);
		assert_int_equal(mkdirat(host, "d", 0755), 0);
		assert_int_equal(mknodat(host, name, S_IFREG | 0600, 0), 0);
		d = walk(root, "d");
		list(d, &s);
		list(d, &s);
		assert_int_equal(s.n, 3);
		assert_true(has(&s, name + 2));
		node_unref(d);
		next_tick("d");
		assert_int_equal(unlinkat(host, name, 0), 0);
		assert_int_equal(unlinkat(host, "d", AT_REMOVEDIR), 0);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup_listings, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_unchanged_folder_is_read_once),
		CASE(each_change_is_seen),
		CASE(a_fresh_change_keeps_nothing),
		CASE(every_offset_leads_to_the_rest),
		CASE(a_change_between_two_replies_loses_nothing),
		CASE(an_offset_of_old_leads_on),
		CASE(folders_of_one_moment_are_not_mixed_up),
		CASE(many_folders_are_not_mixed_up),
		CASE(a_new_folder_is_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
