/* SPDX-License-Identifier: MIT */
/* Who may do what: each set of permissions of each class of user, the sticky bit, set-id bits. For root, who
 * becomes somebody else. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "posix.h"

#define OWNER 1000
#define MEMBER 1001 /* of the owner's group */
#define OTHER 1002

/* errno of R as an exit status, 0 when it worked. */
static int status_of(int r)
{
	return r < 0 ? errno : 0;
}

static int opened(int fd)
{
	if (fd >= 0)
		close(fd);
	return status_of(fd);
}

static int try_read(const void *p)
{
	return opened(open(p, O_RDONLY));
}

static int try_write(const void *p)
{
	return opened(open(p, O_WRONLY));
}

static int try_both(const void *p)
{
	return opened(open(p, O_RDWR));
}

static int try_open_truncate(const void *p)
{
	return opened(open(p, O_RDONLY | O_TRUNC));
}

static int try_access(const void *p)
{
	int bits = 0;

	for (int mode = R_OK; mode; mode >>= 1)
		bits |= faccessat(AT_FDCWD, p, mode, AT_EACCESS) ? 0 : mode;
	return bits;
}

static int try_truncate(const void *p)
{
	return status_of(truncate(p, 1));
}

static int try_chmod(const void *p)
{
	struct stat st;

	return stat(p, &st) ? errno : status_of(chmod(p, st.st_mode & 07777));
}

static int try_chown(const void *p)
{
	return status_of(chown(p, geteuid(), (gid_t)-1));
}

static int try_touch(const void *p)
{
	return status_of(utimensat(AT_FDCWD, p, NULL, 0));
}

static int try_set_times(const void *p)
{
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 2}};

	return status_of(utimensat(AT_FDCWD, p, times, 0));
}

static int try_list(const void *p)
{
	DIR *d = opendir(p);
	int r = d && readdir(d) ? 0 : errno;

	if (d)
		closedir(d);
	return r;
}

static const char *below(const char *p, const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", p, name);
	return path;
}

static int try_search(const void *p)
{
	struct stat st;

	return status_of(stat(below(p, "inner"), &st));
}

static int try_create(const void *p)
{
	return opened(open(below(p, "new"), O_WRONLY | O_CREAT | O_EXCL, 0644));
}

static int try_mkdir(const void *p)
{
	return status_of(mkdir(below(p, "new"), 0755));
}

static int try_symlink(const void *p)
{
	return status_of(symlink("t", below(p, "new")));
}

static int try_mkfifo(const void *p)
{
	return status_of(mkfifo(below(p, "new"), 0644));
}

static int try_unlink(const void *p)
{
	return status_of(unlink(below(p, "inner")));
}

static int try_rename_within(const void *p)
{
	char from[64];

	snprintf(from, sizeof(from), "%s", below(p, "inner"));
	return status_of(rename(from, below(p, "new")));
}

static int try_chdir(const void *p)
{
	return status_of(chdir(p));
}

static const struct attempt {
	const char *name;
	int (*run)(const void *path);
	bool is_number; /* what it returns is no errno */
} on_file[] = {{"read", try_read, false},	    {"write", try_write, false},
	       {"read and write", try_both, false}, {"open truncate", try_open_truncate, false},
	       {"access", try_access, true},	    {"truncate", try_truncate, false},
	       {"chmod", try_chmod, false},	    {"chown", try_chown, false},
	       {"touch", try_touch, false},	    {"set times", try_set_times, false}},
  on_folder[] = {{"list", try_list, false},	  {"search", try_search, false},
		 {"chdir", try_chdir, false},	  {"access", try_access, true},
		 {"create", try_create, false},	  {"mkdir", try_mkdir, false},
		 {"symlink", try_symlink, false}, {"mkfifo", try_mkfifo, false},
		 {"unlink", try_unlink, false},	  {"rename within", try_rename_within, false},
		 {"chmod", try_chmod, false},	  {"touch", try_touch, false}};

static void answer_of(const struct attempt *a, int status, const char *who, const char *what,
		      unsigned mode)
{
	if (a->is_number || status < 0)
		number(status, "%s by %s of a %s %04o", a->name, who, what, mode);
	else
		text(status ? strerrorname_np(status) : "ok", "%s by %s of a %s %04o", a->name, who,
		     what, mode);
}

static void make_folder(mode_t mode)
{
	clean();
	must(!mkdir("x", 0755), "mkdir");
	put_file("x/inner", "hello");
	must(!chown("x", OWNER, OWNER) && !chown("x/inner", OWNER, OWNER), "chown");
	must(!chmod("x", mode), "chmod");
}

static void make_file(mode_t mode)
{
	clean();
	put_file("x", "hello");
	must(!chown("x", OWNER, OWNER) && !chmod("x", mode), "chown");
}

static const struct who {
	const char *name;
	uid_t uid;
	gid_t gid;
	unsigned shift; /* of its class in the mode */
} whos[] = {{"owner", OWNER, OWNER, 6},
	    {"member", MEMBER, OWNER, 3},
	    {"other", OTHER, OTHER, 0},
	    {"root", 0, 0, 0}};

void area_permissions(void)
{
	/* Its own class has BITS, the other classes have the opposite. */
	for (size_t w = 0; w < ARRAY_SIZE(whos); w++)
		for (unsigned bits = 0; bits < 8; bits++) {
			unsigned mine = bits << whos[w].shift;
			unsigned mode = mine | ((~bits & 7) * 0111 & ~(7U << whos[w].shift));

			for (size_t i = 0; i < ARRAY_SIZE(on_file); i++) {
				make_file(mode);
				answer_of(&on_file[i],
					  as_user(whos[w].uid, whos[w].gid, on_file[i].run, "x"),
					  whos[w].name, "file", mode);
			}
			for (size_t i = 0; i < ARRAY_SIZE(on_folder); i++) {
				make_folder(mode);
				answer_of(&on_folder[i],
					  as_user(whos[w].uid, whos[w].gid, on_folder[i].run, "x"),
					  whos[w].name, "folder", mode);
			}
		}
}

static int try_rename_over(const void *p)
{
	char from[64];

	snprintf(from, sizeof(from), "%s", below(p, "own"));
	return status_of(rename(from, below(p, "inner")));
}

static int try_rmdir(const void *p)
{
	return status_of(rmdir(below(p, "folder")));
}

/* In a folder that all may write to, with the sticky bit, names belong to WHOSE. */
static void ask_sticky(const struct who *who, uid_t folder, uid_t whose)
{
	static const struct attempt attempts[] = {{"unlink", try_unlink, false},
						  {"rename within", try_rename_within, false},
						  {"rename over", try_rename_over, false},
						  {"rmdir", try_rmdir, false}};

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		int status;

		clean();
		must(!mkdir("x", 0755) && !mkdir("x/folder", 0755), "mkdir");
		put_file("x/inner", "hello");
		put_file("x/own", "mine");
		must(!chown("x/inner", whose, whose) && !chown("x/folder", whose, whose) &&
			     !chown("x/own", who->uid, who->gid) && !chown("x", folder, folder) &&
			     !chmod("x", 01777),
		     "sticky");
		status = as_user(who->uid, who->gid, attempts[i].run, "x");
		text(status ? strerrorname_np(status) : "ok",
		     "%s by %s, the folder is of %u, the file of %u", attempts[i].name, who->name,
		     folder, whose);
	}
}

void area_sticky(void)
{
	static const uid_t ids[] = {0, OWNER, OTHER};

	for (size_t w = 0; w < ARRAY_SIZE(whos); w++)
		for (size_t f = 0; f < ARRAY_SIZE(ids); f++)
			for (size_t o = 0; o < ARRAY_SIZE(ids); o++)
				ask_sticky(&whos[w], ids[f], ids[o]);
}
