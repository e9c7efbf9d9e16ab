/* SPDX-License-Identifier: MIT */
/* New files that appear whole: with their attributes and their content, or, when the server dies,
 * not at all. A file has no name until then (O_TMPFILE). A directory, and a file where the file
 * system cannot do that, has another name until then, which is left behind when the server dies. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/xattr.h>

#include "local-impl.h"

#define TEMP_NAME_SIZE 32

/* #syscalls: fsetxattr */
static int set_attrs(int fd, const struct make_args *a)
{
	for (size_t i = 0; i < a->n_attrs; i++)
		if (fsetxattr(fd, a->attrs[i].name, a->attrs[i].value, a->attrs[i].size, 0))
			return -errno;
	return 0;
}

/* #syscalls: write */
static int fill(int fd, const struct make_args *a)
{
	ssize_t n = a->content.len ? write(fd, a->content.p, a->content.len) : 0;

	if (n < 0)
		return -errno;
	return n == a->content.len ? set_attrs(fd, a) : -ENOSPC;
}

/* #syscalls: getrandom */
static void choose_temp_name(char name[TEMP_NAME_SIZE])
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) < 0)
		random = (uintptr_t)name;
	snprintf(name, TEMP_NAME_SIZE, ".warren-new-%016llx", (unsigned long long)random);
}

/* -EEXIST also where the file system cannot rename so: then the name is looked up first.
 * #syscalls: renameat renameat2 */
static int give_name(int dir_fd, const char *temp, const char *name)
{
	struct statx st;

	if (!renameat2(dir_fd, temp, dir_fd, name, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	if (!stat_at(dir_fd, name, &st))
		return -EEXIST;
	return renameat(dir_fd, temp, dir_fd, name) ? -errno : 0;
}

/* #syscalls: mkdirat openat unlinkat */
static int make_directory(int dir_fd, const char *name, const struct make_args *a)
{
	autoclose int fd = -1;
	char temp[TEMP_NAME_SIZE];
	int r;

	choose_temp_name(temp);
	if (mkdirat(dir_fd, temp, a->mode & 07777))
		return -errno;
	fd = openat(dir_fd, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : set_attrs(fd, a);
	if (!r)
		r = give_name(dir_fd, temp, name);
	if (r)
		unlinkat(dir_fd, temp, AT_REMOVEDIR);
	return r;
}

static int make_named_file(int dir_fd, const char *name, const struct make_args *a)
{
	autoclose int fd = -1;
	char temp[TEMP_NAME_SIZE];
	int r;

	choose_temp_name(temp);
	fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    a->mode & 07777);
	if (fd < 0)
		return -errno;
	r = fill(fd, a);
	if (!r)
		r = give_name(dir_fd, temp, name);
	if (r)
		unlinkat(dir_fd, temp, 0);
	return r;
}

/* #syscalls: openat linkat */
static int make_file(struct local *l, int dir_fd, const char *name, const struct make_args *a)
{
	autoclose int fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, a->mode & 07777);
	char from[12];
	int r;

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		return make_named_file(dir_fd, name, a);
	r = fd < 0 ? -errno : fill(fd, a);
	if (r)
		return r;
	fd_name(fd, from);
	return linkat(l->proc_fd, from, dir_fd, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

int make_whole(struct local *l, int dir_fd, const char *name, const struct make_args *a)
{
	if (a->kind == MAKE_DIRECTORY)
		return make_directory(dir_fd, name, a);
	if (a->kind != MAKE_NODE || (a->mode & S_IFMT) != S_IFREG)
		return -EINVAL;
	return make_file(l, dir_fd, name, a);
}
