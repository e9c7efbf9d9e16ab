/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "backend.h"
#include "macros.h"
#include "synth.h"

static const struct call me = {.uid = P9_NONUNAME, .client = 1};
static const struct call in_place = {.uid = P9_NONUNAME, .client = 1, .in_place = true};
static struct backend *backend;
static struct node *root;

static struct str str_of(const char *s)
{
	return (struct str){s, (uint16_t)strlen(s)};
}

static int setup(void **state)
{
	struct qid qid;

	(void)state;
	assert_int_equal(synth_new(&backend), 0);
	return backend->ops->attach(backend, &me, str_of("/"), &root, &qid);
}

static int teardown(void **state)
{
	(void)state;
	node_unref(root);
	backend_free(backend);
	return 0;
}

/* The node of A/B. */
static int find(const char *a, const char *b, struct node **ret_n)
{
	struct node *dir;
	struct qid qid;
	int r = root->ops->walk(root, &me, str_of(a), &dir, &qid);

	if (r)
		return r;
	assert_int_equal(qid.type, P9_QTDIR);
	r = root->ops->walk(dir, &me, str_of(b), ret_n, &qid);
	node_unref(dir);
	return r;
}

static int open_at(const char *a, const char *b, uint32_t flags, struct file **ret_f)
{
	struct node *n;
	struct qid qid;
	int r = find(a, b, &n);

	if (r)
		return r;
	r = root->ops->open(n, &me, flags, ret_f, &qid);
	node_unref(n);
	return r;
}

static size_t read_at(struct file *f, uint64_t offset, void *buf, size_t size)
{
	struct iovec iov = {buf, size};
	size_t got = 0;

	assert_int_equal(f->ops->read(f, &me, &iov, 1, offset, &got), 0);
	return got;
}

static void content_is_a_function_of_size_and_offset(void **state)
{
	const uint64_t size = 1ull << 40;
	uint8_t buf[100], other[100];
	struct file *f;

	(void)state;
	assert_int_equal(open_at("size", "1099511627776", P9_O_RDONLY, &f), 0);
	assert_int_equal(read_at(f, size - 77, buf, sizeof(buf)), 77);
	for (unsigned i = 0; i < 77; i++)
		assert_int_equal(buf[i], synth_byte(size, size - 77 + i));
	assert_int_equal(read_at(f, size, buf, sizeof(buf)), 0);
	assert_int_equal(read_at(f, 0, buf, sizeof(buf)), 100);
	assert_int_equal(read_at(f, 4096, other, sizeof(other)), 100);
	assert_memory_not_equal(buf, other, sizeof(buf));
	file_unref(f);
}

static void only_what_is_described_is_there(void **state)
{
	static const char *const rows[][2] = {
		{"size", "x"},	{"size", "01"}, {"size", "18446744073709551616"},
		{"dir", "-1"},	{"error", "0"}, {"error", "4096"},
		{"other", "x"}, {"tmp", "x"}};
	struct node *n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(find(rows[i][0], rows[i][1], &n), -ENOENT);
	assert_int_equal(find("size", "18446744073709551615", &n), 0);
	node_unref(n);
	assert_int_equal(find("size", "0", &n), 0);
	node_unref(n);
	assert_int_equal(find("..", "..", &n), 0);
	node_unref(n);
}

struct count {
	unsigned n, limit;
	uint64_t last;
	struct dirent9 entry;
	char name[32];
};

static bool count_entry(void *arg, const struct dirent9 *e)
{
	struct count *c = arg;

	if (c->limit && c->n == c->limit)
		return false;
	c->n++;
	c->last = e->offset;
	c->entry = *e;
	memcpy(c->name, e->name.p, e->name.len);
	c->name[e->name.len] = 0;
	return true;
}

static void a_million_entries_are_listed_and_found(void **state)
{
	struct count c = {.limit = 99991};
	struct node *n;
	struct attr a;
	struct file *f;
	unsigned total = 0;

	(void)state;
	assert_int_equal(open_at("dir", "1000000", P9_O_RDONLY, &f), 0);
	do {
		c.n = 0;
		assert_int_equal(f->ops->readdir(f, &me, c.last, count_entry, &c), 0);
		total += c.n;
	} while (c.n);
	file_unref(f);
	assert_int_equal(total, 1000002);
	assert_string_equal(c.name, "f0999999");
	assert_int_equal(find("dir", "1000000", &n), 0);
	struct node *dir = n;
	struct qid qid;
	assert_int_equal(n->ops->walk(dir, &me, str_of("f0999999"), &n, &qid), 0);
	assert_int_equal(n->ops->getattr(n, NULL, &me, P9_GETATTR_ALL, &a), 0);
	assert_int_equal(a.qid.path, c.entry.qid.path);
	assert_int_equal(qid.path, c.entry.qid.path);
	node_unref(n);
	node_unref(dir);
}

static void errors_are_those_asked_for(void **state)
{
	struct iovec iov = {(char[1]){0}, 1};
	struct file *f;
	size_t n;

	(void)state;
	assert_int_equal(open_at("error", "5", P9_O_RDONLY, &f), -5);
	assert_int_equal(open_at("ioerror", "28", P9_O_RDWR, &f), 0);
	assert_int_equal(f->ops->read(f, &me, &iov, 1, 0, &n), -28);
	assert_int_equal(f->ops->write(f, &me, &iov, 1, 0, &n), -28);
	assert_int_equal(f->ops->fsync(f, &me, false), -28);
	file_unref(f);
}

static void *read_one(void *arg)
{
	uint8_t byte = 0;

	assert_int_equal(read_at(arg, 7, &byte, 1), 1);
	assert_int_equal(byte, synth_byte(4096, 7));
	return NULL;
}

static void a_blocked_read_goes_on_when_released(void **state)
{
	struct iovec iov = {(char[1]){0}, 1};
	pthread_t t[2];
	struct file *f;
	size_t n;

	(void)state;
	assert_int_equal(open_at("block", "x", P9_O_RDONLY, &f), 0);
	assert_int_equal(f->ops->read(f, &in_place, &iov, 1, 0, &n), CALL_WOULD_BLOCK);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, read_one, f);
	synth_wait_blocked(backend, 2);
	synth_release(backend);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(f->ops->read(f, &in_place, &iov, 1, 0, &n), 0);
	file_unref(f);
}

static void what_is_written_is_read(void **state)
{
	struct iovec iov = {(char[]){"hello"}, 5};
	struct node *tmp, *n;
	struct attr before, after;
	struct qid qid;
	struct file *f;
	char buf[16];
	size_t put;

	(void)state;
	assert_int_equal(root->ops->walk(root, &me, str_of("tmp"), &tmp, &qid), 0);
	assert_int_equal(root->ops->create(tmp, &me, str_of("f"), P9_O_RDWR, 0600, 9, &n, &f, &qid),
			 0);
	assert_int_equal(n->ops->getattr(n, f, &me, P9_GETATTR_ALL, &before), 0);
	assert_int_equal(before.mode, S_IFREG | 0600);
	assert_int_equal(before.gid, 9);
	assert_int_equal(f->ops->write(f, &me, &iov, 1, 3, &put), 0);
	assert_int_equal(n->ops->getattr(n, f, &me, P9_GETATTR_ALL, &after), 0);
	assert_int_not_equal(before.qid.version, after.qid.version);
	assert_int_equal(after.size, 8);
	assert_int_equal(n->ops->unlink(tmp, &me, str_of("f"), 0), 0);
	assert_int_equal(read_at(f, 0, buf, sizeof(buf)), 8);
	assert_memory_equal(buf, "\0\0\0hello", 8);
	assert_int_equal(n->ops->remove_node(n, &me), -ESTALE);
	file_unref(f);
	node_unref(n);
	node_unref(tmp);
}

static void names_of_tmp_change(void **state)
{
	struct make_args link = {.kind = MAKE_SYMLINK, .target = str_of("there")};
	struct make_args folder = {.kind = MAKE_DIRECTORY, .mode = 0755};
	const struct backend_ops *ops = root->ops;
	struct count c = {.limit = 0};
	struct node *tmp, *n, *same;
	struct file *f;
	struct qid qid;
	char buf[16];
	size_t len;

	(void)state;
	assert_int_equal(ops->walk(root, &me, str_of("tmp"), &tmp, &qid), 0);
	assert_int_equal(ops->make(tmp, &me, str_of("l"), &link, &qid), 0);
	assert_int_equal(qid.type, P9_QTSYMLINK);
	assert_int_equal(ops->make(tmp, &me, str_of("l"), &link, &qid), -EEXIST);
	assert_int_equal(ops->make(tmp, &me, str_of("d"), &folder, &qid), -EPERM);
	assert_int_equal(ops->make(root, &me, str_of("l"), &link, &qid), -EROFS);
	assert_int_equal(find("tmp", "l", &n), 0);
	assert_int_equal(ops->readlink(n, &me, buf, sizeof(buf), &len), 0);
	assert_int_equal(len, 5);
	assert_int_equal(ops->rename(tmp, &me, str_of("l"), tmp, str_of("m")), 0);
	assert_int_equal(ops->link(tmp, &me, str_of("o"), n), 0);
	assert_int_equal(ops->move_node(n, &me, tmp, str_of("p"), &same), 0);
	node_unref(same);
	assert_int_equal(ops->open(tmp, &me, P9_O_RDONLY, &f, &qid), 0);
	assert_int_equal(ops->readdir(f, &me, 0, count_entry, &c), 0);
	assert_int_equal(c.n, 4);
	assert_int_equal(ops->remove_node(n, &me), 0);
	assert_int_equal(ops->readdir(f, &me, 2, count_entry, &c), 0);
	assert_int_equal(c.n, 5);
	file_unref(f);
	node_unref(n);
	node_unref(tmp);
}

static void attributes_are_kept(void **state)
{
	const struct backend_ops *ops = root->ops;
	struct make_args a = {.kind = MAKE_NODE, .mode = S_IFREG | 0600};
	struct node *tmp, *n;
	struct qid qid;
	char buf[16];
	size_t size;

	(void)state;
	assert_int_equal(ops->walk(root, &me, str_of("tmp"), &tmp, &qid), 0);
	assert_int_equal(ops->make(tmp, &me, str_of("f"), &a, &qid), 0);
	assert_int_equal(find("tmp", "f", &n), 0);
	assert_int_equal(ops->xattr_get(n, &me, str_of("user.a"), buf, 16, &size), -ENODATA);
	assert_int_equal(ops->xattr_set(n, &me, str_of("user.a"), "xyz", 3, 0), 0);
	assert_int_equal(ops->xattr_get(n, &me, str_of("user.a"), buf, 2, &size), -ERANGE);
	assert_int_equal(ops->xattr_get(n, &me, str_of("user.a"), buf, 0, &size), 0);
	assert_int_equal(size, 3);
	assert_int_equal(ops->xattr_get(n, &me, str_of(""), buf, 16, &size), 0);
	assert_int_equal(size, 7);
	assert_int_equal(ops->xattr_remove(n, &me, str_of("user.a")), 0);
	assert_int_equal(ops->xattr_remove(n, &me, str_of("user.a")), -ENODATA);
	node_unref(n);
	node_unref(tmp);
}

static void locks_of_two_clients_exclude_each_other(void **state)
{
	const struct call other = {.uid = P9_NONUNAME, .client = 2};
	struct lock_range l = {P9_LOCK_WRLCK, 0, 10, 1, str_of("a")}, q;
	const struct backend_ops *ops = root->ops;
	struct file *f, *g;
	uint8_t status;

	(void)state;
	assert_int_equal(open_at("size", "100", P9_O_RDONLY, &f), 0);
	assert_int_equal(open_at("size", "100", P9_O_RDONLY, &g), 0);
	assert_int_equal(ops->lock(f, &me, &l, &status), 0);
	assert_int_equal(status, P9_LOCK_SUCCESS);
	l.start = 9;
	assert_int_equal(ops->lock(g, &other, &l, &status), 0);
	assert_int_equal(status, P9_LOCK_BLOCKED);
	q = l;
	assert_int_equal(ops->getlock(g, &other, &q), 0);
	assert_int_equal(q.type, P9_LOCK_WRLCK);
	assert_int_equal(q.start, 0);
	l.start = 10;
	assert_int_equal(ops->lock(g, &other, &l, &status), 0);
	assert_int_equal(status, P9_LOCK_SUCCESS);
	file_unref(f);
	l.start = 0;
	assert_int_equal(ops->lock(g, &other, &l, &status), 0);
	assert_int_equal(status, P9_LOCK_SUCCESS);
	file_unref(g);
}

#define synth_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		synth_test(content_is_a_function_of_size_and_offset),
		synth_test(only_what_is_described_is_there),
		synth_test(a_million_entries_are_listed_and_found),
		synth_test(errors_are_those_asked_for),
		synth_test(a_blocked_read_goes_on_when_released),
		synth_test(what_is_written_is_read),
		synth_test(names_of_tmp_change),
		synth_test(attributes_are_kept),
		synth_test(locks_of_two_clients_exclude_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
