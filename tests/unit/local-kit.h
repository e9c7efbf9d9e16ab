/* SPDX-License-Identifier: MIT */
/* A temporary folder served by the local backend, and its operations in short. */
#ifndef TESTS_LOCAL_KIT_H
#define TESTS_LOCAL_KIT_H

#include "cmocka-all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend.h"
#include "local.h"
#include "local-impl.h"

#define unused __attribute__((unused))

static const struct call me = {.uid = P9_NONUNAME, .client = 1};
static const struct call in_place = {.uid = P9_NONUNAME, .client = 1, .in_place = true};

static char top[64], dir_path[80]; /* the export is dir_path, top/outside is beside it */
static int host;		   /* descriptor of the export */
static struct backend *backend;
static struct node *root;

static unused struct str str_of(const char *s)
{
	return (struct str){s, (uint16_t)strlen(s)};
}

static unused void serve(const struct local_config *cfg)
{
	struct qid qid;

	assert_int_equal(local_new(cfg, &backend), 0);
	assert_int_equal(backend->ops->attach(backend, &me, str_of(""), &root, &qid), 0);
	assert_int_equal(qid.type, P9_QTDIR);
}

/* False when nodes are left, by a leak or by a test that failed: the backend must not go then. */
static unused bool end_serving(void)
{
	node_unref(root);
	if (container_of(backend, struct local, backend)->n_inodes) {
		print_error("nodes are left\n");
		return false;
	}
	backend_free(backend);
	return true;
}

static unused void make_folders(const char *base)
{
	snprintf(top, sizeof(top), "%s/warren-test-XXXXXX", base);
	assert_non_null(mkdtemp(top));
	snprintf(dir_path, sizeof(dir_path), "%s/export", top);
	assert_int_equal(mkdir(dir_path, 0755), 0);
	assert_int_equal(chmod(top, 0755), 0);
	host = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(host >= 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static unused void remove_folders(void)
{
	close(host);
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static unused int setup(void **state)
{
	(void)state;
	make_folders("/tmp");
	serve(&(struct local_config){.dir = dir_path, .passthrough = true});
	return 0;
}

/* In memory, if the host has such a folder: for tests with very many files. */
static unused int setup_in_memory(void **state)
{
	(void)state;
	make_folders(access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	serve(&(struct local_config){.dir = dir_path, .passthrough = true});
	return 0;
}

static unused int teardown(void **state)
{
	bool is_done = end_serving();

	(void)state;
	remove_folders();
	return is_done ? 0 : -1;
}

static unused void put_host_file(const char *name, const char *text)
{
	int fd = openat(host, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static unused int try_walk_as(const struct call *c, struct node *dir, const char *name,
			      struct node **ret_n)
{
	struct qid qid;

	return dir->ops->walk(dir, c, str_of(name), ret_n, &qid);
}

static unused int try_walk(struct node *dir, const char *name, struct node **ret_n)
{
	return try_walk_as(&me, dir, name, ret_n);
}

static unused struct node *walk(struct node *dir, const char *name)
{
	struct node *n = NULL;

	assert_int_equal(try_walk(dir, name, &n), 0);
	return n;
}

static unused int try_open(struct node *n, uint32_t flags, struct file **ret_f)
{
	struct qid qid;

	return n->ops->open(n, &me, flags, ret_f, &qid);
}

static unused struct file *open_node(struct node *n, uint32_t flags)
{
	struct file *f = NULL;

	assert_int_equal(try_open(n, flags, &f), 0);
	return f;
}

static unused int try_create_as(const struct call *c, struct node *dir, const char *name,
				uint32_t flags, uint32_t mode, struct node **ret_n,
				struct file **ret_f)
{
	struct qid qid;

	return dir->ops->create(dir, c, str_of(name), flags, mode, (uint32_t)-1, ret_n, ret_f,
				&qid);
}

static unused int try_create(struct node *dir, const char *name, uint32_t flags, struct node **n,
			     struct file **f)
{
	return try_create_as(&me, dir, name, flags, 0644, n, f);
}

static unused struct attr attr_of(struct node *n, struct file *f)
{
	struct attr a;

	assert_int_equal(n->ops->getattr(n, f, &me, P9_GETATTR_ALL, &a), 0);
	return a;
}

static unused int try_read(struct file *f, uint64_t offset, void *buf, size_t size, size_t *got)
{
	const struct iovec iov = {buf, size};

	return f->ops->read(f, &me, &iov, 1, offset, got);
}

static unused size_t read_at(struct file *f, uint64_t offset, void *buf, size_t size)
{
	size_t got = 0;

	assert_int_equal(try_read(f, offset, buf, size, &got), 0);
	return got;
}

static unused int try_write_as(const struct call *c, struct file *f, uint64_t offset,
			       const char *text)
{
	struct iovec iov;
	size_t put;
	int r;

	memcpy(&iov.iov_base, &text, sizeof(text));
	iov.iov_len = strlen(text);
	r = f->ops->write(f, c, &iov, 1, offset, &put);
	if (!r)
		assert_int_equal(put, strlen(text));
	return r;
}

static unused void write_at(struct file *f, uint64_t offset, const char *text)
{
	assert_int_equal(try_write_as(&me, f, offset, text), 0);
}

static unused void assert_content(struct file *f, const char *text)
{
	char buf[4096];

	assert_int_equal(read_at(f, 0, buf, sizeof(buf)), strlen(text));
	assert_memory_equal(buf, text, strlen(text));
}

static unused int try_make(struct node *dir, const char *name, enum make_kind kind, uint32_t mode)
{
	struct make_args a = {.kind = kind, .mode = mode, .gid = (uint32_t)-1};
	struct qid qid;

	a.target = str_of("target");
	return dir->ops->make(dir, &me, str_of(name), &a, &qid);
}

static unused int try_rename(struct node *olddir, const char *oldname, struct node *newdir,
			     const char *newname)
{
	return olddir->ops->rename(olddir, &me, str_of(oldname), newdir, str_of(newname));
}

static unused int try_unlink(struct node *dir, const char *name)
{
	return dir->ops->unlink(dir, &me, str_of(name), 0);
}

static unused int set_mode(struct node *n, uint32_t mode)
{
	struct attr_change ch = {.valid = P9_SETATTR_MODE, .mode = mode};

	return n->ops->setattr(n, NULL, &me, &ch);
}

static unused int set_size(struct node *n, struct file *f, uint64_t size)
{
	struct attr_change ch = {.valid = P9_SETATTR_SIZE, .size = size};

	return n->ops->setattr(n, f, &me, &ch);
}

#define NOBODY 65534

/* In this process from now on; /proc/self stays ours. */
static unused void become_nobody(void)
{
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 1))
		_exit(99);
}

/* For main: true in a child that is an ordinary user, and in us when its tests have passed. When we
 * are one ourselves, there is no child. */
static unused bool run_as_nobody_first(void)
{
	pid_t child;
	int status;

	if (geteuid())
		return true;
	child = fork();
	if (!child) {
		become_nobody();
		return true;
	}
	return waitpid(child, &status, 0) == child && status == 0;
}

#define local_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
