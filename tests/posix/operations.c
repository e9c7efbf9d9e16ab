/* SPDX-License-Identifier: MIT */
/* Every operation on everything that a name can stand for. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "posix.h"

/* Closes what was opened; errno stays. */
static int opened(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd;
}

static int do_stat(const char *p)
{
	struct stat st;

	return stat(p, &st);
}

static int do_lstat(const char *p)
{
	struct stat st;

	return lstat(p, &st);
}

static int do_access(const char *p)
{
	return access(p, F_OK);
}

static int do_access_rw(const char *p)
{
	return access(p, R_OK | W_OK);
}

static int do_access_x(const char *p)
{
	return access(p, X_OK);
}

static int do_open_read(const char *p)
{
	return opened(open(p, O_RDONLY | O_NONBLOCK));
}

static int do_open_write(const char *p)
{
	return opened(open(p, O_WRONLY | O_NONBLOCK));
}

static int do_open_create(const char *p)
{
	return opened(open(p, O_RDWR | O_CREAT | O_NONBLOCK, 0640));
}

static int do_open_exclusive(const char *p)
{
	return opened(open(p, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0640));
}

static int do_open_truncate(const char *p)
{
	return opened(open(p, O_WRONLY | O_TRUNC | O_NONBLOCK));
}

static int do_open_directory(const char *p)
{
	return opened(open(p, O_RDONLY | O_DIRECTORY));
}

static int do_open_nofollow(const char *p)
{
	return opened(open(p, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
}

static int do_open_path(const char *p)
{
	return opened(open(p, O_PATH));
}

static int do_open_tmpfile(const char *p)
{
	return opened(open(p, O_RDWR | O_TMPFILE, 0600));
}

static int do_chmod(const char *p)
{
	return chmod(p, 0600);
}

static int do_chown(const char *p)
{
	return chown(p, (uid_t)-1, (gid_t)-1);
}

static int do_lchown(const char *p)
{
	return lchown(p, 0, 0);
}

static int do_truncate_less(const char *p)
{
	return truncate(p, 3);
}

static int do_truncate_more(const char *p)
{
	return truncate(p, 5000);
}

static int do_truncate_negative(const char *p)
{
	return truncate(p, -1);
}

static int do_utimes(const char *p)
{
	return utimensat(AT_FDCWD, p, NULL, 0);
}

static int do_lutimes(const char *p)
{
	return utimensat(AT_FDCWD, p, NULL, AT_SYMLINK_NOFOLLOW);
}

static int do_mkdir(const char *p)
{
	return mkdir(p, 0750);
}

static int do_mkfifo(const char *p)
{
	return mkfifo(p, 0640);
}

static int do_mknod(const char *p)
{
	return mknod(p, S_IFREG | 0640, 0);
}

static int do_symlink(const char *p)
{
	return symlink("somewhere", p);
}

static int do_bind(const char *p)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", p) >=
	    (int)sizeof(address.sun_path))
		address.sun_path[100] = '\0';
	return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

static int do_link_from(const char *p)
{
	return link(p, "new");
}

static int do_link_follow(const char *p)
{
	return linkat(AT_FDCWD, p, AT_FDCWD, "new", AT_SYMLINK_FOLLOW);
}

static int do_link_to(const char *p)
{
	put_file("old", "old");
	return link("old", p);
}

static int do_rename_from(const char *p)
{
	return rename(p, "new");
}

static int do_rename_file_to(const char *p)
{
	put_file("old", "old");
	return rename("old", p);
}

static int do_rename_directory_to(const char *p)
{
	must(!mkdir("old", 0711), "mkdir");
	return rename("old", p);
}

static int do_readlink(const char *p)
{
	char buf[300];

	return (int)readlink(p, buf, sizeof(buf));
}

static int do_opendir(const char *p)
{
	DIR *d = opendir(p);

	if (!d)
		return -1;
	closedir(d);
	return 0;
}

static int do_statfs(const char *p)
{
	struct statfs st;

	return statfs(p, &st);
}

static int do_chdir(const char *p)
{
	autoclose int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = chdir(p), err = errno;

	must(!fchdir(here), "fchdir");
	errno = err;
	return r;
}

static int do_listxattr(const char *p)
{
	char buf[300];

	return (int)listxattr(p, buf, sizeof(buf));
}

static int do_getxattr(const char *p)
{
	return (int)getxattr(p, "user.none", NULL, 0);
}

static int do_setxattr(const char *p)
{
	return setxattr(p, "user.some", "v", 1, 0);
}

static int do_lsetxattr(const char *p)
{
	return lsetxattr(p, "user.some", "v", 1, 0);
}

static int do_mkdir_below(const char *p)
{
	autofree char *below = NULL;

	must(asprintf(&below, "%s/below", p) > 0, "memory");
	return mkdir(below, 0755);
}

static const struct operation {
	const char *name;
	int (*run)(const char *path);
} operations[] = {
	{"stat", do_stat},
	{"lstat", do_lstat},
	{"access F", do_access},
	{"access RW", do_access_rw},
	{"access X", do_access_x},
	{"open read", do_open_read},
	{"open write", do_open_write},
	{"open create", do_open_create},
	{"open exclusive", do_open_exclusive},
	{"open truncate", do_open_truncate},
	{"open directory", do_open_directory},
	{"open nofollow", do_open_nofollow},
	{"open path", do_open_path},
	{"open tmpfile", do_open_tmpfile},
	{"chmod", do_chmod},
	{"chown", do_chown},
	{"lchown", do_lchown},
	{"truncate less", do_truncate_less},
	{"truncate more", do_truncate_more},
	{"truncate negative", do_truncate_negative},
	{"utimes", do_utimes},
	{"lutimes", do_lutimes},
	{"unlink", unlink},
	{"rmdir", rmdir},
	{"mkdir", do_mkdir},
	{"mkfifo", do_mkfifo},
	{"mknod", do_mknod},
	{"symlink", do_symlink},
	{"bind", do_bind},
	{"link from", do_link_from},
	{"link followed", do_link_follow},
	{"link to", do_link_to},
	{"rename from", do_rename_from},
	{"rename file to", do_rename_file_to},
	{"rename directory to", do_rename_directory_to},
	{"readlink", do_readlink},
	{"opendir", do_opendir},
	{"statfs", do_statfs},
	{"chdir", do_chdir},
	{"listxattr", do_listxattr},
	{"getxattr", do_getxattr},
	{"setxattr", do_setxattr},
	{"lsetxattr", do_lsetxattr},
	{"mkdir below", do_mkdir_below},
};

/* The answer, what the name stands for then, and which names there are. */
static void ask(const struct operation *o, enum kind k)
{
	autofree char *names = NULL;
	char buf[STATE_SIZE];
	const char *path;
	int r, err;

	clean();
	path = make_kind(k);
	r = o->run(path);
	err = errno;
	errno = err;
	result(r, "%s of %s", o->name, kind_name(k));
	text(state_of(path, buf), "%s of %s, then", o->name, kind_name(k));
	names = names_in(".");
	text(names, "%s of %s, names", o->name, kind_name(k));
}

void area_operations(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
		for (int k = 0; k < N_KINDS; k++)
			ask(&operations[i], (enum kind)k);
}
