/* SPDX-License-Identifier: MIT */
/* Files and folders that are open and have no name any more, or another one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "posix.h"

static void lose_by_unlink(void)
{
	must(!unlink("x"), "unlink");
}

static void lose_by_rename_over(void)
{
	put_file("y", "other");
	must(!rename("y", "x"), "rename");
}

static void move(void)
{
	must(!rename("x", "z"), "rename");
}

static void move_to_other_folder(void)
{
	must(!mkdir("d", 0755) && !rename("x", "d/z"), "rename");
}

static void lose_and_make_again(void)
{
	must(!unlink("x"), "unlink");
	put_file("x", "new");
}

static void keep_a_link(void)
{
	must(!link("x", "kept") && !unlink("x"), "link");
}

static const struct loss {
	const char *name;
	void (*run)(void);
} losses[] = {{"unlinked", lose_by_unlink},
	      {"renamed over", lose_by_rename_over},
	      {"renamed", move},
	      {"moved", move_to_other_folder},
	      {"made again", lose_and_make_again},
	      {"linked and unlinked", keep_a_link}};

static void ask_content(const char *how, int fd)
{
	char buf[16] = "";

	number(pread(fd, buf, sizeof(buf) - 1, 0), "%s: read", how);
	text(buf, "%s: content", how);
	number(pwrite(fd, "HE", 2, 0), "%s: write", how);
	number(pwrite(fd, "far", 3, 10000), "%s: write far", how);
	memset(buf, 0, sizeof(buf));
	number(pread(fd, buf, 5, 0), "%s: read again", how);
	text(buf, "%s: content again", how);
	result(fsync(fd), "%s: fsync", how);
	result(fdatasync(fd), "%s: fdatasync", how);
	result(ftruncate(fd, 3), "%s: truncate", how);
	number(lseek(fd, 0, SEEK_END), "%s: seek to the end", how);
}

static void ask_attributes(const char *how, int fd)
{
	const struct timespec t[2] = {{.tv_sec = 5}, {.tv_sec = 6}};
	char buf[STATE_SIZE];
	struct stat st;

	result(fchmod(fd, 0600), "%s: chmod", how);
	result(fchown(fd, 0, 0), "%s: chown", how);
	result(futimens(fd, t), "%s: utimens", how);
	result(fsetxattr(fd, "user.a", "v", 1, 0), "%s: setxattr", how);
	result(fgetxattr(fd, "user.a", buf, 1), "%s: getxattr", how);
	result(fremovexattr(fd, "user.a"), "%s: removexattr", how);
	result(flock(fd, LOCK_EX | LOCK_NB), "%s: flock", how);
	result(fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK}), "%s: lock", how);
	if (fstat(fd, &st))
		result(-1, "%s: stat", how);
	else
		text(state_of_stat(&st, buf), "%s: stat", how);
	number(fstat(fd, &st) ? -1 : st.st_mtim.tv_sec, "%s: mtime", how);
}

static void ask_names(const char *how, int fd)
{
	autofree char *names = NULL;
	char path[64], buf[STATE_SIZE];

	text(state_of("x", buf), "%s: what has its name", how);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	result(linkat(AT_FDCWD, path, AT_FDCWD, "again", AT_SYMLINK_FOLLOW), "%s: linked again",
	       how);
	names = names_in(".");
	text(names, "%s: names", how);
}

static void ask_file(const struct loss *l)
{
	autoclose int fd = -1;

	clean();
	put_file("x", "hello");
	fd = open("x", O_RDWR | O_CLOEXEC);
	must(fd >= 0, "open");
	l->run();
	ask_content(l->name, fd);
	ask_attributes(l->name, fd);
	ask_names(l->name, fd);
}

static void ask_map(const struct loss *l)
{
	autoclose int fd = -1;
	char *map;

	clean();
	put_file("x", "hello");
	fd = open("x", O_RDWR | O_CLOEXEC);
	map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	must(map != MAP_FAILED, "mmap");
	l->run();
	text(map[0] == 'h' ? "right" : "other", "%s: a map", l->name);
	munmap(map, 4096);
	map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	text(map != MAP_FAILED && map[4] == 'o' ? "right" : "other", "%s: a map made later",
	     l->name);
	if (map != MAP_FAILED)
		munmap(map, 4096);
}

static void ask_folder(void)
{
	char buf[STATE_SIZE];
	struct stat st;
	int fd;
	DIR *d;

	clean();
	must(!mkdir("d", 0755), "mkdir");
	fd = open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd >= 0 && !rmdir("d"), "rmdir");
	text(fstat(fd, &st) ? strerrorname_np(errno) : state_of_stat(&st, buf),
	     "a folder removed: stat");
	result(openat(fd, "f", O_CREAT | O_WRONLY, 0644), "a folder removed: create");
	result(mkdirat(fd, "f", 0755), "a folder removed: mkdir");
	result(fchmod(fd, 0700), "a folder removed: chmod");
	d = fdopendir(fd);
	must(d != NULL, "fdopendir");
	number(readdir(d) != NULL, "a folder removed: a name");
	closedir(d);
}

static void ask_moved_folder(void)
{
	autoclose int fd = -1;

	clean();
	must(!mkdir("d", 0755) && !mkdir("e", 0755), "mkdir");
	put_file("d/f", "hello");
	fd = open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd >= 0 && !rename("d", "e/moved"), "rename");
	result(faccessat(fd, "f", F_OK, 0), "a folder moved: a name in it");
	result(faccessat(fd, "../moved", F_OK, 0), "a folder moved: its parent");
	result(mkdirat(fd, "g", 0755), "a folder moved: mkdir");
	result(access("e/moved/g", F_OK), "a folder moved: seen there");
	result(unlinkat(fd, "f", 0), "a folder moved: unlink");
	result(access("d", F_OK), "a folder moved: its old name");
}

void area_unlinked(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
		ask_file(&losses[i]);
		ask_map(&losses[i]);
	}
	ask_folder();
	ask_moved_folder();
}
