/* SPDX-License-Identifier: MIT */
/* What a hostile client, or a hostile program in the export, must not get from the local backend.
 */
#include "local-kit.h"

#include <pthread.h>
#include <sys/syscall.h>

#include "macros.h"

static void put_outside(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool is_outside(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return !access(path, F_OK);
}

/* Every operation that takes a name, given one that is none. */
static void no_bad_name_gets_through(void **state)
{
	static char too_long[257];
	const struct str bad[] = {{"", 0},     {".", 1},    {"/", 1},	 {"a/b", 3},
				  {"../x", 4}, {"/etc", 4}, {"a\0b", 3}, {too_long, 256}};
	struct make_args make = {.kind = MAKE_DIRECTORY, .mode = 0755};
	const struct backend_ops *ops = root->ops;
	struct node *n, *f, *got;
	struct file *file;
	struct qid qid;

	(void)state;
	memset(too_long, 'x', 256);
	put_outside("x", "secret");
	put_host_file("f", "");
	f = walk(root, "f");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct str s = bad[i];

		assert_true(ops->walk(root, &me, s, &n, &qid) < 0);
		assert_true(ops->create(root, &me, s, P9_O_RDWR, 0644, 0, &n, &file, &qid) < 0);
		assert_true(ops->make(root, &me, s, &make, &qid) < 0);
		assert_true(ops->link(root, &me, s, f) < 0);
		assert_true(ops->unlink(root, &me, s, 0) < 0);
		assert_true(ops->unlink(root, &me, s, P9_AT_REMOVEDIR) < 0);
		assert_true(ops->rename(root, &me, s, root, str_of("g")) < 0);
		assert_true(ops->rename(root, &me, str_of("f"), root, s) < 0);
		assert_true(ops->move_node(f, &me, root, s, &got) < 0);
	}
	assert_int_equal(ops->make(root, &me, str_of(".."), &make, &qid), -EINVAL);
	assert_int_equal(ops->unlink(root, &me, str_of(".."), P9_AT_REMOVEDIR), -EINVAL);
	assert_int_equal(ops->rename(root, &me, str_of("f"), root, str_of("..")), -EINVAL);
	node_unref(f);
}

static void a_folder_moved_away_leads_back_to_where_it_was(void **state)
{
	struct node *d, *up;
	char path[128];

	(void)state;
	put_outside("secret", "x");
	assert_int_equal(mkdirat(host, "d", 0755), 0);
	d = walk(root, "d");
	snprintf(path, sizeof(path), "%s/d", top);
	assert_int_equal(renameat(host, "d", AT_FDCWD, path), 0);
	up = walk(d, "..");
	assert_int_equal(attr_of(up, NULL).qid.path, attr_of(root, NULL).qid.path);
	node_unref(up);
	node_unref(d);
}

static void symlinks_are_never_followed(void **state)
{
	struct node *n, *l;
	struct file *f;
	char path[128];

	(void)state;
	put_outside("secret", "x");
	assert_int_equal(symlinkat("../secret", host, "rel"), 0);
	assert_int_equal(symlinkat("../fresh", host, "dangling"), 0);
	snprintf(path, sizeof(path), "%s/secret", top);
	assert_int_equal(symlinkat(path, host, "abs"), 0);
	assert_int_equal(symlinkat("..", host, "up"), 0);
	assert_int_equal(try_create(root, "rel", P9_O_RDWR, &n, &f), -ELOOP);
	assert_int_equal(try_create(root, "abs", P9_O_RDWR | P9_O_TRUNC, &n, &f), -ELOOP);
	assert_int_equal(try_create(root, "dangling", P9_O_RDWR, &n, &f), -ELOOP);
	assert_int_equal(try_create(root, "rel", P9_O_RDWR | P9_O_EXCL, &n, &f), -EEXIST);
	assert_false(is_outside("fresh"));
	l = walk(root, "rel");
	assert_int_equal(try_open(l, P9_O_RDONLY, &f), -ELOOP);
	assert_int_equal(set_size(l, NULL, 0), -EINVAL);
	node_unref(l);
	l = walk(root, "up");
	assert_int_equal(try_walk(l, "secret", &n), -ENOTDIR);
	assert_int_equal(try_walk(l, "..", &n), -ENOTDIR);
	assert_int_equal(try_create(l, "x", P9_O_RDWR, &n, &f), -ENOTDIR);
	assert_int_equal(try_make(l, "x", MAKE_DIRECTORY, 0755), -ENOTDIR);
	assert_int_equal(try_unlink(l, "secret"), -ENOTDIR);
	assert_true(is_outside("secret"));
	node_unref(l);
}

/* With a fifo, opening would wait for ever. */
static void special_files_are_never_opened(void **state)
{
	static const uint32_t flags[] = {P9_O_RDONLY, P9_O_WRONLY, P9_O_RDWR | P9_O_TRUNC,
					 P9_O_RDONLY | P9_O_NONBLOCK};
	static const char *const names[] = {"fifo", "sock", "null"};
	struct node *n, *m;
	struct file *f;

	(void)state;
	assert_int_equal(mknodat(host, "fifo", S_IFIFO | 0666, 0), 0);
	assert_int_equal(mknodat(host, "sock", S_IFSOCK | 0666, 0), 0);
	for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
		if (k == 2 && mknodat(host, "null", S_IFCHR | 0666, 0x103))
			break;
		n = walk(root, names[k]);
		for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
			assert_int_equal(try_open(n, flags[i], &f), -ENXIO);
		assert_int_equal(try_create(root, names[k], P9_O_RDWR, &m, &f), -ENXIO);
		assert_int_equal(set_size(n, NULL, 0), -EINVAL);
		node_unref(n);
	}
}

/* While a folder and a symlink to the outside change places, nothing comes from there and nothing
 * gets there. */
static atomic_bool stop;

static void *swap_names(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		syscall(SYS_renameat2, host, "d", host, "link", 2 /* RENAME_EXCHANGE */);
	return NULL;
}

static void try_to_leave(void)
{
	struct node *d, *n;
	struct file *f;

	if (try_walk(root, "d", &d))
		return;
	if (!try_walk(d, "secret", &n)) {
		char buf[16];

		assert_int_equal(try_open(n, P9_O_RDONLY, &f), 0);
		assert_int_equal(read_at(f, 0, buf, sizeof(buf)), 6);
		assert_memory_equal(buf, "inside", 6);
		file_unref(f);
		node_unref(n);
	}
	if (!try_create(d, "fresh", P9_O_RDWR, &n, &f)) {
		file_unref(f);
		node_unref(n);
	}
	try_make(d, "made", MAKE_DIRECTORY, 0755);
	try_rename(d, "fresh", d, "renamed");
	try_unlink(d, "renamed");
	node_unref(d);
}

static void a_swapped_symlink_leads_nowhere(void **state)
{
	char path[128];
	pthread_t t;

	(void)state;
	snprintf(path, sizeof(path), "%s/out", top);
	assert_int_equal(mkdir(path, 0777), 0);
	put_outside("out/secret", "outside");
	assert_int_equal(mkdirat(host, "d", 0755), 0);
	put_host_file("d/secret", "inside");
	assert_int_equal(symlinkat("../out", host, "link"), 0);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&t, NULL, swap_names, NULL), 0);
	for (int i = 0; i < 3000; i++)
		try_to_leave();
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	assert_false(is_outside("out/fresh"));
	assert_false(is_outside("out/renamed"));
	assert_false(is_outside("out/made"));
}

/* Flags that would change what an open descriptor does here are dropped. */
static void dangerous_flags_are_dropped(void **state)
{
	const uint32_t flags = P9_O_RDWR | P9_O_CREAT | P9_O_EXCL | P9_O_NOCTTY | P9_O_FASYNC |
			       P9_O_DIRECT | P9_O_NOFOLLOW | P9_O_CLOEXEC | P9_O_NOATIME |
			       0x80000000u;
	struct node *n;
	struct file *f;

	(void)state;
	put_host_file("f", "hello");
	n = walk(root, "f");
	f = open_node(n, flags);
	assert_content(f, "hello");
	file_unref(f);
	assert_int_equal(try_open(n, P9_O_ACCMODE, &f), -EINVAL);
	assert_int_equal(try_open(n, P9_O_DIRECTORY, &f), -ENOTDIR);
	assert_int_equal(try_open(root, P9_O_WRONLY, &f), -EISDIR);
	assert_int_equal(try_open(root, P9_O_TRUNC, &f), -EISDIR);
	node_unref(n);
}

#define N_ROUNDS 400
static atomic_int n_running;

/* Names move and vanish while others walk, look and open by them. */
static void *move_about(void *arg)
{
	struct node *d = walk(root, "d");
	unsigned seed = *(unsigned *)arg;

	for (int i = 0; i < N_ROUNDS; i++) {
		static const char *const names[] = {"a", "b", "c"};
		const char *x = names[rand_r(&seed) % 3], *y = names[rand_r(&seed) % 3];
		struct node *n, *m;
		struct file *f;
		struct attr a;

		if (!try_create(rand_r(&seed) % 2 ? d : root, x, P9_O_RDWR, &n, &f)) {
			n->ops->getattr(n, NULL, &me, P9_GETATTR_ALL, &a);
			try_rename(root, x, d, y);
			if (!n->ops->move_node(n, &me, root, str_of(y), &m))
				node_unref(m);
			n->ops->getattr(n, f, &me, P9_GETATTR_ALL, &a);
			try_write_as(&me, f, 0, "x");
			if (rand_r(&seed) % 2)
				n->ops->remove_node(n, &me);
			file_unref(f);
			node_unref(n);
		}
		if (!try_walk(d, y, &n)) {
			node_unref(walk(d, ".."));
			n->ops->getattr(n, NULL, &me, P9_GETATTR_ALL, &a);
			node_unref(n);
		}
		try_unlink(d, x);
	}
	node_unref(d);
	atomic_fetch_sub(&n_running, 1);
	return NULL;
}

static void many_threads_may_rename_at_once(void **state)
{
	unsigned seeds[4];
	pthread_t t[4];

	(void)state;
	assert_int_equal(mkdirat(host, "d", 0755), 0);
	for (unsigned i = 0; i < 4; i++) {
		seeds[i] = i;
		atomic_fetch_add(&n_running, 1);
		assert_int_equal(pthread_create(&t[i], NULL, move_about, &seeds[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(atomic_load(&n_running), 0);
}

/* The host moves folders so that the places which we remember would make a ring. */
static void places_never_make_a_ring(void **state)
{
	struct node *a, *b, *up;

	(void)state;
	assert_int_equal(mkdirat(host, "a", 0755), 0);
	assert_int_equal(mkdirat(host, "a/b", 0755), 0);
	a = walk(root, "a");
	b = walk(a, "b");
	assert_int_equal(renameat(host, "a/b", host, "b"), 0);
	assert_int_equal(try_rename(root, "a", b, "a"), 0);
	up = walk(b, "..");
	node_unref(up);
	node_unref(b);
	node_unref(a); /* a ring would leak, and end_serving would notice */
}

static struct stat host_stat(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(host, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static void an_ordinary_user_gets_what_the_host_allows(void **state)
{
	struct attr_change ch = {.valid = P9_SETATTR_UID, .uid = 0};
	struct node *n;
	struct file *f;
	int fd;

	(void)state;
	if (!geteuid()) {
		print_message("root may do everything\n");
		skip();
	}
	put_host_file("f", "x");
	n = walk(root, "f");
	assert_int_equal(n->ops->setattr(n, NULL, &me, &ch), -EPERM);
	assert_int_equal(set_mode(n, 0), 0);
	assert_int_equal(try_open(n, P9_O_RDONLY, &f), -EACCES);
	node_unref(n);
	assert_int_equal(mkdirat(host, "r", 0), 0);
	assert_int_equal(fchmodat(host, "r", 0400, 0), 0);
	n = walk(root, "r");
	f = open_node(n, P9_O_RDONLY); /* may be listed, but not searched */
	file_unref(f);
	node_unref(n);
	assert_int_equal(
		try_create_as(&(struct call){.uid = 0}, root, "g", P9_O_RDWR, 0600, &n, &f), 0);
	fd = openat(host, "g", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(host_stat("g").st_uid, geteuid());
	close(fd);
	file_unref(f);
	node_unref(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		local_test(no_bad_name_gets_through),
		local_test(a_folder_moved_away_leads_back_to_where_it_was),
		local_test(symlinks_are_never_followed),
		local_test(special_files_are_never_opened),
		local_test(a_swapped_symlink_leads_nowhere),
		local_test(dangerous_flags_are_dropped),
		local_test(many_threads_may_rename_at_once),
		local_test(places_never_make_a_ring),
		local_test(an_ordinary_user_gets_what_the_host_allows),
	};

	if (!run_as_nobody_first())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
