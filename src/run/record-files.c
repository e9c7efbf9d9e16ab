/* SPDX-License-Identifier: MIT */
#include "record-files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "path.h"

#define PIECE (1U << 16)

static int create(const char *folder, const char *name)
{
	autofree char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int record_write(const char *folder, const char *name, const void *data, size_t n)
{
	autoclose int fd = create(folder, name);

	return fd < 0 ? fd : write_all(fd, data, n);
}

static int copy(int from, int to)
{
	autofree char *buf = malloc(PIECE);
	ssize_t n;
	int r = buf ? 0 : -ENOMEM;

	while (!r && (n = read(from, buf, PIECE)) != 0)
		if (n > 0)
			r = write_all(to, buf, (size_t)n);
		else if (errno != EINTR)
			r = -errno;
	return r;
}

int record_copy_log(const char *from, const char *folder, const char *name, size_t limit)
{
	autoclose int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
	struct stat st;

	if (in < 0 || fstat(in, &st))
		return -errno;
	if (st.st_size > (off_t)limit && lseek(in, st.st_size - (off_t)limit, SEEK_SET) < 0)
		return -errno;
	out = create(folder, name);
	return out < 0 ? out : copy(in, out);
}

/* The folders above FOLDER/PATH. */
static int make_parents(const char *folder, const char *path)
{
	for (const char *at = path; (at = strchr(at, '/')); at++) {
		autofree char *dir = NULL;

		if (asprintf(&dir, "%s/%.*s", folder, (int)(at - path), path) < 0) {
			dir = NULL;
			return -ENOMEM;
		}
		if (mkdir(dir, 0700) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int open_beneath(int dir_fd, const char *path)
{
	const struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
				     .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int record_copy_file(int dir_fd, const char *path, const char *folder, uint64_t *room)
{
	autoclose int in = open_beneath(dir_fd, path), out = -1;
	struct stat st;
	int r;

	if (in < 0)
		return in;
	if (fstat(in, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > *room)
		return -EFBIG;
	r = make_parents(folder, path);
	if (!r)
		out = create(folder, path);
	if (!r)
		r = out < 0 ? out : copy(in, out);
	if (r)
		return r;
	*room -= (uint64_t)st.st_size;
	return futimens(out, (const struct timespec[2]){st.st_atim, st.st_mtim}) ? -errno : 0;
}
