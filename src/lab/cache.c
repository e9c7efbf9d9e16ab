/* SPDX-License-Identifier: MIT */
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "kernel.h"
#include "logging.h"
#include "path.h"

int lab_why(int r, char **ret_why, const char *fmt, ...)
{
	va_list args;

	if (!ret_why || *ret_why)
		return r;
	va_start(args, fmt);
	if (vasprintf(ret_why, fmt, args) < 0)
		*ret_why = NULL;
	va_end(args);
	return r;
}

int make_dirs(const char *path)
{
	autofree char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0777) && errno != EEXIST)
			return -errno;
		*p = c;
		if (!c)
			return 0;
	}
}

const char *lab_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home && home[0] == '/')
		return home;
	pw = getpwuid(getuid());
	return pw ? pw->pw_dir : NULL;
}

/* A relative $WARREN_CACHE is below the working directory, which may change later. */
static char *make_absolute(const char *path)
{
	autofree char *cwd = NULL;

	if (path[0] == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	return cwd ? path_join(cwd, path) : NULL;
}

int lab_cache_dir(char **ret_dir)
{
	const char *own = getenv("WARREN_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = lab_home();
	autofree char *dir = NULL;
	int r;

	if (own && *own)
		dir = make_absolute(own);
	else if (xdg && xdg[0] == '/')
		dir = path_join(xdg, "warren");
	else if (home)
		dir = path_join(home, ".cache/warren");
	if (!dir)
		return -ENOENT;
	r = make_dirs(dir);
	if (r)
		return r;
	*ret_dir = steal_ptr(&dir);
	return 0;
}

/* nftw takes no argument for its callback. */
static _Thread_local uint64_t size_sum;

static int add_size(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	if (type == FTW_F)
		size_sum += (uint64_t)st->st_size;
	return 0;
}

uint64_t tree_size(const char *path)
{
	size_sum = 0;
	nftw(path, add_size, 32, FTW_PHYS | FTW_MOUNT);
	return size_sum;
}

static int open_lock(const struct cache_work *w, int *ret_fd)
{
	autofree char *dir = NULL, *file = NULL;
	int fd, r;

	if (asprintf(&dir, "%s/lock", w->cache) < 0 || asprintf(&file, "%s/%s", dir, w->thing) < 0)
		return -ENOMEM;
	r = make_dirs(dir);
	if (r)
		return r;
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int take_lock(struct cache_work *w)
{
	int r = open_lock(w, &w->lock);

	if (r)
		return r;
	if (!flock(w->lock, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return -errno;
	log_info("%s: another warren is making it, waiting until it is done", w->thing);
	return flock(w->lock, LOCK_EX) ? -errno : 0;
}

/* Whoever holds the lock owns all temporary folders of the name. */
static void remove_leftovers(const struct cache_work *w)
{
	autofree char *dir = NULL;
	autoclosedir DIR *d = NULL;
	size_t len = strlen(w->thing);
	struct dirent *e;

	if (asprintf(&dir, "%s/tmp", w->cache) < 0 || !(d = opendir(dir)))
		return;
	while ((e = readdir(d))) {
		autofree char *path = NULL;

		if (!strncmp(e->d_name, w->thing, len) && e->d_name[len] == '.' &&
		    asprintf(&path, "%s/%s", dir, e->d_name) > 0)
			remove_tree(path);
	}
}

static int say_unusable(int r, const char *dir, char **ret_why)
{
	if (r == -EINTR)
		return lab_why(r, ret_why, "interrupted");
	if (r == -ENOSPC)
		return lab_why(r, ret_why, "the disk that holds the cache folder %s is full", dir);
	return lab_why(
		r, ret_why,
		"the cache folder %s cannot be used: %s; set WARREN_CACHE to a folder of yours",
		dir, strerror(-r));
}

/* What lab_cache_dir tried, for the message. */
static const char *wanted_dir(void)
{
	const char *own = getenv("WARREN_CACHE"), *xdg = getenv("XDG_CACHE_HOME");

	return own && *own ? own : xdg && *xdg ? xdg : "~/.cache/warren";
}

int cache_work_begin(const char *thing, struct cache_work *ret_w, char **ret_why)
{
	cleanup(cache_work_end) struct cache_work w = CACHE_WORK_INIT;
	int r = lab_cache_dir(&w.cache);

	if (r)
		return say_unusable(r, wanted_dir(), ret_why);
	w.thing = strdup(thing);
	if (!w.thing)
		return -ENOMEM;
	r = take_lock(&w);
	if (r)
		return say_unusable(r, w.cache, ret_why);
	remove_leftovers(&w);
	*ret_w = w;
	w = (struct cache_work)CACHE_WORK_INIT;
	return 0;
}

int cache_work_make_tmp(struct cache_work *w, unsigned mib, char **ret_why)
{
	autofree char *dir = NULL, *tmp = NULL;
	struct statvfs fs;
	uint64_t free_mib;
	int r;

	if (asprintf(&dir, "%s/tmp", w->cache) < 0 ||
	    asprintf(&tmp, "%s/%s.XXXXXX", dir, w->thing) < 0)
		return -ENOMEM;
	r = make_dirs(dir);
	if (r)
		return say_unusable(r, w->cache, ret_why);
	if (!statvfs(dir, &fs)) {
		free_mib = (uint64_t)fs.f_bavail * fs.f_frsize >> 20;
		if (free_mib < mib)
			return lab_why(
				-ENOSPC, ret_why,
				"no room in the cache folder %s: %s needs %u MB, %lu MB are free; "
				"make room, or set WARREN_CACHE to a folder on another disk",
				w->cache, w->thing, mib, (unsigned long)free_mib);
	}
	if (!mkdtemp(tmp))
		return say_unusable(-errno, w->cache, ret_why);
	/* What is published is for everybody who may read the cache folder. */
	(void)!chmod(tmp, 0755);
	w->tmp = steal_ptr(&tmp);
	return 0;
}

int cache_work_publish(struct cache_work *w, const char *sub, const char *folder, const char *entry)
{
	autofree char *dir = NULL, *from = NULL, *to = NULL, *old = NULL;
	int r;

	if (asprintf(&dir, "%s/%s", w->cache, folder) < 0 ||
	    asprintf(&from, "%s%s%s", w->tmp, sub ? "/" : "", sub ? sub : "") < 0 ||
	    asprintf(&to, "%s/%s", dir, entry) < 0 ||
	    asprintf(&old, "%s/tmp/%s.old", w->cache, w->thing) < 0)
		return -ENOMEM;
	r = make_dirs(dir);
	if (r)
		return r;
	/* A folder cannot be renamed over another that is not empty. */
	if (!rename(to, old))
		remove_tree(old);
	if (rename(from, to))
		return -errno;
	if (!sub)
		free(steal_ptr(&w->tmp));
	return 0;
}

void cache_work_end(struct cache_work *w)
{
	int saved = errno;

	if (w->tmp)
		remove_tree(w->tmp);
	if (w->lock >= 0)
		close(w->lock);
	free(w->tmp);
	free(w->thing);
	free(w->cache);
	*w = (struct cache_work)CACHE_WORK_INIT;
	errno = saved;
}
