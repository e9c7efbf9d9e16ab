/* SPDX-License-Identifier: MIT */
#include "state-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"

#define PREFIX "warren-guest-"

void state_folder_remove(const char *path)
{
	int saved = errno;

	remove_tree(path);
	errno = saved;
}

/* Between mkdtemp and flock a sweep may have taken it for abandoned. */
static bool is_still_there(const char *path, int fd)
{
	struct stat named, opened;

	return !lstat(path, &named) && !fstat(fd, &opened) && named.st_ino == opened.st_ino &&
	       named.st_dev == opened.st_dev;
}

static int open_folder(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int make_once(const char *base, struct state_folder *ret_f)
{
	autofree char *path = NULL;
	autoclose int fd = -1;

	if (asprintf(&path, "%s/" PREFIX "XXXXXX", base) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (!mkdtemp(path))
		return -errno;
	fd = open_folder(AT_FDCWD, path);
	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	if (flock(fd, LOCK_EX))
		return -errno;
	if (!is_still_there(path, fd))
		return -EAGAIN;
	ret_f->path = steal_ptr(&path);
	ret_f->lock = steal_fd(&fd);
	return 0;
}

int state_folder_make(const char *base, struct state_folder *ret_f)
{
	int r;

	do
		r = make_once(base, ret_f);
	while (r == -EAGAIN);
	return r;
}

void state_folder_done(struct state_folder *f)
{
	if (f->path)
		state_folder_remove(f->path);
	free(f->path);
	if (f->lock >= 0)
		close(f->lock);
	*f = (struct state_folder)STATE_FOLDER_INIT;
}

static void sweep_one(int base_fd, const char *base, const char *name)
{
	autofree char *path = NULL;
	autoclose int fd = open_folder(base_fd, name);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || st.st_uid != geteuid() || flock(fd, LOCK_EX | LOCK_NB))
		return;
	if (asprintf(&path, "%s/%s", base, name) < 0) {
		path = NULL;
		return;
	}
	state_folder_remove(path);
}

void state_folder_sweep(const char *base)
{
	autoclosedir DIR *d = opendir(base);

	for (struct dirent *e; d && (e = readdir(d));)
		if (!strncmp(e->d_name, PREFIX, strlen(PREFIX)))
			sweep_one(dirfd(d), base, e->d_name);
}

static bool is_in_use(int base_fd, const char *name)
{
	autoclose int fd = open_folder(base_fd, name);
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && st.st_uid == geteuid() &&
	       flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int state_folder_each(const char *base, int (*fn)(void *ctx, const char *path), void *ctx)
{
	autoclosedir DIR *d = opendir(base);
	int r = 0;

	for (struct dirent *e; d && !r && (e = readdir(d));) {
		autofree char *path = NULL;

		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) || !is_in_use(dirfd(d), e->d_name))
			continue;
		if (asprintf(&path, "%s/%s", base, e->d_name) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		r = fn(ctx, path);
	}
	return r;
}
