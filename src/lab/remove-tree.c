/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"

static int remove_content(int dir, dev_t dev);

static bool is_name(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

/* Only folders tell by their device that another file system is mounted there: on an overlay each file may
 * have a device of its own. */
static int remove_name(int dir, const char *name, dev_t dev)
{
	struct stat st;
	int r = 0;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return unlinkat(dir, name, 0) && errno != ENOENT ? -errno : 0;
	if (st.st_dev != dev)
		return 0;
	r = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r < 0)
		return -errno;
	r = remove_content(r, dev);
	if (unlinkat(dir, name, AT_REMOVEDIR) && errno != ENOENT && !r)
		r = -errno;
	return r;
}

/* Goes on after a failure; the first one counts. Closes DIR. */
static int remove_content(int dir, dev_t dev)
{
	autoclosedir DIR *d = fdopendir(dir);
	int first = 0;

	if (!d) {
		first = -errno;
		close(dir);
		return first;
	}
	for (struct dirent *e; (e = readdir(d));) {
		int r = is_name(e) ? remove_name(dirfd(d), e->d_name, dev) : 0;

		first = first ? first : r;
	}
	return first;
}

int remove_tree(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	return remove_name(AT_FDCWD, path, st.st_dev);
}
