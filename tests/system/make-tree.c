/* SPDX-License-Identifier: MIT */
/* make-tree [--small] DIR: fills the new folder DIR with what is hard to share: sizes around every
 * limit, holes, all kinds of links and names, deep folders, special files, attributes. The content
 * of a file is a function of its name. The largest one has 5 GiB, with --small 40 MiB. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"

#define DEEP_LEVELS 300
#define MANY_FILES 1500

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "make-tree: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int folder(int up, const char *name)
{
	int fd;

	must(mkdirat(up, name, 0755), name);
	fd = openat(up, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd, name);
	return fd;
}

static void put_bytes(int fd, const char *name, off_t offset, size_t n)
{
	uint64_t x = 88172645463325252ULL;
	unsigned char buf[65536];

	for (const char *p = name; *p; p++)
		x = x * 31 + (unsigned char)*p;
	while (n) {
		size_t len = MIN(n, sizeof(buf));

		for (size_t i = 0; i < len; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			buf[i] = (unsigned char)(x >> 32);
		}
		must(pwrite(fd, buf, len, offset) == (ssize_t)len ? 0 : -1, name);
		offset += (off_t)len;
		n -= len;
	}
}

static int file(int dir, const char *name, size_t n)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	must(fd, name);
	put_bytes(fd, name, 0, n);
	return fd;
}

/* One to each side of what pages, messages and copies are cut into. */
static void make_sizes(int root)
{
	static const size_t around[] = {655,   4096,   8192,   12288,  13312,  16360,	16384,
					65536, 131072, 511976, 512000, 524288, 1048552, 1048576};
	autoclose int dir = folder(root, "sizes");
	char name[32];

	close(file(dir, "0", 0));
	close(file(dir, "1", 1));
	close(file(dir, "12943", 12943));
	for (size_t i = 0; i < ARRAY_SIZE(around); i++)
		for (int d = -1; d <= 1; d++) {
			size_t size = around[i] + (size_t)d;

			snprintf(name, sizeof(name), "%zu", size);
			close(file(dir, name, size));
		}
	/* More than one window of the probe. */
	close(file(dir, "large", (8U << 20) + 12943));
}

/* UNIT: a fifth of the largest file. */
static void make_holes(int root, off_t unit)
{
	autoclose int dir = folder(root, "holes");
	autoclose int huge = file(dir, "huge", 10);
	autoclose int start = file(dir, "start", 0), end = file(dir, "end", 5000);
	autoclose int all = file(dir, "all", 0), odd = file(dir, "odd", 100);

	put_bytes(huge, "middle", 3 * unit + 1234, 9000);
	put_bytes(huge, "last", 5 * unit - 5, 5);
	put_bytes(start, "start", 1000000, 777);
	must(ftruncate(end, 3000001), "end");
	must(ftruncate(all, 1234567), "all");
	put_bytes(odd, "odd", 4096 * 3 + 17, 4096);
	must(ftruncate(odd, 4096 * 9), "odd");
}

static void make_links(int root)
{
	autoclose int dir = folder(root, "links"), other = folder(root, "links-too");
	char target[4096];

	close(file(dir, "file", 5000));
	must(linkat(dir, "file", dir, "second", 0), "second");
	must(linkat(dir, "file", other, "third", 0), "third");
	must(symlinkat("file", dir, "relative"), "relative");
	must(symlinkat("../sizes/12943", dir, "up"), "up");
	must(symlinkat("/etc/passwd", dir, "absolute"), "absolute");
	must(symlinkat("nowhere", dir, "dangling"), "dangling");
	must(symlinkat(".", dir, "loop"), "loop");
	must(symlinkat("self", dir, "self"), "self");
	must(symlinkat("\xff\x01 \n", dir, "bytes"), "bytes");
	memset(target, 'x', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	must(symlinkat(target, dir, "long"), "long");
}

static void make_names(int root)
{
	static const char *const names[] = {
		"-dash",
		" space ",
		"new\nline",
		"tab\t",
		"\"quoted\"",
		"back\\slash",
		"\xff\xfe",
		"\xc3\xa4\xc3\xb6\xc3\xbc",
		"\xe2\x98\xba",
		"\xc3",
		"..a",
		"...",
		".hidden",
		"#",
		"*",
		"a=b,c",
		"\x01\x7f",
		"x\xed\xa0\x80y",
	};
	autoclose int dir = folder(root, "names");
	char name[256];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		close(file(dir, names[i], 10 + i));
	memset(name, 'n', 255);
	name[255] = '\0';
	close(file(dir, name, 255));
	memset(name, '\xee', 255);
	close(file(dir, name, 256));
	name[0] = 'd';
	close(folder(dir, name));
}

/* The path of the lowest one is longer than PATH_MAX. */
static void make_deep(int root)
{
	int dir = folder(root, "deep");

	for (int i = 0; i < DEEP_LEVELS; i++) {
		char name[32];
		int next;

		snprintf(name, sizeof(name), "level-%03d-of-the-deep", i);
		next = folder(dir, name);
		if (i % 50 == 0)
			close(file(dir, "file", (size_t)i + 1));
		close(dir);
		dir = next;
	}
	close(file(dir, "bottom", 4321));
	close(dir);
}

static void make_socket(int dir)
{
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/socket", dir);
	must(bind(fd, (struct sockaddr *)&a, sizeof(a)), "socket");
}

static void make_special(int root)
{
	autoclose int dir = folder(root, "special");

	must(mkfifoat(dir, "fifo", 0644), "fifo");
	make_socket(dir);
	/* Only root may. */
	if (mknodat(dir, "null", S_IFCHR | 0666, makedev(1, 3)) < 0 && errno != EPERM)
		must(-1, "null");
}

static void make_modes(int root)
{
	static const mode_t modes[] = {0,    0111,  0400,  0444,  0600, 0755,
				       0777, 01777, 02755, 04755, 06711};
	autoclose int dir = folder(root, "modes");
	char name[16];

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		autoclose int fd = -1;

		snprintf(name, sizeof(name), "%04o", modes[i]);
		fd = file(dir, name, 100);
		must(fchmod(fd, modes[i]), name);
	}
	close(folder(dir, "closed"));
	must(fchmodat(dir, "closed", 0, 0), "closed");
}

static void make_times(int root)
{
	static const struct timespec times[] = {
		{-315619200, 1}, {0, 0}, {1, 999999999}, {1234567890, 123456789}, {4102444800, 5}};
	autoclose int dir = folder(root, "times");
	char name[16];

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		const struct timespec both[2] = {times[i], times[i]};
		autoclose int fd = -1;

		snprintf(name, sizeof(name), "%zu", i);
		fd = file(dir, name, 5);
		must(futimens(fd, both), name);
	}
}

static void make_xattrs(int root)
{
	autoclose int dir = folder(root, "xattrs");
	autoclose int fd = file(dir, "file", 10);
	char value[1000];

	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char)i;
	if (fsetxattr(fd, "user.small", "x", 1, 0) < 0 && errno == EOPNOTSUPP)
		return; /* a file system without */
	must(fsetxattr(fd, "user.bytes", value, sizeof(value), 0), "user.bytes");
	must(fsetxattr(fd, "user.empty", "", 0, 0), "user.empty");
	must(fsetxattr(dir, "user.folder", "y", 1, 0), "user.folder");
}

static void make_many(int root)
{
	autoclose int dir = folder(root, "many");
	char name[64];

	for (int i = 0; i < MANY_FILES; i++) {
		snprintf(name, sizeof(name), "one of the many files, number %d", i);
		close(file(dir, name, (size_t)i % 100));
	}
}

int main(int argc, char **argv)
{
	bool is_small = argc > 1 && !strcmp(argv[1], "--small");
	autoclose int root = -1;

	if (argc != 2 + is_small) {
		fprintf(stderr, "usage: make-tree [--small] DIR\n");
		return 2;
	}
	umask(022);
	root = folder(AT_FDCWD, argv[argc - 1]);
	make_sizes(root);
	make_holes(root, (off_t)1 << (is_small ? 23 : 30));
	make_links(root);
	make_names(root);
	make_deep(root);
	make_special(root);
	make_modes(root);
	make_times(root);
	make_xattrs(root);
	make_many(root);
	close(folder(root, "empty"));
	return 0;
}
