/* SPDX-License-Identifier: MIT */
/* The guest's owners, modes and special files in attributes of the host's files, as QEMU has them. */
#include "local-kit.h"

#include <signal.h>
#include <limits.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "mapped.h"

static const struct call user = {.uid = 1000, .client = 1}, other = {.uid = 1001, .client = 1};

static void attach(void)
{
	struct qid qid;

	assert_int_equal(local_new(&(struct local_config){.dir = dir_path}, &backend), 0);
	assert_int_equal(mapped_new(backend, &backend), 0);
	assert_int_equal(backend->ops->attach(backend, &me, str_of(""), &root, &qid), 0);
}

static int start(void **state)
{
	(void)state;
	make_folders("/tmp");
	attach();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	node_unref(root);
	backend_free(backend);
	remove_folders();
	return 0;
}

static const char *host_path(const char *name)
{
	static char path[400];

	snprintf(path, sizeof(path), "%s/%s", dir_path, name);
	return path;
}

static void assert_host_attr(const char *file, const char *attr, const void *bytes, int n)
{
	char buf[64];

	assert_int_equal(lgetxattr(host_path(file), attr, buf, sizeof(buf)), n);
	assert_memory_equal(buf, bytes, (size_t)n);
}

static void put_host_attr(const char *file, const char *attr, const void *bytes, size_t n)
{
	assert_int_equal(lsetxattr(host_path(file), attr, bytes, n, 0), 0);
}

static int make(const struct call *c, const char *name, struct make_args a, struct qid *ret_qid)
{
	a.gid = 100;
	return root->ops->make(root, c, str_of(name), &a, ret_qid);
}

static void create(const struct call *c, const char *name, uint32_t mode)
{
	struct node *n;
	struct file *f;

	assert_int_equal(try_create_as(c, root, name, P9_O_RDWR, mode, &n, &f), 0);
	file_unref(f);
	node_unref(n);
}

static struct attr named_attr(const char *name)
{
	struct node *n = walk(root, name);
	struct attr a = attr_of(n, NULL);

	node_unref(n);
	return a;
}

static int change(const struct call *c, const char *name, struct attr_change ch)
{
	struct node *n = walk(root, name);
	int r = n->ops->setattr(n, NULL, c, &ch);

	node_unref(n);
	return r;
}

/* Bytes as QEMU 11.1 has written them on a little-endian host. */
static void attributes_are_written_as_qemu_does(void **state)
{
	struct stat st;
	struct qid qid;

	(void)state;
	create(&user, "f", 04755);
	assert_host_attr("f", "user.virtfs.uid", "\xe8\3\0\0", 4);
	assert_host_attr("f", "user.virtfs.mode", "\xed\x89\0\0", 4); /* 0104755 */
	assert_int_equal(lgetxattr(host_path("f"), "user.virtfs.rdev", NULL, 0), -1);
	assert_int_equal(stat(host_path("f"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(
		make(&user, "d", (struct make_args){.kind = MAKE_DIRECTORY, .mode = 0751}, &qid),
		0);
	assert_int_equal(qid.type, P9_QTDIR);
	assert_host_attr("d", "user.virtfs.gid", "\x64\0\0\0", 4);
	assert_host_attr("d", "user.virtfs.mode", "\xe9\x41\0\0", 4); /* 040751 */
	assert_int_equal(stat(host_path("d"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(make(&user, "tty",
			      (struct make_args){.mode = S_IFCHR | 0620, .major = 4, .minor = 300},
			      &qid),
			 0);
	assert_host_attr("tty", "user.virtfs.mode", "\x90\x21\0\0", 4);		  /* 020620 */
	assert_host_attr("tty", "user.virtfs.rdev", "\x2c\x04\x10\0\0\0\0\0", 8); /* 4:300 */
	assert_int_equal(make(&user, "pipe", (struct make_args){.mode = S_IFIFO | 0600}, &qid), 0);
	assert_host_attr("pipe", "user.virtfs.mode", "\x80\x11\0\0", 4);
	assert_int_equal(make(&user, "l",
			      (struct make_args){.kind = MAKE_SYMLINK, .target = str_of("to/x")},
			      &qid),
			 0);
	assert_int_equal(qid.type, P9_QTSYMLINK);
	assert_host_attr("l", "user.virtfs.mode", "\xff\xa1\0\0", 4); /* 0120777 */
	assert_int_equal(stat(host_path("l"), &st), 0);
	assert_int_equal(st.st_size, 4);
}

static void attributes_are_read_as_qemu_wrote_them(void **state)
{
	struct attr a;
	struct node *n;
	struct qid qid;
	char target[16];
	size_t len;

	(void)state;
	put_host_file("f", "hello");
	put_host_attr("f", "user.virtfs.uid", "\1\2\0\0", 4);
	put_host_attr("f", "user.virtfs.gid", "\3\4\0\0", 4);
	put_host_attr("f", "user.virtfs.mode", "\xa4\x85\0\0", 4); /* 0102644 */
	a = named_attr("f");
	assert_int_equal(a.uid, 0x201);
	assert_int_equal(a.gid, 0x403);
	assert_int_equal(a.mode, 0102644);
	assert_int_equal(a.size, 5);
	put_host_file("dev", "");
	put_host_attr("dev", "user.virtfs.mode", "\xb0\x61\0\0", 4); /* 060660 */
	put_host_attr("dev", "user.virtfs.rdev", "\x2c\x04\x10\0\0\0\0\0", 8);
	a = named_attr("dev");
	assert_int_equal(a.mode, 060660);
	assert_int_equal(a.rdev, makedev(4, 300));
	put_host_file("l", "a/b");
	put_host_attr("l", "user.virtfs.mode", "\xff\xa1\0\0", 4);
	assert_int_equal(root->ops->walk(root, &me, str_of("l"), &n, &qid), 0);
	assert_int_equal(qid.type, P9_QTSYMLINK);
	assert_int_equal(n->ops->readlink(n, &me, target, sizeof(target), &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(target, "a/b", 3);
	node_unref(n);
	/* what is none of QEMU's is as it is, nonsense too: a file is no folder */
	put_host_file("plain", "");
	put_host_attr("plain", "user.virtfs.uid", "\1\2", 2);
	put_host_attr("plain", "user.virtfs.mode", "\xed\x41\0\0", 4);
	a = named_attr("plain");
	assert_int_equal(a.uid, geteuid());
	assert_int_equal(a.mode, S_IFREG | 0755);
	assert_int_equal(symlinkat("real", host, "real-link"), 0);
	n = walk(root, "real-link");
	assert_int_equal(n->ops->readlink(n, &me, target, sizeof(target), &len), 0);
	assert_memory_equal(target, "real", 4);
	node_unref(n);
}

static int try_symlink(const char *name, const char *target)
{
	struct qid qid;

	return make(&user, name, (struct make_args){.kind = MAKE_SYMLINK, .target = str_of(target)},
		    &qid);
}

static int try_readlink(const char *name, char *buf, size_t cap, size_t *ret_len)
{
	struct node *n = walk(root, name);
	int r = n->ops->readlink(n, &me, buf, cap, ret_len);

	node_unref(n);
	return r;
}

static void a_link_is_whole_or_none(void **state)
{
	char target[PATH_MAX + 1], got[2 * PATH_MAX];
	size_t len = 0;

	(void)state;
	memset(target, 'x', PATH_MAX);
	target[PATH_MAX] = '\0';
	assert_int_equal(try_symlink("long", target), -ENAMETOOLONG);
	put_host_file("hosts", target);
	put_host_attr("hosts", "user.virtfs.mode", "\xff\xa1\0\0", 4);
	assert_int_equal(try_readlink("hosts", got, sizeof(got), &len), -ENAMETOOLONG);
	assert_int_equal(try_readlink("hosts", got, PATH_MAX, &len), -ENAMETOOLONG);
	target[PATH_MAX - 1] = '\0';
	assert_int_equal(try_symlink("l", target), 0);
	assert_int_equal(try_readlink("l", got, PATH_MAX, &len), 0);
	assert_int_equal(len, PATH_MAX - 1);
	assert_memory_equal(got, target, len);
	assert_int_equal(try_readlink("l", got, PATH_MAX - 2, &len), -ENAMETOOLONG);
}

static void the_owner_changes_owner_and_mode(void **state)
{
	struct attr_change give = {.valid = P9_SETATTR_UID | P9_SETATTR_GID, .uid = 7, .gid = 8};
	struct attr_change mode = {.valid = P9_SETATTR_MODE, .mode = 0604};
	struct attr a;

	(void)state;
	create(&user, "f", 06711);
	assert_int_equal(change(&other, "f", mode), -EPERM);
	assert_int_equal(change(&user, "f", give), -EPERM);
	/* Linux takes the bits away so, before another user writes */
	mode.mode = 02711;
	assert_int_equal(change(&other, "f", mode), 0);
	assert_int_equal(named_attr("f").mode, S_IFREG | 02711);
	mode.mode = 0604;
	assert_int_equal(change(&me, "f", give), 0);
	a = named_attr("f");
	assert_int_equal(a.uid, 7);
	assert_int_equal(a.gid, 8);
	assert_int_equal(a.mode, S_IFREG | 0711);
	assert_int_equal(change(&me, "f", mode), 0);
	assert_int_equal(named_attr("f").mode, S_IFREG | 0604);
	assert_int_equal(
		change(&me, "f", (struct attr_change){.valid = P9_SETATTR_SIZE, .size = 9}), 0);
	assert_int_equal(named_attr("f").size, 9);
}

static void set_id_bits_go_when_a_user_writes(void **state)
{
	const struct call root_user = {.uid = 0, .client = 1};
	const struct attr_change cut = {.valid = P9_SETATTR_SIZE};
	const struct attr_change all = {.valid = P9_SETATTR_MODE, .mode = 06777};
	struct node *n;
	struct file *f, *g;
	struct qid qid;

	(void)state;
	create(&user, "f", 06777);
	n = walk(root, "f");
	f = open_node(n, P9_O_RDWR);
	assert_int_equal(try_write_as(&root_user, f, 0, "x"), 0);
	assert_int_equal(named_attr("f").mode & 07777, 06777);
	assert_int_equal(try_write_as(&other, f, 0, "x"), 0);
	assert_int_equal(named_attr("f").mode & 07777, 0777);
	assert_int_equal(change(&me, "f", all), 0);
	assert_int_equal(change(&other, "f", cut), 0);
	assert_int_equal(named_attr("f").mode & 07777, 0777);
	assert_int_equal(change(&me, "f", all), 0);
	assert_int_equal(n->ops->open(n, &other, P9_O_WRONLY | P9_O_TRUNC, &g, &qid), 0);
	assert_int_equal(named_attr("f").mode & 07777, 0777);
	file_unref(g);
	file_unref(f);
	node_unref(n);
}

static void what_is_special_to_the_guest_is_not_opened(void **state)
{
	const struct attr_change cut = {.valid = P9_SETATTR_SIZE};
	struct node *n;
	struct file *f;
	struct qid qid;

	(void)state;
	assert_int_equal(make(&user, "pipe", (struct make_args){.mode = S_IFIFO | 0600}, &qid), 0);
	assert_int_equal(make(&user, "l",
			      (struct make_args){.kind = MAKE_SYMLINK, .target = str_of("t")},
			      &qid),
			 0);
	n = walk(root, "pipe");
	assert_int_equal(try_open(n, P9_O_RDWR, &f), -ENXIO);
	node_unref(n);
	n = walk(root, "l");
	assert_int_equal(try_open(n, P9_O_RDWR | P9_O_TRUNC, &f), -ELOOP);
	node_unref(n);
	assert_int_equal(change(&me, "l", cut), -EINVAL);
	assert_int_equal(change(&me, "pipe", cut), -EINVAL);
	assert_int_equal(named_attr("l").size, 1);
	/* creating it does not open it either */
	assert_int_equal(try_create(root, "pipe", P9_O_RDWR, &n, &f), -ENXIO);
	assert_int_equal(try_create(root, "pipe", P9_O_RDWR | P9_O_EXCL, &n, &f), -EEXIST);
}

static void the_servers_attributes_are_out_of_reach(void **state)
{
	static const char list[] = "user.b\0system.posix_acl_access";
	const char *const own[] = {"user.virtfs.uid", "user.virtfs.mode", "user.virtfs.x",
				   "user.virtfs.system.posix_acl_access"};
	char buf[256];
	struct node *n;
	size_t size;

	(void)state;
	create(&user, "f", 0644);
	n = walk(root, "f");
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		struct str name = str_of(own[i]);

		assert_int_equal(n->ops->xattr_get(n, &me, name, buf, sizeof(buf), &size),
				 -ENODATA);
		assert_int_equal(n->ops->xattr_set(n, &me, name, "\0\0\0\0", 4, 0), -EPERM);
		assert_int_equal(n->ops->xattr_remove(n, &me, name), -EPERM);
	}
	assert_int_equal(n->ops->xattr_get(n, &me, str_of(""), buf, sizeof(buf), &size), 0);
	assert_int_equal(size, 0);
	assert_int_equal(n->ops->xattr_set(n, &me, str_of("user.b"), "1", 1, 0), 0);
	assert_int_equal(n->ops->xattr_set(n, &me, str_of("system.posix_acl_access"), "acl", 3, 0),
			 0);
	assert_int_equal(n->ops->xattr_set(n, &me, str_of("security.capability"), "c", 1, 0),
			 -EOPNOTSUPP);
	assert_host_attr("f", "user.virtfs.system.posix_acl_access", "acl", 3);
	assert_int_equal(n->ops->xattr_get(n, &me, str_of(""), buf, sizeof(buf), &size), 0);
	assert_int_equal(size, sizeof(list));
	assert_true(memmem(buf, size, "user.b", 7));
	assert_true(memmem(buf, size, "system.posix_acl_access", 24));
	assert_int_equal(n->ops->xattr_get(n, &me, str_of(""), buf, 0, &size), 0);
	assert_int_equal(size, sizeof(list));
	assert_int_equal(n->ops->xattr_get(n, &me, str_of(""), buf, 10, &size), -ERANGE);
	assert_int_equal(n->ops->xattr_get(n, &me, str_of("system.posix_acl_access"), buf,
					   sizeof(buf), &size),
			 0);
	assert_memory_equal(buf, "acl", 3);
	node_unref(n);
}

static void a_set_group_id_folder_gives_its_group(void **state)
{
	struct make_args a = {.kind = MAKE_DIRECTORY, .mode = 02755, .gid = 5};
	struct node *d, *n;
	struct file *f;
	struct attr at;
	struct qid qid;

	(void)state;
	assert_int_equal(root->ops->make(root, &user, str_of("d"), &a, &qid), 0);
	d = walk(root, "d");
	a.mode = 0755;
	a.gid = 6;
	assert_int_equal(d->ops->make(d, &user, str_of("e"), &a, &qid), 0);
	n = walk(d, "e");
	at = attr_of(n, NULL);
	assert_int_equal(at.gid, 5);
	assert_int_equal(at.mode, S_IFDIR | 02755);
	node_unref(n);
	assert_int_equal(d->ops->create(d, &other, str_of("f"), P9_O_RDWR, 02755, 6, &n, &f, &qid),
			 0);
	at = attr_of(n, f);
	assert_int_equal(at.gid, 5);
	assert_int_equal(at.mode, S_IFREG | 0755);
	file_unref(f);
	node_unref(n);
	node_unref(d);
}

static bool count_entry(void *arg, const struct dirent9 *e)
{
	int *counts = arg;

	counts[e->type & 15]++;
	return true;
}

static void lists_do_not_claim_to_know_types(void **state)
{
	int counts[16] = {0};
	struct file *f;
	struct qid qid;

	(void)state;
	create(&user, "f", 0644);
	assert_int_equal(make(&user, "l",
			      (struct make_args){.kind = MAKE_SYMLINK, .target = str_of("t")},
			      &qid),
			 0);
	assert_int_equal(mkdirat(host, "d", 0755), 0);
	f = open_node(root, P9_O_RDONLY);
	assert_int_equal(f->ops->readdir(f, &me, 0, count_entry, counts), 0);
	file_unref(f);
	assert_int_equal(counts[DT_UNKNOWN], 2);
	assert_int_equal(counts[DT_DIR], 3);
	assert_int_equal(counts[DT_REG], 0);
}

/* Makes files, links and folders until it is killed; a byte for each. */
static void make_until_killed(int pipe_fd)
{
	attach(); /* a backend is of one process */
	for (int i = 0;; i++) {
		struct make_args a = {.mode = S_IFIFO | 0640, .gid = 100};
		char name[16];
		struct qid qid;

		a.kind = (enum make_kind)(i % 3);
		a.target = str_of("target");
		snprintf(name, sizeof(name), "n%d", i);
		if (root->ops->make(root, &user, str_of(name), &a, &qid) ||
		    write(pipe_fd, "", 1) != 1)
			_exit(1);
	}
}

static void kill_after(int n)
{
	int fds[2], status;
	pid_t child;
	char byte;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	child = fork();
	if (!child)
		make_until_killed(fds[1]);
	close(fds[1]);
	while (n--)
		assert_int_equal(read(fds[0], &byte, 1), 1);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	close(fds[0]);
}

/* All that has a name has all its attributes. Returns how many; removes them. */
static int check_all(void)
{
	int n = 0, fd = openat(host, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char buf[8];
		bool is_temp = !strncmp(e->d_name, ".warren-new-", 12);

		if (e->d_name[0] == '.' && !is_temp)
			continue;
		if (!is_temp) {
			const char *path = host_path(e->d_name);
			struct stat st;

			assert_int_equal(lgetxattr(path, "user.virtfs.uid", buf, 8), 4);
			assert_int_equal(lgetxattr(path, "user.virtfs.gid", buf, 8), 4);
			assert_int_equal(lgetxattr(path, "user.virtfs.mode", buf, 8), 4);
			assert_int_equal(lstat(path, &st), 0);
			if (S_ISREG(st.st_mode) && buf[1] == '\xa1')
				assert_int_equal(st.st_size, 6);
			n++;
		}
		if (unlinkat(host, e->d_name, 0))
			assert_int_equal(unlinkat(host, e->d_name, AT_REMOVEDIR), 0);
	}
	closedir(d);
	return n;
}

static void a_killed_server_leaves_nothing_half_made(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		kill_after(i % 10);
		assert_true(check_all() >= i % 10);
	}
}

#define mapped_test(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		mapped_test(attributes_are_written_as_qemu_does),
		mapped_test(attributes_are_read_as_qemu_wrote_them),
		mapped_test(the_owner_changes_owner_and_mode),
		mapped_test(set_id_bits_go_when_a_user_writes),
		mapped_test(a_link_is_whole_or_none),
		mapped_test(what_is_special_to_the_guest_is_not_opened),
		mapped_test(the_servers_attributes_are_out_of_reach),
		mapped_test(a_set_group_id_folder_gives_its_group),
		mapped_test(lists_do_not_claim_to_know_types),
		mapped_test(a_killed_server_leaves_nothing_half_made),
	};

	if (!run_as_nobody_first())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
