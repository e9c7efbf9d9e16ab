/* SPDX-License-Identifier: MIT */
/* A folder of the host to be served: with what may lead out of it, in a folder of which nobody may
 * see or change anything. */
#ifndef TESTS_HOSTILE_FOLDER_H
#define TESTS_HOSTILE_FOLDER_H

#undef NDEBUG
#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "macros.h"

#define SECRET "this-is-outside"

/* The folder that is served, made again for each input, in a folder with what must stay. */
static char outer[64], inner[80];

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)type;
	if (ftw->level == 0)
		return 0;
	if (S_ISDIR(st->st_mode))
		chmod(path, 0700);
	remove(path);
	return 0;
}

static inline void put_file(const char *folder, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	assert(f);
	fputs(text, f);
	fclose(f);
}

static inline void fill_folder(void)
{
	int fd;

	chmod(inner, 0755);
	nftw(inner, remove_one, 20, FTW_DEPTH | FTW_PHYS);
	put_file(inner, "a", "hello world");
	fd = open(inner, O_PATH | O_CLOEXEC);
	assert(fd >= 0 && !mkdirat(fd, "d", 0755) && !mkdirat(fd, "d/e", 0755));
	assert(!symlinkat("..", fd, "up") && !symlinkat("a", fd, "l"));
	assert(!mkfifoat(fd, "fifo", 0644));
	close(fd);
}

/* What somebody else does in the folder meanwhile; any number says what. */
static inline void disturb_folder(unsigned what)
{
	static const char *const names[] = {"a", "d", "l", "fifo", "e", "b"};
	const char *one = names[what / 8 % ARRAY_SIZE(names)];
	const char *other = names[what / 64 % ARRAY_SIZE(names)];
	int fd = open(inner, O_PATH | O_CLOEXEC);
	int below = openat(fd, "d", O_PATH | O_NOFOLLOW | O_CLOEXEC);

	assert(fd >= 0);
	/* only the client is tempted by links */
	if (what / 512 % 2 && below >= 0) {
		close(fd);
		fd = below;
	} else if (below >= 0) {
		close(below);
	}
	switch (what % 8) {
	case 0:
		(void)!renameat2(fd, one, fd, other, 0);
		break;
	case 1:
		(void)!renameat2(fd, one, fd, other, RENAME_EXCHANGE);
		break;
	case 2:
		(void)!unlinkat(fd, one, 0);
		(void)!symlinkat("../a", fd, one);
		break;
	case 3:
		(void)!unlinkat(fd, one, 0);
		(void)!symlinkat(one, fd, one);
		break;
	case 4:
		(void)!unlinkat(fd, one, AT_REMOVEDIR);
		(void)!mkfifoat(fd, one, 0600);
		break;
	case 5:
		(void)!fchmodat(fd, one, 0, AT_SYMLINK_NOFOLLOW);
		break;
	case 6:
		(void)!mkdirat(fd, one, 0700);
		break;
	default:
		(void)!linkat(fd, one, fd, other, 0);
	}
	close(fd);
}

static inline void check_outside(void)
{
	char path[96], text[64] = "";
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "%s/a", outer);
	f = fopen(path, "re");
	assert(f && fgets(text, sizeof(text), f) && !strcmp(text, SECRET));
	assert(!fstat(fileno(f), &st) && st.st_nlink == 1 && (st.st_mode & 07777) == 0644);
	fclose(f);
	assert(!stat(outer, &st) && st.st_nlink == 3 && (st.st_mode & 07777) == 0700);
}

static inline void remove_all(void)
{
	nftw(outer, remove_one, 20, FTW_DEPTH | FTW_PHYS);
	remove(outer);
}

static inline void make_folder(void)
{
	snprintf(outer, sizeof(outer), "%s/warren-test-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	assert(mkdtemp(outer));
	snprintf(inner, sizeof(inner), "%s/in", outer);
	umask(022);
	assert(!mkdir(inner, 0755));
	put_file(outer, "a", SECRET);
	atexit(remove_all);
}

#endif
