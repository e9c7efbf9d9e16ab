/* SPDX-License-Identifier: MIT */
#include "local-kit.h"

#include <sys/statfs.h>
#include <sys/xattr.h>

#include "macros.h"

static void a_folder_must_be_one(void **state)
{
	struct backend *b;

	(void)state;
	put_host_file("f", "");
	strcat(dir_path, "/f");
	assert_int_equal(local_new(&(struct local_config){.dir = dir_path}, &b), -ENOTDIR);
	assert_int_equal(local_new(&(struct local_config){.dir = "/nowhere"}, &b), -ENOENT);
}

static void what_the_host_wrote_is_read(void **state)
{
	struct node *n;
	struct file *f;

	(void)state;
	put_host_file("f", "hello");
	n = walk(root, "f");
	f = open_node(n, P9_O_RDONLY);
	assert_content(f, "hello");
	file_unref(f);
	node_unref(n);
}

static void what_is_created_is_on_the_host(void **state)
{
	struct node *n;
	struct file *f;
	char buf[8] = "";
	int fd;

	(void)state;
	assert_int_equal(try_create(root, "f", P9_O_RDWR | P9_O_EXCL, &n, &f), 0);
	write_at(f, 2, "llo");
	write_at(f, 0, "he");
	assert_content(f, "hello");
	file_unref(f);
	node_unref(n);
	fd = openat(host, "f", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, buf, sizeof(buf)), 5);
	assert_string_equal(buf, "hello");
	close(fd);
}

static void a_mode_is_not_masked(void **state)
{
	struct node *n;
	struct file *f;
	struct stat st;

	(void)state;
	assert_int_equal(try_create_as(&me, root, "f", P9_O_RDWR, 0666, &n, &f), 0);
	assert_int_equal(fstatat(host, "f", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0666);
	file_unref(f);
	node_unref(n);
}

static void creating_what_is_there_opens_it(void **state)
{
	struct node *n;
	struct file *f;

	(void)state;
	put_host_file("f", "old");
	assert_int_equal(try_create(root, "f", P9_O_RDWR | P9_O_EXCL, &n, &f), -EEXIST);
	assert_int_equal(try_create(root, "f", P9_O_RDWR, &n, &f), 0);
	assert_content(f, "old");
	file_unref(f);
	node_unref(n);
	assert_int_equal(try_create(root, "f", P9_O_RDWR | P9_O_TRUNC, &n, &f), 0);
	assert_content(f, "");
	file_unref(f);
	node_unref(n);
}

static void attributes_are_those_of_the_host(void **state)
{
	struct node *n;
	struct statx st;
	struct attr a;

	(void)state;
	put_host_file("f", "hello");
	n = walk(root, "f");
	a = attr_of(n, NULL);
	assert_int_equal(statx(host, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &st), 0);
	assert_int_equal(a.valid & P9_GETATTR_BASIC, P9_GETATTR_BASIC);
	assert_int_equal(a.qid.path, st.stx_ino);
	assert_int_equal(a.qid.type, P9_QTFILE);
	assert_int_equal(a.mode, st.stx_mode);
	assert_int_equal(a.nlink, 1);
	assert_int_equal(a.size, 5);
	assert_int_equal(a.blksize, st.stx_blksize);
	assert_int_equal(a.blocks, st.stx_blocks);
	assert_int_equal(a.mtime.sec, st.stx_mtime.tv_sec);
	assert_int_equal(a.mtime.nsec, st.stx_mtime.tv_nsec);
	if (st.stx_mask & STATX_BTIME) {
		assert_true(a.valid & P9_GETATTR_BTIME);
		assert_int_equal(a.btime.nsec, st.stx_btime.tv_nsec);
	}
	node_unref(n);
}

static void the_version_changes_with_ctime(void **state)
{
	struct node *n;
	struct attr before, after;

	(void)state;
	put_host_file("f", "hello");
	n = walk(root, "f");
	before = attr_of(n, NULL);
	do { /* the host's clock of files is coarse */
		assert_int_equal(fchmodat(host, "f", 0600, 0), 0);
		after = attr_of(n, NULL);
	} while (after.ctime.sec == before.ctime.sec && after.ctime.nsec == before.ctime.nsec);
	assert_int_not_equal(before.qid.version, after.qid.version);
	assert_int_not_equal(before.data_version, after.data_version);
	assert_int_not_equal(after.qid.version, 0);
	node_unref(n);
}

static void each_attribute_can_be_set(void **state)
{
	struct attr_change ch = {
		.valid = P9_SETATTR_MODE | P9_SETATTR_SIZE | P9_SETATTR_ATIME |
			 P9_SETATTR_ATIME_SET | P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET,
		.mode = S_IFREG | 0640,
		.size = 3,
		.atime = {1, 2},
		.mtime = {(uint64_t)-3, 4},
	};
	struct node *n;
	struct stat st;

	(void)state;
	put_host_file("f", "hello");
	n = walk(root, "f");
	assert_int_equal(n->ops->setattr(n, NULL, &me, &ch), 0);
	assert_int_equal(fstatat(host, "f", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_atim.tv_sec, 1);
	assert_int_equal(st.st_atim.tv_nsec, 2);
	assert_int_equal(st.st_mtim.tv_sec, -3);
	assert_int_equal(st.st_mtim.tv_nsec, 4);
	ch = (struct attr_change){.valid = P9_SETATTR_MTIME};
	assert_int_equal(n->ops->setattr(n, NULL, &me, &ch), 0);
	assert_int_equal(fstatat(host, "f", &st, 0), 0);
	assert_int_equal(st.st_atim.tv_sec, 1);
	assert_true(st.st_mtim.tv_sec > 1000000000);
	ch = (struct attr_change){.valid = P9_SETATTR_ATIME | P9_SETATTR_ATIME_SET};
	ch.atime.nsec = UTIME_OMIT;
	assert_int_equal(n->ops->setattr(n, NULL, &me, &ch), -EINVAL);
	node_unref(n);
}

static void a_symlink_is_read_and_set_without_being_followed(void **state)
{
	struct attr_change ch = {.valid = P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET};
	struct node *n, *below;
	struct stat st;
	char buf[100];
	size_t len;

	(void)state;
	assert_int_equal(try_make(root, "l", MAKE_SYMLINK, 0), 0);
	put_host_file("target", "");
	n = walk(root, "l");
	assert_int_equal(n->ops->readlink(n, &me, buf, sizeof(buf), &len), 0);
	assert_int_equal(len, 6);
	assert_memory_equal(buf, "target", 6);
	assert_int_equal(n->ops->readlink(n, &me, buf, 5, &len), -ENAMETOOLONG);
	ch.mtime.sec = 7;
	assert_int_equal(n->ops->setattr(n, NULL, &me, &ch), 0);
	assert_int_equal(fstatat(host, "l", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mtim.tv_sec, 7);
	assert_int_equal(set_mode(n, 0600), -EOPNOTSUPP);
	assert_int_equal(set_size(n, NULL, 1), -EINVAL);
	assert_int_equal(try_walk(n, "x", &below), -ENOTDIR);
	assert_int_equal(attr_of(n, NULL).qid.type, P9_QTSYMLINK);
	node_unref(n);
}

static void nodes_are_made_by_their_kind(void **state)
{
	static const struct {
		const char *name;
		uint32_t mode;
		int r;
	} rows[] = {
		{"fifo", S_IFIFO | 0600, 0},   {"sock", S_IFSOCK | 0600, 0},
		{"reg", S_IFREG | 0600, 0},    {"chr", S_IFCHR | 0600, -EPERM},
		{"blk", S_IFBLK | 0, -EPERM},  {"dir", S_IFDIR | 0700, -EINVAL},
		{"lnk", S_IFLNK | 0, -EINVAL},
	};
	struct stat st;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(try_make(root, rows[i].name, MAKE_NODE, rows[i].mode), rows[i].r);
		if (!rows[i].r) {
			assert_int_equal(fstatat(host, rows[i].name, &st, 0), 0);
			assert_int_equal(st.st_mode, rows[i].mode);
		}
	}
	assert_int_equal(try_make(root, "d", MAKE_DIRECTORY, S_IFDIR | 0755), 0);
	assert_int_equal(fstatat(host, "d", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
}

static void hard_links_are_one_file(void **state)
{
	struct node *a, *b, *l;

	(void)state;
	put_host_file("a", "x");
	a = walk(root, "a");
	assert_int_equal(root->ops->link(root, &me, str_of("b"), a), 0);
	b = walk(root, "b");
	assert_int_equal(attr_of(a, NULL).qid.path, attr_of(b, NULL).qid.path);
	assert_int_equal(attr_of(b, NULL).nlink, 2);
	assert_int_equal(try_make(root, "l", MAKE_SYMLINK, 0), 0);
	l = walk(root, "l");
	assert_int_equal(root->ops->link(root, &me, str_of("l2"), l), 0);
	assert_int_equal(attr_of(l, NULL).nlink, 2);
	node_unref(a);
	node_unref(b);
	node_unref(l);
}

static void a_file_system_says_what_the_host_says(void **state)
{
	struct fs_stat fs;
	struct statfs st;

	(void)state;
	assert_int_equal(root->ops->statfs(root, &me, &fs), 0);
	assert_int_equal(fstatfs(host, &st), 0);
	assert_int_equal(fs.type, (uint32_t)st.f_type);
	assert_int_equal(fs.bsize, st.f_bsize);
	assert_int_equal(fs.blocks, st.f_blocks);
	assert_int_equal(fs.files, st.f_files);
	assert_int_equal(fs.namelen, 255);
}

static void an_open_file_survives_unlink_and_rename(void **state)
{
	struct node *n;
	struct file *f;

	(void)state;
	assert_int_equal(try_create(root, "f", P9_O_RDWR, &n, &f), 0);
	write_at(f, 0, "hello");
	assert_int_equal(try_rename(root, "f", root, "g"), 0);
	assert_content(f, "hello");
	assert_int_equal(try_unlink(root, "g"), 0);
	assert_content(f, "hello");
	assert_int_equal(attr_of(n, f).nlink, 0);
	assert_int_equal(set_size(n, f, 2), 0);
	assert_content(f, "he");
	assert_int_equal(set_mode(n, 0600), 0);
	assert_int_equal(n->ops->remove_node(n, &me), -ESTALE);
	file_unref(f);
	node_unref(n);
}

static void a_renamed_node_is_removed_at_its_new_place(void **state)
{
	struct node *d, *n, *up;
	struct stat st;

	(void)state;
	assert_int_equal(try_make(root, "d", MAKE_DIRECTORY, 0755), 0);
	put_host_file("f", "x");
	d = walk(root, "d");
	n = walk(root, "f");
	assert_int_equal(try_rename(root, "f", d, "g"), 0);
	put_host_file("f", "another");
	assert_int_equal(n->ops->remove_node(n, &me), 0);
	assert_int_equal(fstatat(host, "d/g", &st, 0), -1);
	assert_int_equal(fstatat(host, "f", &st, 0), 0);
	node_unref(n);
	assert_int_equal(try_make(root, "e", MAKE_DIRECTORY, 0755), 0);
	n = walk(root, "e");
	assert_int_equal(try_rename(root, "e", d, "e"), 0);
	up = walk(n, "..");
	assert_int_equal(attr_of(up, NULL).qid.path, attr_of(d, NULL).qid.path);
	node_unref(up);
	node_unref(n);
	node_unref(d);
}

static void a_node_is_moved_from_where_it_is(void **state)
{
	struct node *d, *n, *moved;
	struct stat st;

	(void)state;
	assert_int_equal(try_make(root, "d", MAKE_DIRECTORY, 0755), 0);
	put_host_file("f", "x");
	d = walk(root, "d");
	n = walk(root, "f");
	assert_int_equal(n->ops->move_node(n, &me, d, str_of("g"), &moved), 0);
	node_unref(n);
	assert_int_equal(fstatat(host, "d/g", &st, 0), 0);
	assert_int_equal(renameat(host, "d/g", host, "h"), 0);
	assert_int_equal(moved->ops->move_node(moved, &me, root, str_of("i"), &n), -ESTALE);
	assert_int_equal(moved->ops->remove_node(moved, &me), -ESTALE);
	node_unref(moved);
	node_unref(d);
	assert_int_equal(root->ops->remove_node(root, &me), -EBUSY);
}

static void attributes_of_the_user_come_and_go(void **state)
{
	const struct backend_ops *ops = root->ops;
	struct str name = str_of("user.a");
	struct node *n;
	char buf[64];
	size_t size;

	(void)state;
	put_host_file("f", "x");
	n = walk(root, "f");
	assert_int_equal(ops->xattr_get(n, &me, name, buf, sizeof(buf), &size), -ENODATA);
	assert_int_equal(ops->xattr_set(n, &me, name, "value", 5, XATTR_REPLACE), -ENODATA);
	assert_int_equal(ops->xattr_set(n, &me, name, "value", 5, 0), 0);
	assert_int_equal(ops->xattr_set(n, &me, name, "other", 5, XATTR_CREATE), -EEXIST);
	assert_int_equal(ops->xattr_get(n, &me, name, NULL, 0, &size), 0);
	assert_int_equal(size, 5);
	assert_int_equal(ops->xattr_get(n, &me, name, buf, 4, &size), -ERANGE);
	assert_int_equal(ops->xattr_get(n, &me, name, buf, sizeof(buf), &size), 0);
	assert_memory_equal(buf, "value", 5);
	assert_int_equal(ops->xattr_get(n, &me, str_of(""), buf, sizeof(buf), &size), 0);
	assert_int_equal(size, 7);
	assert_memory_equal(buf, "user.a", 7);
	assert_int_equal(ops->xattr_remove(n, &me, name), 0);
	assert_int_equal(ops->xattr_get(n, &me, str_of(""), buf, 0, &size), 0);
	assert_int_equal(size, 0);
	node_unref(n);
}

struct listing {
	unsigned n, limit;
	uint64_t last;
	uint64_t dot, dotdot, found;
	const char *find;
};

static bool list_entry_of(void *arg, const struct dirent9 *e)
{
	struct listing *l = arg;

	if (l->limit && l->n == l->limit)
		return false;
	l->n++;
	l->last = e->offset;
	if (e->name.len == 1 && *e->name.p == '.')
		l->dot = e->qid.path;
	else if (e->name.len == 2 && !memcmp(e->name.p, "..", 2))
		l->dotdot = e->qid.path;
	else if (l->find && e->name.len == strlen(l->find) &&
		 !memcmp(e->name.p, l->find, e->name.len))
		l->found = e->qid.path;
	return true;
}

static void a_large_folder_is_read_in_parts(void **state)
{
	struct file *f;
	struct node *n;
	struct listing l = {.limit = 777, .find = "f099999"};
	unsigned total = 0;
	char name[16];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "f%06d", i);
		assert_int_equal(mknodat(host, name, S_IFREG | 0600, 0), 0);
	}
	f = open_node(root, P9_O_RDONLY);
	do {
		l.n = 0;
		assert_int_equal(f->ops->readdir(f, &me, l.last, list_entry_of, &l), 0);
		total += l.n;
	} while (l.n);
	assert_int_equal(total, 100002);
	n = walk(root, "f099999");
	assert_int_equal(l.found, attr_of(n, NULL).qid.path);
	node_unref(n);
	file_unref(f);
}

static void what_is_above_the_root_is_the_root(void **state)
{
	uint64_t path = attr_of(root, NULL).qid.path;
	struct listing l = {.find = "d"};
	struct node *up = walk(root, ".."), *d;
	struct file *f = open_node(root, P9_O_RDONLY);

	(void)state;
	assert_int_equal(attr_of(up, NULL).qid.path, path);
	node_unref(up);
	assert_int_equal(f->ops->readdir(f, &me, 0, list_entry_of, &l), 0);
	assert_int_equal(l.dot, path);
	assert_int_equal(l.dotdot, path);
	file_unref(f);
	assert_int_equal(try_make(root, "d", MAKE_DIRECTORY, 0755), 0);
	d = walk(root, "d");
	f = open_node(d, P9_O_RDONLY);
	assert_int_equal(f->ops->readdir(f, &me, 0, list_entry_of, &l), 0);
	assert_int_equal(l.dotdot, path);
	file_unref(f);
	node_unref(d);
}

static bool unlink_entry(void *arg, const struct dirent9 *e)
{
	unsigned *n = arg;
	char name[256];

	memcpy(name, e->name.p, e->name.len);
	name[e->name.len] = 0;
	if (*name != '.') {
		assert_int_equal(try_unlink(root, name), 0);
		++*n;
	}
	return true;
}

static void what_is_listed_can_be_removed_meanwhile(void **state)
{
	struct file *f;
	unsigned n = 0;
	char name[16];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		put_host_file(name, "");
	}
	f = open_node(root, P9_O_RDONLY);
	assert_int_equal(f->ops->readdir(f, &me, 0, unlink_entry, &n), 0);
	assert_int_equal(n, 5000);
	put_host_file("late", "");
	assert_int_equal(f->ops->readdir(f, &me, 0, unlink_entry, &n), 0);
	assert_int_equal(n, 5001);
	file_unref(f);
}

static void any_name_of_up_to_255_bytes_will_do(void **state)
{
	char longest[257], odd[] = "\xff\x80 \n\x01*";
	struct node *n;
	struct file *f;

	(void)state;
	memset(longest, 'x', 256);
	longest[256] = 0;
	assert_int_equal(try_create(root, longest, P9_O_RDWR, &n, &f), -ENAMETOOLONG);
	longest[255] = 0;
	assert_int_equal(try_create(root, longest, P9_O_RDWR, &n, &f), 0);
	file_unref(f);
	node_unref(n);
	assert_int_equal(try_create(root, odd, P9_O_RDWR, &n, &f), 0);
	file_unref(f);
	node_unref(n);
	node_unref(walk(root, longest));
	node_unref(walk(root, odd));
}

static void a_read_is_short_at_the_end_only(void **state)
{
	const uint64_t size = 5ull << 30;
	struct node *n;
	struct file *f;
	char buf[8192];
	int fd;

	(void)state;
	put_host_file("f", "x");
	fd = openat(host, "f", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "end", 3, (off_t)size - 3), 3);
	close(fd);
	n = walk(root, "f");
	f = open_node(n, P9_O_RDONLY);
	assert_int_equal(attr_of(n, NULL).size, size);
	assert_int_equal(read_at(f, size - 5000, buf, sizeof(buf)), 5000);
	assert_memory_equal(buf + 4997, "end", 3);
	assert_int_equal(read_at(f, 4ull << 30, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(read_at(f, size, buf, sizeof(buf)), 0);
	assert_int_equal(try_read(f, UINT64_MAX, buf, 1, &(size_t){0}), -EINVAL);
	file_unref(f);
	node_unref(n);
}

static void many_parts_are_one_read(void **state)
{
	char text[] = "abcdefghij", buf[16] = "";
	struct iovec iov[5];
	struct node *n;
	struct file *f;
	size_t got;

	(void)state;
	put_host_file("f", text);
	n = walk(root, "f");
	f = open_node(n, P9_O_RDONLY);
	for (int i = 0; i < 5; i++)
		iov[i] = (struct iovec){buf + 3 * i, 3};
	assert_int_equal(f->ops->read(f, &me, iov, 5, 1, &got), 0);
	assert_int_equal(got, 9);
	assert_string_equal(buf, "bcdefghij");
	file_unref(f);
	node_unref(n);
}

/* Reads in place once the pages are there, and says so when they are not. */
static void a_call_in_place_does_not_wait(void **state)
{
	struct node *n;
	struct file *f;
	char buf[8];
	struct iovec iov = {buf, sizeof(buf)};
	size_t got;

	(void)state;
	put_host_file("f", "hello");
	while (try_walk_as(&in_place, root, "f", &n) == CALL_WOULD_BLOCK)
		node_unref(walk(root, "f"));
	assert_int_equal(try_open(n, P9_O_RDWR, &f), 0);
	assert_int_equal(f->ops->read(f, &in_place, &iov, 1, 0, &got), 0);
	assert_int_equal(got, 5);
	assert_int_equal(f->ops->fsync(f, &in_place, false), CALL_WOULD_BLOCK);
	assert_int_equal(f->ops->fsync(f, &me, false), 0);
	assert_int_equal(try_write_as(&in_place, f, 0, "j"), 0);
	file_unref(f);
	node_unref(n);
}

static void a_writer_that_appends_writes_at_the_end(void **state)
{
	struct node *n;
	struct file *f;

	(void)state;
	put_host_file("f", "hello");
	n = walk(root, "f");
	f = open_node(n, P9_O_WRONLY | P9_O_APPEND);
	write_at(f, 0, "+");
	file_unref(f);
	f = open_node(n, P9_O_RDWR | P9_O_APPEND);
	assert_content(f, "hello+");
	write_at(f, 0, "j");
	assert_content(f, "jello+");
	file_unref(f);
	node_unref(n);
}

static void a_part_of_the_tree_can_be_attached(void **state)
{
	struct node *n, *up;
	struct qid qid;

	(void)state;
	assert_int_equal(try_make(root, "a", MAKE_DIRECTORY, 0755), 0);
	n = walk(root, "a");
	assert_int_equal(try_make(n, "b", MAKE_DIRECTORY, 0755), 0);
	node_unref(n);
	assert_int_equal(backend->ops->attach(backend, &me, str_of("/a//b/"), &n, &qid), 0);
	up = walk(n, "..");
	assert_int_equal(attr_of(up, NULL).qid.path, qid.path);
	node_unref(up);
	node_unref(n);
	assert_int_equal(backend->ops->attach(backend, &me, str_of("a/../.."), &n, &qid), -EINVAL);
	assert_int_equal(backend->ops->attach(backend, &me, str_of("c"), &n, &qid), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		local_test(a_folder_must_be_one),
		local_test(what_the_host_wrote_is_read),
		local_test(what_is_created_is_on_the_host),
		local_test(a_mode_is_not_masked),
		local_test(creating_what_is_there_opens_it),
		local_test(attributes_are_those_of_the_host),
		local_test(the_version_changes_with_ctime),
		local_test(each_attribute_can_be_set),
		local_test(a_symlink_is_read_and_set_without_being_followed),
		local_test(nodes_are_made_by_their_kind),
		local_test(hard_links_are_one_file),
		local_test(a_file_system_says_what_the_host_says),
		local_test(an_open_file_survives_unlink_and_rename),
		local_test(a_renamed_node_is_removed_at_its_new_place),
		local_test(a_node_is_moved_from_where_it_is),
		local_test(attributes_of_the_user_come_and_go),
		cmocka_unit_test_setup_teardown(a_large_folder_is_read_in_parts, setup_in_memory,
						teardown),
		local_test(what_is_above_the_root_is_the_root),
		cmocka_unit_test_setup_teardown(what_is_listed_can_be_removed_meanwhile,
						setup_in_memory, teardown),
		local_test(any_name_of_up_to_255_bytes_will_do),
		local_test(a_read_is_short_at_the_end_only),
		local_test(many_parts_are_one_read),
		local_test(a_call_in_place_does_not_wait),
		local_test(a_writer_that_appends_writes_at_the_end),
		local_test(a_part_of_the_tree_can_be_attached),
	};

	if (!run_as_nobody_first())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
