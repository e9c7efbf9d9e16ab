/* SPDX-License-Identifier: MIT */
#include "kernel-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apt.h"
#include "cleanup.h"
#include "kernel.h"
#include "path.h"
#include "slurp.h"

#define KEPT 2
#define STATE_LIMIT 4096

/* HASH VERSION SUITE PACKAGE, in one line. Who has no such file is unfinished. */
static char *state_path(const char *dir)
{
	return path_join(dir, "state");
}

static int read_state(const char *path, const char *hash, struct kernel_tree *t)
{
	autofree char *text = NULL;
	char *save, *h, *v, *s, *p;
	int r = slurp(path, STATE_LIMIT, &text, NULL);

	if (r)
		return r;
	h = strtok_r(text, " \n", &save);
	v = strtok_r(NULL, " \n", &save);
	s = strtok_r(NULL, " \n", &save);
	p = strtok_r(NULL, " \n", &save);
	if (!h || !v || !s || !p || strcmp(h, hash) != 0)
		return -ESTALE;
	t->version = strdup(v);
	t->suite = strdup(s);
	t->package = strdup(p);
	return t->version && t->suite && t->package ? 0 : -ENOMEM;
}

int kernel_tree_open(const char *cache, const char *name, const char *hash,
		     struct kernel_tree *ret_t)
{
	cleanup(kernel_tree_done) struct kernel_tree t = KERNEL_TREE_INIT;
	autofree char *build = path_join(cache, "build"), *state = NULL;
	int r;

	t.dir = build ? path_join(build, name) : NULL;
	t.src = t.dir ? path_join(t.dir, "source") : NULL;
	state = t.dir ? state_path(t.dir) : NULL;
	if (!t.src || !state)
		return -ENOMEM;
	r = read_state(state, hash, &t);
	if (!r && unlink(state))
		r = -errno;
	if (r == -ENOENT || r == -ESTALE)
		r = kernel_tree_drop(&t);
	if (!r)
		r = make_dirs(t.dir);
	if (r)
		return r;
	*ret_t = t;
	t = (struct kernel_tree)KERNEL_TREE_INIT;
	return 0;
}

static int replace(char **text, const char *by)
{
	char *copy = strdup(by);

	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

int kernel_tree_set(struct kernel_tree *t, const struct apt_package *p)
{
	int r = replace(&t->version, p->version);

	r = r ? r : replace(&t->suite, p->suite);
	return r ? r : replace(&t->package, p->name);
}

int kernel_tree_drop(const struct kernel_tree *t)
{
	return remove_tree(t->dir);
}

void kernel_tree_done(struct kernel_tree *t)
{
	free(t->dir);
	free(t->src);
	free(t->version);
	free(t->suite);
	free(t->package);
	*t = (struct kernel_tree)KERNEL_TREE_INIT;
}

/* -EWOULDBLOCK when somebody builds in it. */
static int lock_tree(const char *cache, const char *name, int *ret_fd)
{
	autofree char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/lock/kernel-%s", cache, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		int r = -errno;

		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static int remove_unused(const char *cache, const char *build, const char *name)
{
	autofree char *dir = path_join(build, name);
	autoclose int lock = -1;
	int r = dir ? lock_tree(cache, name, &lock) : -ENOMEM;

	if (r == -EWOULDBLOCK)
		return 0;
	return r ? r : remove_tree(dir);
}

struct candidate {
	char name[256];
	struct timespec kept;
};

static bool is_newer(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* The number of finished trees, and the one that was kept first. */
static unsigned find_oldest(const char *build, struct candidate *ret_oldest)
{
	autoclosedir DIR *d = opendir(build);
	const struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d))) {
		autofree char *dir = path_join(build, e->d_name), *state = NULL;
		struct stat st;

		state = dir && e->d_name[0] != '.' ? state_path(dir) : NULL;
		if (!state || stat(state, &st))
			continue;
		if (!n++ || is_newer(&ret_oldest->kept, &st.st_mtim)) {
			snprintf(ret_oldest->name, sizeof(ret_oldest->name), "%s", e->d_name);
			ret_oldest->kept = st.st_mtim;
		}
	}
	return n;
}

static int drop_old(const struct kernel_tree *t)
{
	autofree char *build = strdup(t->dir), *cache = NULL;
	struct candidate oldest;
	int r = 0;

	if (!build)
		return -ENOMEM;
	*strrchr(build, '/') = '\0';
	cache = strdup(build);
	if (!cache)
		return -ENOMEM;
	*strrchr(cache, '/') = '\0';
	for (unsigned n = find_oldest(build, &oldest); n > KEPT && !r; n--) {
		r = remove_unused(cache, build, oldest.name);
		find_oldest(build, &oldest);
	}
	return r;
}

int kernel_tree_keep(const struct kernel_tree *t, const char *hash)
{
	autofree char *state = state_path(t->dir), *text = NULL;
	int r;

	if (!state ||
	    asprintf(&text, "%s %s %s %s\n", hash, t->version, t->suite, t->package) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	r = path_write(state, text, strlen(text));
	return r ? r : drop_old(t);
}

int kernel_trees_size(bool remove, uint64_t *ret_bytes)
{
	autofree char *cache = NULL, *build = NULL;
	autoclosedir DIR *d = NULL;
	const struct dirent *e;
	uint64_t before = 0, after;
	int r = lab_cache_dir(&cache);

	if (r)
		return r;
	build = path_join(cache, "build");
	if (!build)
		return -ENOMEM;
	before = tree_size(build);
	d = opendir(build);
	while (remove && !r && d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			r = remove_unused(cache, build, e->d_name);
	if (r)
		return r;
	/* Another process may build meanwhile. */
	after = remove ? tree_size(build) : 0;
	*ret_bytes = before > after ? before - after : 0;
	return 0;
}
