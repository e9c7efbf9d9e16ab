/* SPDX-License-Identifier: MIT */
/* Which times an operation moves: of the file, and of its folder. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "posix.h"

static void do_nothing(void)
{
}

static void do_read(void)
{
	autoclose int fd = open("d/x", O_RDONLY | O_CLOEXEC);
	char c;

	must(read(fd, &c, 1) == 1, "read");
}

static void do_write(void)
{
	autoclose int fd = open("d/x", O_WRONLY | O_CLOEXEC);

	must(write(fd, "y", 1) == 1 && !fsync(fd), "write");
}

static void do_write_nothing(void)
{
	autoclose int fd = open("d/x", O_WRONLY | O_CLOEXEC);

	must(write(fd, "", 0) == 0, "write");
}

static void do_truncate(void)
{
	must(!truncate("d/x", 2), "truncate");
}

static void do_truncate_same(void)
{
	must(!truncate("d/x", 5), "truncate");
}

static void do_open_truncate(void)
{
	autoclose int fd = open("d/x", O_WRONLY | O_TRUNC | O_CLOEXEC);

	must(fd >= 0, "open");
}

static void do_open_create(void)
{
	autoclose int fd = open("d/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	must(fd >= 0, "open");
}

static void do_chmod(void)
{
	must(!chmod("d/x", 0600), "chmod");
}

static void do_chown(void)
{
	must(!chown("d/x", getuid(), getgid()), "chown");
}

static void do_link(void)
{
	must(!link("d/x", "d/y"), "link");
}

static void do_rename(void)
{
	must(!rename("d/x", "d/y") && !rename("d/y", "d/x"), "rename");
}

static void do_create(void)
{
	put_file("d/new", "");
}

static void do_mkdir(void)
{
	must(!mkdir("d/new", 0755), "mkdir");
}

static void do_symlink(void)
{
	must(!symlink("t", "d/new"), "symlink");
}

static void do_mkfifo(void)
{
	must(!mkfifo("d/new", 0644), "mkfifo");
}

static void do_unlink_other(void)
{
	must(!unlink("d/other"), "unlink");
}

static void do_unlink_link(void)
{
	must(!unlink("d/second"), "unlink");
}

static void do_access(void)
{
	must(!access("d/x", R_OK), "access");
}

static void do_utimes(void)
{
	must(!utimensat(AT_FDCWD, "d/x", NULL, 0), "utimensat");
}

static void do_utimes_omit(void)
{
	const struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};

	must(!utimensat(AT_FDCWD, "d/x", t, 0), "utimensat");
}

static void do_utimes_mtime(void)
{
	const struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};

	must(!utimensat(AT_FDCWD, "d/x", t, 0), "utimensat");
}

static const struct act {
	const char *name;
	void (*run)(void);
} acts[] = {{"nothing", do_nothing},
	    {"read", do_read},
	    {"write", do_write},
	    {"write of nothing", do_write_nothing},
	    {"truncate", do_truncate},
	    {"truncate to the same size", do_truncate_same},
	    {"open truncate", do_open_truncate},
	    {"open create of what exists", do_open_create},
	    {"chmod", do_chmod},
	    {"chown", do_chown},
	    {"link", do_link},
	    {"rename there and back", do_rename},
	    {"create", do_create},
	    {"mkdir", do_mkdir},
	    {"symlink", do_symlink},
	    {"mkfifo", do_mkfifo},
	    {"unlink of another", do_unlink_other},
	    {"unlink of another name of it", do_unlink_link},
	    {"access", do_access},
	    {"utimes now", do_utimes},
	    {"utimes of nothing", do_utimes_omit},
	    {"utimes of mtime", do_utimes_mtime}};

static bool is_same(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static void answer_for(const char *act, const char *of, const struct stat *a, const struct stat *b)
{
	text(is_same(a->st_atim, b->st_atim) ? "stays" : "moves", "%s: atime of the %s", act, of);
	text(is_same(a->st_mtim, b->st_mtim) ? "stays" : "moves", "%s: mtime of the %s", act, of);
	text(is_same(a->st_ctim, b->st_ctim) ? "stays" : "moves", "%s: ctime of the %s", act, of);
}

static void ask(const struct act *a)
{
	static const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000001}};
	struct stat file[2], folder[2];

	clean();
	must(!mkdir("d", 0755), "mkdir");
	put_file("d/x", "hello");
	put_file("d/other", "");
	must(!link("d/x", "d/second"), "link");
	must(!utimensat(AT_FDCWD, "d/x", old, 0) && !utimensat(AT_FDCWD, "d", old, 0), "times");
	must(!stat("d/x", &file[0]) && !stat("d", &folder[0]), "stat");
	wait_for_clock();
	a->run();
	must(!stat("d/x", &file[1]) && !stat("d", &folder[1]), "stat");
	answer_for(a->name, "file", &file[0], &file[1]);
	answer_for(a->name, "folder", &folder[0], &folder[1]);
}

/* What is set is what is read. */
static void ask_exact(time_t sec, long nsec)
{
	const struct timespec t[2] = {{sec, nsec}, {sec + 1, nsec / 2}};
	char said[80];
	struct stat st;
	int r;

	clean();
	put_file("x", "");
	r = utimensat(AT_FDCWD, "x", t, 0);
	result(r, "set %lld.%09ld", (long long)sec, nsec);
	if (r)
		return;
	must(!stat("x", &st), "stat");
	snprintf(said, sizeof(said), "%lld.%09ld %lld.%09ld", (long long)st.st_atim.tv_sec,
		 st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	text(said, "set %lld.%09ld, read", (long long)sec, nsec);
}

void area_times(void)
{
	static const time_t secs[] = {0,	  1,	      1000000000, 2147483646,
				      2147483648, 4294967296, -1,	  -1000};

	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		ask(&acts[i]);
	for (size_t i = 0; i < ARRAY_SIZE(secs); i++) {
		ask_exact(secs[i], 0);
		ask_exact(secs[i], 999999999);
	}
	ask_exact(1, 1000000000);
}
