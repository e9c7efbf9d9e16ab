/* SPDX-License-Identifier: MIT */
/* The init of the guest that golden bytes are captured in: mounts what the kernel's command line
 * says (9ptrans=, 9pdev=, 9popt=) and does a little of everything, so that the kernel sends each
 * message that it knows. Linked statically. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TRY(call)                                                             \
	do {                                                                  \
		long ret_ = (long)(call);                                     \
		printf("%s: %s\n", #call, ret_ < 0 ? strerror(errno) : "ok"); \
	} while (0)

static void make_files(void)
{
	char buf[64];
	int fd;

	TRY(mkdir("d", 0750));
	TRY(fd = open("d/f", O_CREAT | O_EXCL | O_RDWR, 0640));
	TRY(write(fd, "hello, world\n", 13));
	TRY(fsync(fd));
	TRY(fdatasync(fd));
	TRY(ftruncate(fd, 11));
	TRY(pread(fd, buf, sizeof(buf), 3));
	close(fd);
	TRY(fd = open("d/f", O_WRONLY | O_APPEND));
	TRY(write(fd, "\0\xff", 2));
	close(fd);
	TRY(symlink("f", "d/s"));
	TRY(readlink("d/s", buf, sizeof(buf)));
	TRY(link("d/f", "d/h"));
	TRY(mknod("d/p", S_IFIFO | 0600, 0));
	TRY(mknod("d/c", S_IFCHR | 0600, makedev(1, 3)));
	TRY(mkdir("d/na\xc3\xafve name", 0755));
}

static void change_files(void)
{
	static const struct timespec times[2] = {{1000000000, 1}, {1234567890, 123456789}};
	static const struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};

	TRY(chmod("d/f", 0604));
	TRY(chown("d/f", 1, 2));
	TRY(truncate("d/f", 5));
	TRY(utimensat(AT_FDCWD, "d/f", times, 0));
	TRY(utimensat(AT_FDCWD, "d/f", now, 0));
	TRY(rename("d/h", "d/h2"));
}

static void use_xattrs(void)
{
	char buf[256];

	TRY(setxattr("d/f", "user.colour", "blue", 4, 0));
	TRY(getxattr("d/f", "user.colour", buf, sizeof(buf)));
	TRY(listxattr("d/f", buf, sizeof(buf)));
	TRY(removexattr("d/f", "user.colour"));
}

static void use_locks(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_start = 2, .l_len = 5};
	int fd;

	TRY(fd = open("d/f", O_RDWR));
	TRY(fcntl(fd, F_GETLK, &l));
	l.l_type = F_WRLCK;
	TRY(fcntl(fd, F_SETLK, &l));
	l.l_type = F_UNLCK;
	TRY(fcntl(fd, F_SETLK, &l));
	TRY(flock(fd, LOCK_SH));
	close(fd);
}

static void list(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		printf("%s/%s\n", path, e->d_name);
	closedir(d);
}

/* Another user attaches anew, and walks from the root to where it stands: several names at once. */
static void be_another_user(void)
{
	struct stat st;
	pid_t pid = fork();

	if (pid == 0) {
		if (chdir("a/b/c") || setgid(1000) || setuid(1000))
			_exit(1);
		TRY(stat(".", &st));
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* The proxy keeps the answer of the second Tstatfs until the Tflush comes. */
static void be_interrupted(void)
{
	struct statfs fs;
	pid_t pid = fork();

	if (pid == 0) {
		statfs(".", &fs);
		_exit(0);
	}
	sleep(3);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void work(void)
{
	struct stat st;
	struct statfs fs;

	TRY(stat(".", &st));
	TRY(statfs(".", &fs));
	make_files();
	change_files();
	use_xattrs();
	use_locks();
	list("d");
	TRY(open("d/missing", O_RDONLY));
	TRY(mkdir("a", 0755));
	TRY(mkdir("a/b", 0755));
	TRY(mkdir("a/b/c", 0755));
	be_another_user();
	be_interrupted();
	/* The proxy says EOPNOTSUPP to what has this name: the older messages follow. */
	TRY(mkdir("d/fallback", 0755));
	TRY(rename("d/fallback", "d/fallback2"));
	TRY(rmdir("d/fallback2"));
	TRY(unlink("d/f"));
	TRY(rmdir("a/b/c"));
}

/* The value of KEY= on the kernel's command line. */
static const char *word(const char *key, char *buf, size_t cap)
{
	char line[2048] = "";
	FILE *f = fopen("/proc/cmdline", "r");
	char *at;

	if (!f || !fgets(line, sizeof(line), f))
		return "";
	fclose(f);
	at = strstr(line, key);
	snprintf(buf, cap, "%s", at ? at + strlen(key) : "");
	buf[strcspn(buf, " \n")] = 0;
	return buf;
}

int main(void)
{
	char dev[64], opt[512];

	setvbuf(stdout, NULL, _IONBF, 0);
	if (mount(word("9pdev=", dev, sizeof(dev)), "/mnt", "9p", 0,
		  word("9popt=", opt, sizeof(opt)))) {
		printf("mount %s -o %s: %s\n", dev, opt, strerror(errno));
		return 1;
	}
	if (chdir("/mnt"))
		return 1;
	work();
	if (chdir("/"))
		return 1;
	TRY(umount("/mnt"));
	return 0;
}
