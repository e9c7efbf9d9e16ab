/* SPDX-License-Identifier: MIT */
#include "walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

#include "cleanup.h"
#include "macros.h"

/* The names of one folder, each with its d_type before and a NUL behind. */
struct names {
	char *bytes;
	size_t n, cap;
};

/* The buffers stand here, once, and not in frames that a deep tree would repeat. */
struct walk {
	const struct walk_visitor *visitor;
	void *ctx;
	char target[PATH_MAX + 1];
	union {
		char bytes[32768];
		struct dirent64 align;
	} dents;
};

static int walk_folder(struct walk *w, int dir_fd);

static int add_name(struct names *l, const struct dirent64 *d)
{
	size_t len = strlen(d->d_name) + 2;

	if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
		return 0;
	if (l->cap - l->n < len) {
		size_t cap = MAX(l->cap * 2, (size_t)4096);
		char *grown = realloc(l->bytes, cap);

		if (!grown)
			return ENOMEM;
		l->bytes = grown;
		l->cap = cap;
	}
	l->bytes[l->n] = (char)d->d_type;
	memcpy(l->bytes + l->n + 1, d->d_name, len - 1);
	l->n += len;
	return 0;
}

/* All names are read before the first is visited, so that no cursor of the folder stays open over
 * what may take minutes. Returns an errno. */
static int list_folder(struct walk *w, int fd, struct names *l)
{
	ssize_t n;

	while ((n = getdents64(fd, w->dents.bytes, sizeof(w->dents.bytes))) > 0) {
		for (char *at = w->dents.bytes; at < w->dents.bytes + n;) {
			const struct dirent64 *d = (const void *)at;
			int err = add_name(l, d);

			if (err)
				return err;
			at += d->d_reclen;
		}
	}
	return n < 0 ? errno : 0;
}

static int visit(struct walk *w, struct walk_entry *e, const char *failed_op)
{
	if (failed_op) {
		e->err = errno;
		e->op = failed_op;
	}
	return w->visitor->entry(w->ctx, e);
}

static int visit_symlink(struct walk *w, struct walk_entry *e)
{
	ssize_t n = readlinkat(e->dir_fd, e->name, w->target, sizeof(w->target) - 1);

	if (n < 0)
		return visit(w, e, "readlink");
	w->target[n] = '\0';
	e->target = w->target;
	return visit(w, e, NULL);
}

/* Opened and then asked for its attributes: a request less than the other order. */
static int visit_opened(struct walk *w, struct walk_entry *e, bool is_folder)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (is_folder ? O_DIRECTORY : O_NONBLOCK);
	autoclose int fd = openat(e->dir_fd, e->name, flags);
	int err = errno, r;

	if (fd < 0) {
		if (fstatat(e->dir_fd, e->name, &e->st, AT_SYMLINK_NOFOLLOW) < 0)
			return visit(w, e, "stat");
		errno = err;
		return visit(w, e, "open");
	}
	if (fstat(fd, &e->st) < 0)
		return visit(w, e, "stat");
	if (is_folder || S_ISREG(e->st.st_mode))
		e->fd = fd;
	r = visit(w, e, NULL);
	return r || !is_folder ? r : walk_folder(w, fd);
}

static int visit_name(struct walk *w, int dir_fd, const char *name, unsigned char type)
{
	struct walk_entry e = {.name = name, .dir_fd = dir_fd, .fd = -1};

	if (type == DT_DIR || type == DT_REG)
		return visit_opened(w, &e, type == DT_DIR);
	if (fstatat(dir_fd, name, &e.st, AT_SYMLINK_NOFOLLOW) < 0)
		return visit(w, &e, "stat");
	if (S_ISLNK(e.st.st_mode))
		return visit_symlink(w, &e);
	if (S_ISDIR(e.st.st_mode) || S_ISREG(e.st.st_mode))
		return visit_opened(w, &e, S_ISDIR(e.st.st_mode));
	return visit(w, &e, NULL);
}

static int walk_folder(struct walk *w, int dir_fd)
{
	autofree char *bytes = NULL;
	struct names l = {0};
	int err = list_folder(w, dir_fd, &l), r;

	bytes = l.bytes;
	for (size_t at = 0; at < l.n; at += strlen(bytes + at + 1) + 2) {
		r = visit_name(w, dir_fd, bytes + at + 1, (unsigned char)bytes[at]);
		if (r)
			return r;
	}
	return w->visitor->leave(w->ctx, err);
}

int walk_tree(int root_fd, const struct walk_visitor *v, void *ctx)
{
	struct walk w = {.visitor = v, .ctx = ctx};
	struct walk_entry e = {.name = ".", .dir_fd = -1, .fd = root_fd};
	int r;

	/* It may have been listed before. */
	lseek(root_fd, 0, SEEK_SET);
	if (fstat(root_fd, &e.st) < 0) {
		e.fd = -1;
		return visit(&w, &e, "stat");
	}
	r = visit(&w, &e, NULL);
	return r ? r : walk_folder(&w, root_fd);
}

void walk_raise_fd_limit(void)
{
	struct rlimit l;

	if (!getrlimit(RLIMIT_NOFILE, &l)) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}
