/* SPDX-License-Identifier: MIT */
/* Set-user-id and set-group-id bits: what is inherited, and what takes them away. For root. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "posix.h"

#define OWNER 1000
#define MEMBER 1001
#define OTHER 1002

static int status_of(long r)
{
	return r < 0 ? errno : 0;
}

static int do_write(const void *p)
{
	autoclose int fd = open(p, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? errno : status_of(write(fd, "x", 1));
}

static int do_write_nothing(const void *p)
{
	autoclose int fd = open(p, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? errno : status_of(write(fd, "", 0));
}

static int do_truncate(const void *p)
{
	return status_of(truncate(p, 1));
}

static int do_open_truncate(const void *p)
{
	autoclose int fd = open(p, O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd < 0 ? errno : 0;
}

static int do_allocate(const void *p)
{
	autoclose int fd = open(p, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? errno : status_of(posix_fallocate(fd, 0, 100));
}

static int do_chown_same(const void *p)
{
	return status_of(chown(p, (uid_t)-1, OWNER));
}

static int do_chown_group(const void *p)
{
	return status_of(chown(p, (uid_t)-1, getegid()));
}

static int do_chmod(const void *p)
{
	return status_of(chmod(p, 06777));
}

static int do_touch(const void *p)
{
	return status_of(utimensat(AT_FDCWD, p, NULL, 0));
}

static const struct act {
	const char *name;
	int (*run)(const void *path);
} acts[] = {{"write", do_write},
	    {"write of nothing", do_write_nothing},
	    {"truncate", do_truncate},
	    {"open truncate", do_open_truncate},
	    {"allocate", do_allocate},
	    {"chown to the same", do_chown_same},
	    {"chown to my group", do_chown_group},
	    {"chmod 6777", do_chmod},
	    {"touch", do_touch}};

static const struct who {
	const char *name;
	uid_t uid;
	gid_t gid;
} whos[] = {{"owner", OWNER, OWNER},
	    {"owner in another group", OWNER, OTHER},
	    {"member", MEMBER, OWNER},
	    {"other", OTHER, OTHER},
	    {"root", 0, 0}};

static void ask_lost(const struct act *a, const struct who *w, mode_t mode)
{
	char buf[STATE_SIZE];
	int status;

	clean();
	put_file("x", "hello");
	must(!chown("x", OWNER, OWNER) && !chmod("x", mode), "chmod");
	status = as_user(w->uid, w->gid, a->run, "x");
	text(status ? strerrorname_np(status) : "ok", "%s by %s, mode %04o", a->name, w->name,
	     mode);
	text(state_of("x", buf), "%s by %s, mode %04o, then", a->name, w->name, mode);
}

static int make_below(const void *p)
{
	char path[64];
	int fd;

	(void)p;
	umask(0);
	snprintf(path, sizeof(path), "x/file");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 02775);
	if (fd < 0 || close(fd))
		return errno;
	return status_of(mkdir("x/folder", 0770) | mkfifo("x/fifo", 0660) | symlink("t", "x/link") |
			 mknod("x/node", S_IFREG | 02755, 0));
}

static void ask_inherited(const struct who *w, mode_t mode, gid_t group)
{
	static const char *const names[] = {"file", "folder", "fifo", "link", "node"};
	int status;

	clean();
	must(!mkdir("x", 0755) && !chown("x", 0, group) && !chmod("x", mode), "mkdir");
	status = as_user(w->uid, w->gid, make_below, NULL);
	text(status ? strerrorname_np(status) : "ok", "made by %s below %04o of %u", w->name, mode,
	     group);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[64], said[STATE_SIZE + 40], buf[STATE_SIZE];
		struct stat st;

		snprintf(path, sizeof(path), "x/%s", names[i]);
		if (lstat(path, &st))
			snprintf(said, sizeof(said), "%s", strerrorname_np(errno));
		else
			snprintf(said, sizeof(said), "%s of %u:%u", state_of_stat(&st, buf),
				 st.st_uid, st.st_gid);
		text(said, "%s made by %s below %04o of %u", names[i], w->name, mode, group);
	}
}

void area_set_id(void)
{
	static const mode_t modes[] = {06777, 04777, 02777, 02767};
	static const mode_t folders[] = {0777, 02777, 03777};
	static const gid_t groups[] = {0, OWNER, OTHER};

	for (size_t a = 0; a < ARRAY_SIZE(acts); a++)
		for (size_t w = 0; w < ARRAY_SIZE(whos); w++)
			for (size_t m = 0; m < ARRAY_SIZE(modes); m++)
				ask_lost(&acts[a], &whos[w], modes[m]);
	for (size_t w = 0; w < ARRAY_SIZE(whos); w++)
		for (size_t m = 0; m < ARRAY_SIZE(folders); m++)
			for (size_t g = 0; g < ARRAY_SIZE(groups); g++)
				ask_inherited(&whos[w], folders[m], groups[g]);
}
