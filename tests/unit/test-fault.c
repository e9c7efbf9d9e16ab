/* SPDX-License-Identifier: MIT */
/* Each kind of fault does what it says, in its range, and nothing else. */
#include "local-kit.h"

#include "fault.h"
#include "macros.h"

#define SIZE 20000

static uint8_t content[SIZE], other[SIZE], got[SIZE + 100];

static void put_file(const char *name, const uint8_t *bytes)
{
	int fd = openat(host, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, bytes, SIZE), SIZE);
	close(fd);
}

/* The folder with the files a and b, behind the fault TEXT. */
static void start(const char *text)
{
	struct qid qid;
	char *why;

	put_file("a", content);
	put_file("b", other);
	serve(&(struct local_config){.dir = dir_path});
	node_unref(root);
	assert_int_equal(fault_new(backend, text, &backend, &why), 0);
	assert_int_equal(backend->ops->attach(backend, &me, str_of(""), &root, &qid), 0);
}

static void stop(void)
{
	node_unref(root);
	backend_free(backend);
}

static struct file *open_file(const char *name, uint32_t flags, struct qid *ret_qid)
{
	struct node *n = walk(root, name);
	struct file *f;

	assert_int_equal(n->ops->open(n, &me, flags, &f, ret_qid), 0);
	node_unref(n);
	return f;
}

/* N bytes of F from OFFSET on into GOT, in parts of no nice size. Returns how many came. */
static size_t read_file(struct file *f, uint64_t offset, size_t n)
{
	const struct iovec parts[] = {{got, MIN(n, 777)}, {got + MIN(n, 777), n - MIN(n, 777)}};
	size_t count = 0;

	memset(got, 0xee, sizeof(got));
	assert_int_equal(f->ops->read(f, &me, parts, 2, offset, &count), 0);
	return count;
}

/* The file a, read at once; B was opened before. */
static size_t read_a(const char *fault)
{
	struct qid qid;
	struct file *b, *a;
	size_t n;

	start(fault);
	b = open_file("b", 0, &qid);
	a = open_file("a", 0, &qid);
	n = read_file(a, 0, sizeof(got));
	file_unref(a);
	file_unref(b);
	stop();
	return n;
}

/* GOT is the content but for FROM to TO. */
static void right_but(size_t from, size_t to)
{
	assert_memory_equal(got, content, from);
	assert_memory_equal(got + to, content + to, SIZE - to);
}

static void zeros_in_the_range(void **state)
{
	static const uint8_t zeros[100];

	(void)state;
	assert_int_equal(read_a("zero,file=a,offset=0x300,count=100"), SIZE);
	right_but(0x300, 0x300 + 100);
	assert_memory_equal(got + 0x300, zeros, 100);
}

static void random_bytes_in_the_range(void **state)
{
	(void)state;
	assert_int_equal(read_a("random,offset=19990"), SIZE);
	right_but(19990, SIZE);
	for (size_t i = 19990; i < SIZE; i++)
		assert_int_not_equal(got[i], 0);
	assert_memory_not_equal(got + 19990, content + 19990, 10);
}

static void one_bit(void **state)
{
	(void)state;
	assert_int_equal(read_a("bitflip,offset=5000"), SIZE);
	right_but(5000, 5001);
	assert_int_equal(got[5000] ^ content[5000], 4);
}

static void bytes_from_further_on(void **state)
{
	(void)state;
	assert_int_equal(read_a("shifted,offset=1000,count=500,by=2000"), SIZE);
	right_but(1000, 1500);
	assert_memory_equal(got + 1000, content + 3000, 500);
}

static void bytes_of_another_file(void **state)
{
	(void)state;
	assert_int_equal(read_a("foreign,file=a,offset=1000,count=500"), SIZE);
	right_but(1000, 1500);
	assert_memory_equal(got + 1000, other + 1000, 500);
}

static void a_read_that_ends_before_the_range(void **state)
{
	(void)state;
	assert_int_equal(read_a("cut,offset=1234,count=10"), 1234);
	assert_memory_equal(got, content, 1234);
}

static void half_of_what_was_asked(void **state)
{
	(void)state;
	assert_int_equal(read_a("short"), sizeof(got) / 2);
	assert_memory_equal(got, content, sizeof(got) / 2);
}

static void other_files_are_left_alone(void **state)
{
	(void)state;
	assert_int_equal(read_a("zero,file=b*"), SIZE);
	right_but(SIZE, SIZE);
}

static void it_acts_as_often_as_told(void **state)
{
	struct qid qid;
	struct file *a;

	(void)state;
	start("zero,times=2");
	a = open_file("a", 0, &qid);
	for (int i = 0; i < 4; i++) {
		read_file(a, 0, SIZE);
		assert_int_equal(memcmp(got, content, SIZE) == 0, i >= 2);
	}
	file_unref(a);
	stop();
}

/* A server asks in place first, and then on a worker: that is one read. */
static void a_read_that_is_made_again_is_one_turn(void **state)
{
	struct call first = me;
	struct iovec part = {got, SIZE};
	struct qid qid;
	struct file *a;
	size_t n = 0;

	(void)state;
	first.in_place = true;
	start("cut,times=1");
	a = open_file("a", 0, &qid);
	assert_int_equal(a->ops->read(a, &first, &part, 1, 0, &n), CALL_WOULD_BLOCK);
	assert_int_equal(read_file(a, 0, SIZE), 0);
	assert_int_equal(read_file(a, 0, SIZE), SIZE);
	file_unref(a);
	stop();
}

static void what_was_there_first(void **state)
{
	struct qid qid;
	struct file *a;

	(void)state;
	start("stale,file=a,offset=100,count=200");
	a = open_file("a", 0, &qid);
	read_file(a, 0, SIZE);
	put_file("a", other);
	read_file(a, 50, SIZE - 50);
	assert_memory_equal(got, other + 50, 50);
	assert_memory_equal(got + 50, content + 100, 200);
	assert_memory_equal(got + 250, other + 300, SIZE - 300);
	file_unref(a);
	stop();
}

static uint64_t told_size(const char *fault)
{
	struct attr attr;
	struct node *n;

	start(fault);
	n = walk(root, "a");
	assert_int_equal(n->ops->getattr(n, NULL, &me, P9_GETATTR_BASIC, &attr), 0);
	node_unref(n);
	stop();
	return attr.size;
}

static void another_size_is_told(void **state)
{
	(void)state;
	assert_int_equal(told_size("size,by=7"), SIZE + 7);
	assert_int_equal(told_size("smaller,by=7"), SIZE - 7);
	assert_int_equal(told_size("smaller,by=70000"), 0);
	assert_int_equal(told_size("zero"), SIZE);
}

static void zeros_are_read_up_to_the_size_that_was_told(void **state)
{
	struct attr attr;
	struct qid qid;
	struct node *n;
	struct file *a;

	(void)state;
	start("padded,by=7");
	n = walk(root, "a");
	assert_int_equal(n->ops->getattr(n, NULL, &me, P9_GETATTR_BASIC, &attr), 0);
	assert_int_equal(attr.size, SIZE + 7);
	a = open_file("a", 0, &qid);
	assert_int_equal(read_file(a, 0, sizeof(got)), SIZE + 7);
	right_but(SIZE, SIZE);
	assert_memory_equal(got + SIZE, "\0\0\0\0\0\0\0\xee", 8);
	assert_int_equal(read_file(a, SIZE + 3, 10), 4);
	assert_int_equal(read_file(a, SIZE + 7, 10), 0);
	file_unref(a);
	node_unref(n);
	stop();
}

static void the_version_goes_back(void **state)
{
	struct qid first, second;

	(void)state;
	start("version");
	file_unref(open_file("a", 0, &first));
	file_unref(open_file("a", 0, &second));
	stop();
	assert_true(second.version < first.version);
}

/* Writes 10 bytes at 4090 through the fault; the file is in GOT then. */
static void write_through(const char *fault)
{
	struct iovec part = {.iov_base = (void *)(uintptr_t) "0123456789", .iov_len = 10};
	struct qid qid;
	struct file *a;
	size_t n = 0;

	start(fault);
	a = open_file("a", P9_O_RDWR, &qid);
	assert_int_equal(a->ops->write(a, &me, &part, 1, 4090, &n), 0);
	assert_int_equal(n, 10);
	read_file(a, 0, SIZE);
	file_unref(a);
	stop();
}

static void a_write_that_is_not_made(void **state)
{
	(void)state;
	write_through("lost-write,offset=4096");
	right_but(SIZE, SIZE);
	write_through("lost-write,offset=5000");
	right_but(4090, 4100);
	assert_memory_equal(got + 4090, "0123456789", 10);
}

static void a_write_to_another_place(void **state)
{
	(void)state;
	write_through("misplaced,by=100");
	right_but(4190, 4200);
	assert_memory_equal(got + 4190, "0123456789", 10);
}

static bool note_name(void *arg, const struct dirent9 *entry)
{
	char *names = arg;

	strncat(names, entry->name.p, entry->name.len);
	strcat(names, " ");
	return true;
}

static void a_name_that_is_not_listed(void **state)
{
	char names[200] = "";
	struct file *f;
	struct qid qid;

	(void)state;
	start("hidden,file=b");
	assert_int_equal(root->ops->open(root, &me, 0, &f, &qid), 0);
	assert_int_equal(f->ops->readdir(f, &me, 0, note_name, names), 0);
	assert_non_null(strstr(names, "a "));
	assert_null(strstr(names, "b "));
	node_unref(walk(root, "b"));
	file_unref(f);
	stop();
}

static void faults_stand_on_each_other(void **state)
{
	struct qid qid;
	struct file *a;
	char *why;

	(void)state;
	start("zero,count=10");
	node_unref(root);
	assert_int_equal(fault_new(backend, "zero,offset=100,count=10", &backend, &why), 0);
	assert_int_equal(backend->ops->attach(backend, &me, str_of(""), &root, &qid), 0);
	a = open_file("a", 0, &qid);
	read_file(a, 0, SIZE);
	assert_int_equal(got[0] | got[9] | got[100] | got[109], 0);
	assert_memory_equal(got + 10, content + 10, 90);
	file_unref(a);
	stop();
}

static void nonsense_is_refused(void **state)
{
	static const char *const bad[] = {"",
					  "fish",
					  "zero,",
					  "zero,offset",
					  "zero,offset=x",
					  "zero,fish=1",
					  "zero,offset=-1",
					  "zero,count=1x"};
	struct backend *b;

	(void)state;
	start("zero");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *why = NULL;

		assert_int_equal(fault_new(backend, bad[i], &b, &why), -EINVAL);
		assert_non_null(why);
		free(why);
	}
	stop();
}

static int make_all(void **state)
{
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < SIZE; i++) {
		x = x * 1664525 + 1013904223;
		content[i] = (uint8_t)(x >> 24 | 1);
		other[i] = (uint8_t)(x >> 16 | 1);
	}
	make_folders("/tmp");
	return 0;
}

static int remove_all(void **state)
{
	(void)state;
	remove_folders();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeros_in_the_range),
		cmocka_unit_test(random_bytes_in_the_range),
		cmocka_unit_test(one_bit),
		cmocka_unit_test(bytes_from_further_on),
		cmocka_unit_test(bytes_of_another_file),
		cmocka_unit_test(a_read_that_ends_before_the_range),
		cmocka_unit_test(half_of_what_was_asked),
		cmocka_unit_test(other_files_are_left_alone),
		cmocka_unit_test(it_acts_as_often_as_told),
		cmocka_unit_test(a_read_that_is_made_again_is_one_turn),
		cmocka_unit_test(what_was_there_first),
		cmocka_unit_test(another_size_is_told),
		cmocka_unit_test(zeros_are_read_up_to_the_size_that_was_told),
		cmocka_unit_test(the_version_goes_back),
		cmocka_unit_test(a_write_that_is_not_made),
		cmocka_unit_test(a_write_to_another_place),
		cmocka_unit_test(a_name_that_is_not_listed),
		cmocka_unit_test(faults_stand_on_each_other),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, make_all, remove_all);
}
