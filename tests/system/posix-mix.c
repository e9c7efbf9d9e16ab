/* SPDX-License-Identifier: MIT */
/* posix-mix DIR [none]: what POSIX says of files, done in the new folder DIR of a mounted share.
 * "none": the share is mounted with cache=none, where Linux refuses shared writable maps.
 * posix-mix --check DIR: is on the host what that must have left there? */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"

#define PATIENCE_S 200 /* longer than Linux waits before it asks for a lock again */
#define MANY 300

static bool is_uncached;
static int failed;

#define expect(is) expect_at(is, #is, __func__, __LINE__)

static void expect_at(bool is, const char *what, const char *where, int line)
{
	if (is)
		return;
	fprintf(stderr, "posix-mix: %s, line %d: not so: %s (%s)\n", where, line, what,
		strerror(errno));
	failed = 1;
}

static int create(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	expect(fd >= 0);
	return fd;
}

static void put(const char *name, const char *text)
{
	autoclose int fd = create(name);

	expect(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static bool fd_holds(int fd, const char *text)
{
	char buf[256];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	return n == (ssize_t)strlen(text) && !memcmp(buf, text, (size_t)n);
}

static bool holds(const char *name, const char *text)
{
	autoclose int fd = open(name, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && fd_holds(fd, text);
}

static bool is_absent(const char *name)
{
	struct stat st;

	return lstat(name, &st) < 0 && errno == ENOENT;
}

static bool is_zero(int fd, off_t from, size_t n)
{
	char buf[16384] = {1};

	if (n > sizeof(buf) || pread(fd, buf, n, from) != (ssize_t)n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (buf[i])
			return false;
	return true;
}

/* Runs TOLD in another process, which ends with its number of failures. */
static pid_t in_child(void (*told)(int from_parent, int to_parent), int from_parent, int to_parent)
{
	pid_t pid = fork();

	expect(pid >= 0);
	if (pid == 0) {
		failed = 0;
		alarm(PATIENCE_S);
		told(from_parent, to_parent);
		_exit(failed);
	}
	return pid;
}

static void end_child(pid_t pid)
{
	int status = -1;

	expect(waitpid(pid, &status, 0) == pid);
	expect(status == 0);
}

static void signal_peer(int fd)
{
	expect(write(fd, "x", 1) == 1);
}

static void await_peer(int fd)
{
	char c;

	expect(read(fd, &c, 1) == 1);
}

static void unlink_while_open(void)
{
	autoclose int fd = create("gone");
	struct stat st;

	expect(write(fd, "before", 6) == 6);
	expect(unlink("gone") == 0);
	expect(is_absent("gone"));
	expect(pwrite(fd, " after", 6, 6) == 6);
	expect(fd_holds(fd, "before after"));
	expect(ftruncate(fd, 3) == 0);
	expect(fstat(fd, &st) == 0 && st.st_size == 3);
	expect(fd_holds(fd, "bef"));
	/* The name is free again, and another file. */
	put("gone", "another");
	expect(fd_holds(fd, "bef"));
}

static void check_unlink_while_open(void)
{
	expect(holds("gone", "another"));
}

static void rename_over(void)
{
	autoclose int old = -1;

	put("target", "old");
	put("source", "new content");
	old = open("target", O_RDWR | O_CLOEXEC);
	expect(rename("source", "target") == 0);
	expect(is_absent("source"));
	expect(holds("target", "new content"));
	expect(fd_holds(old, "old"));
	expect(write(old, "OLD", 3) == 3);
	expect(holds("target", "new content"));
}

static void check_rename_over(void)
{
	expect(is_absent("source"));
	expect(holds("target", "new content"));
}

static void append(void)
{
	autoclose int a = -1, b = -1;

	put("log", "0");
	a = open("log", O_WRONLY | O_APPEND | O_CLOEXEC);
	b = open("log", O_RDWR | O_APPEND | O_CLOEXEC);
	for (char c = '1'; c <= '8'; c = (char)(c + 2)) {
		expect(write(a, &c, 1) == 1);
		c++;
		expect(write(b, &c, 1) == 1);
		c--;
	}
	expect(fd_holds(b, "012345678"));
}

static void check_append(void)
{
	expect(holds("log", "012345678"));
}

static void truncations(void)
{
	autoclose int fd = create("cut");
	char block[10000];

	memset(block, 'b', sizeof(block));
	expect(write(fd, block, sizeof(block)) == sizeof(block));
	expect(ftruncate(fd, 4097) == 0);
	expect(ftruncate(fd, 20000) == 0);
	expect(is_zero(fd, 4097, 15903));
	expect(truncate("cut", 12345) == 0);
	expect(lseek(fd, 0, SEEK_END) == 12345);
	close(open("cut", O_WRONLY | O_CLOEXEC));
	put("emptied", "something");
	close(open("emptied", O_WRONLY | O_TRUNC | O_CLOEXEC));
	expect(holds("emptied", ""));
}

static void check_truncations(void)
{
	autoclose int fd = open("cut", O_RDONLY | O_CLOEXEC);
	char c = 0;

	expect(lseek(fd, 0, SEEK_END) == 12345);
	expect(pread(fd, &c, 1, 4096) == 1 && c == 'b');
	expect(is_zero(fd, 4097, 12345 - 4097));
	expect(holds("emptied", ""));
}

static void create_and_tell(int from_parent, int to_parent)
{
	autoclose int fd = -1;

	await_peer(from_parent);
	fd = open("one", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	expect(fd >= 0 || errno == EEXIST);
	expect(write(to_parent, fd >= 0 ? "1" : "0", 1) == 1);
}

static void exclusive(void)
{
	int go[2], told[2], winners = 0;
	pid_t pids[4];
	char c;

	expect(pipe(go) == 0 && pipe(told) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		pids[i] = in_child(create_and_tell, go[0], told[1]);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		signal_peer(go[1]);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		expect(read(told[0], &c, 1) == 1);
		winners += c == '1';
		end_child(pids[i]);
	}
	expect(winners == 1);
	expect(open("one", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600) < 0 && errno == EEXIST);
	expect(mkdir("one", 0755) < 0 && errno == EEXIST);
}

static void check_exclusive(void)
{
	struct stat st;

	expect(lstat("one", &st) == 0 && st.st_mode == (S_IFREG | 0600) && !st.st_size);
}

static void links(void)
{
	struct stat st;
	char target[64];

	put("first", "shared");
	expect(link("first", "second") == 0);
	expect(stat("first", &st) == 0 && st.st_nlink == 2);
	expect(link("first", "second") < 0 && errno == EEXIST);
	expect(symlink("second", "symbolic") == 0);
	expect(readlink("symbolic", target, sizeof(target)) == 6 && !memcmp(target, "second", 6));
	expect(lstat("symbolic", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 6);
	expect(open("symbolic", O_RDONLY | O_NOFOLLOW | O_CLOEXEC) < 0 && errno == ELOOP);
	expect(holds("symbolic", "shared"));
	expect(unlink("first") == 0);
	expect(stat("symbolic", &st) == 0 && st.st_nlink == 1);
	expect(symlink("nowhere", "dangling") == 0);
	expect(open("dangling", O_RDONLY | O_CLOEXEC) < 0 && errno == ENOENT);
	expect(link("dangling", "dangling-too") == 0);
}

static void check_links(void)
{
	struct stat st;

	expect(is_absent("first"));
	expect(holds("symbolic", "shared"));
	expect(lstat("dangling-too", &st) == 0 && S_ISLNK(st.st_mode) && st.st_nlink == 2);
}

static void xattrs(void)
{
	autoclose int fd = create("tagged");
	char buf[256];

	if (fsetxattr(fd, "user.one", "1", 1, 0) < 0 && errno == EOPNOTSUPP) {
		printf("posix-mix: no extended attributes on the host's file system\n");
		return;
	}
	expect(fsetxattr(fd, "user.one", "2", 1, XATTR_CREATE) < 0 && errno == EEXIST);
	expect(fsetxattr(fd, "user.two", "", 0, XATTR_REPLACE) < 0 && errno == ENODATA);
	expect(setxattr("tagged", "user.two", "value", 5, XATTR_CREATE) == 0);
	expect(setxattr("tagged", "user.two", "longer value", 12, XATTR_REPLACE) == 0);
	expect(getxattr("tagged", "user.two", buf, 4) < 0 && errno == ERANGE);
	expect(getxattr("tagged", "user.two", buf, sizeof(buf)) == 12);
	expect(listxattr("tagged", buf, sizeof(buf)) >= 18);
	expect(removexattr("tagged", "user.one") == 0);
	expect(getxattr("tagged", "user.one", buf, sizeof(buf)) < 0 && errno == ENODATA);
}

static void check_xattrs(void)
{
	char buf[256];

	expect(setxattr("tagged", "user.one", "", 0, XATTR_REPLACE) < 0);
	if (errno == EOPNOTSUPP)
		return;
	expect(errno == ENODATA);
	expect(getxattr("tagged", "user.two", buf, sizeof(buf)) == 12 &&
	       !memcmp(buf, "longer value", 12));
}

static void want_flock(int from_parent, int to_parent)
{
	autoclose int fd = open("lock", O_RDWR | O_CLOEXEC);

	expect(flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK);
	signal_peer(to_parent);
	await_peer(from_parent);
	expect(flock(fd, LOCK_EX | LOCK_NB) == 0);
	expect(write(fd, "child", 5) == 5);
}

static void whole_file_locks(void)
{
	autoclose int fd = create("lock");
	int go[2], told[2];
	pid_t pid;

	expect(pipe(go) == 0 && pipe(told) == 0);
	expect(flock(fd, LOCK_EX) == 0);
	pid = in_child(want_flock, go[0], told[1]);
	await_peer(told[0]);
	expect(flock(fd, LOCK_UN) == 0);
	signal_peer(go[1]);
	end_child(pid);
	expect(flock(fd, LOCK_SH | LOCK_NB) == 0);
}

static void check_whole_file_locks(void)
{
	expect(holds("lock", "child"));
}

static struct flock range(short type, off_t from, off_t n)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = n};
}

static void want_range(int from_parent, int to_parent)
{
	autoclose int fd = open("ranges", O_RDWR | O_CLOEXEC);
	struct flock l = range(F_WRLCK, 0, 5), other = range(F_WRLCK, 100, 5);

	(void)from_parent;
	expect(fcntl(fd, F_SETLK, &l) < 0 && (errno == EAGAIN || errno == EACCES));
	expect(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_pid == getppid());
	expect(fcntl(fd, F_SETLK, &other) == 0);
	signal_peer(to_parent);
	l = range(F_WRLCK, 0, 5);
	expect(fcntl(fd, F_SETLKW, &l) == 0);
	expect(fd_holds(fd, "parent"));
	expect(pwrite(fd, "child ", 6, 0) == 6);
}

static void range_locks(void)
{
	autoclose int fd = create("ranges");
	struct flock l = range(F_WRLCK, 0, 10);
	int told[2];
	pid_t pid;

	expect(pipe(told) == 0);
	expect(fcntl(fd, F_SETLK, &l) == 0);
	pid = in_child(want_range, -1, told[1]);
	await_peer(told[0]);
	expect(pwrite(fd, "parent", 6, 0) == 6);
	l = range(F_UNLCK, 0, 10);
	expect(fcntl(fd, F_SETLK, &l) == 0);
	end_child(pid);
	expect(fd_holds(fd, "child "));
}

static void check_range_locks(void)
{
	expect(holds("ranges", "child "));
}

static void shared_map(void)
{
	autoclose int fd = create("mapped");
	char *map;

	expect(ftruncate(fd, 12943) == 0);
	map = mmap(NULL, 12943, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		expect(is_uncached && (errno == EINVAL || errno == ENODEV));
		expect(pwrite(fd, "start", 5, 0) == 5);
		expect(pwrite(fd, "written", 7, 8000) == 7);
		expect(pwrite(fd, "end", 3, 12940) == 3);
		return;
	}
	memcpy(map, "start", 5);
	memcpy(map + 12940, "end", 3);
	expect(msync(map, 12943, MS_SYNC) == 0);
	expect(pwrite(fd, "WRITTEN", 7, 8000) == 7);
	expect(!memcmp(map + 8000, "WRITTEN", 7));
	memcpy(map + 8000, "written", 7); /* no msync: the kernel has to */
	expect(munmap(map, 12943) == 0);
}

static void check_shared_map(void)
{
	autoclose int fd = open("mapped", O_RDONLY | O_CLOEXEC);
	char buf[12943] = "";

	expect(pread(fd, buf, sizeof(buf), 0) == sizeof(buf));
	expect(!memcmp(buf, "start", 5));
	expect(!memcmp(buf + 8000, "written", 7));
	expect(!memcmp(buf + 12940, "end", 3));
	expect(is_zero(fd, 5, 7995) && is_zero(fd, 8007, 4933));
}

static size_t count_names(void)
{
	autoclosedir DIR *d = opendir(".");
	size_t n = 0;

	while (d && readdir(d))
		n++;
	return n - 2;
}

static void folders(void)
{
	char name[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		put(name, name);
	}
	expect(count_names() == MANY);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		expect(unlink(name) == 0);
	}
	expect(count_names() == 0);
	expect(mkdir("full", 0755) == 0 && mkdir("full/inner", 0755) == 0);
	expect(mkdir("free", 0755) == 0 && mkdir("other", 0755) == 0);
	expect(rmdir("full") < 0 && (errno == ENOTEMPTY || errno == EEXIST));
	expect(rename("free", "full") < 0 && (errno == ENOTEMPTY || errno == EEXIST));
	expect(rename("full", "full/inner/down") < 0 && errno == EINVAL);
	expect(rename("full", "free") == 0);
	expect(unlink("free") < 0 && (errno == EISDIR || errno == EPERM));
	expect(rename("free/inner", "other/inner") == 0);
	expect(rmdir("free") == 0);
}

static void check_folders(void)
{
	expect(count_names() == 1);
	expect(rmdir("other/inner") == 0); /* it is there, and empty */
	expect(mkdir("other/inner", 0755) == 0);
}

/* Linux's 9P client sends times in whole seconds: its super blocks have that granularity. */
static void attributes(void)
{
	const struct timespec times[2] = {{1000000000, 0}, {1234567890, 0}};
	const struct timespec half[2] = {{2000000000, 0}, {0, UTIME_OMIT}};
	autoclose int fd = create("set");

	expect(write(fd, "x", 1) == 1);
	expect(fchmod(fd, 04751) == 0);
	expect(futimens(fd, times) == 0);
	expect(utimensat(AT_FDCWD, "set", half, 0) == 0);
	expect(mkfifo("fifo", 0620) == 0 && chmod("fifo", 0620) == 0);
}

static void check_attributes(void)
{
	struct stat st;

	expect(stat("set", &st) == 0 && st.st_mode == (S_IFREG | 04751));
	expect(st.st_mtim.tv_sec == 1234567890 && !st.st_mtim.tv_nsec);
	expect(st.st_atim.tv_sec == 2000000000 && !st.st_atim.tv_nsec);
	expect(lstat("fifo", &st) == 0 && st.st_mode == (S_IFIFO | 0620));
}

static void talk_through_fifo(int from_parent, int to_parent)
{
	autoclose int fd = open("fifo", O_WRONLY | O_CLOEXEC);

	(void)from_parent;
	(void)to_parent;
	expect(write(fd, "hello", 5) == 5);
}

static void meeting_points(void)
{
	autoclose int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	autoclose int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "socket"};
	char buf[8];
	int fd;
	pid_t pid;

	expect(mkfifo("fifo", 0600) == 0);
	pid = in_child(talk_through_fifo, -1, -1);
	fd = open("fifo", O_RDONLY | O_CLOEXEC);
	expect(read(fd, buf, sizeof(buf)) == 5 && !memcmp(buf, "hello", 5));
	close(fd);
	end_child(pid);
	expect(bind(listening, (const struct sockaddr *)&a, sizeof(a)) == 0);
	expect(listen(listening, 1) == 0);
	expect(connect(peer, (const struct sockaddr *)&a, sizeof(a)) == 0);
}

static void check_meeting_points(void)
{
	struct stat st;

	expect(lstat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
	expect(lstat("socket", &st) == 0 && S_ISSOCK(st.st_mode));
}

static const struct {
	const char *name;
	void (*run)(void), (*check)(void);
} cases[] = {
	{"unlink-while-open", unlink_while_open, check_unlink_while_open},
	{"rename-over", rename_over, check_rename_over},
	{"append", append, check_append},
	{"truncations", truncations, check_truncations},
	{"exclusive", exclusive, check_exclusive},
	{"links", links, check_links},
	{"xattrs", xattrs, check_xattrs},
	{"whole-file-locks", whole_file_locks, check_whole_file_locks},
	{"range-locks", range_locks, check_range_locks},
	{"shared-map", shared_map, check_shared_map},
	{"folders", folders, check_folders},
	{"attributes", attributes, check_attributes},
	{"meeting-points", meeting_points, check_meeting_points},
};

int main(int argc, char **argv)
{
	bool is_check = argc == 3 && !strcmp(argv[1], "--check");
	const char *dir = argv[is_check ? 2 : 1];

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: posix-mix DIR [none] | posix-mix --check DIR\n");
		return 2;
	}
	is_uncached = !is_check && argc == 3 && !strcmp(argv[2], "none");
	umask(022);
	alarm(PATIENCE_S);
	expect(is_check || mkdir(dir, 0755) == 0);
	expect(chdir(dir) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases) && (is_check || !failed); i++) {
		expect(is_check || mkdir(cases[i].name, 0755) == 0);
		expect(chdir(cases[i].name) == 0);
		(is_check ? cases[i].check : cases[i].run)();
		expect(chdir("..") == 0);
	}
	return failed;
}
