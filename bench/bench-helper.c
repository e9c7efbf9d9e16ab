/* SPDX-License-Identifier: MIT */
/* What bench/share times, on the host and in a guest. A line for each run: WHAT NAME SECONDS.
 *
 *	bench-helper read NAME FILE	reads FILE from start to end, 1 MiB a call
 *	bench-helper stat NAME DIR	lstat(2) of each name in DIR, which is read before
 *	bench-helper drop		empties the caches of this kernel, in a guest
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"

#define UNIT (1U << 20)
#define MAX_NAMES 1000000

static int fail(const char *what)
{
	fprintf(stderr, "bench-helper: %s: %s\n", what, strerror(errno));
	return 1;
}

static void told(const char *what, const char *name, uint64_t started)
{
	printf("%s %s %.6f\n", what, name, (double)(clock_now_ns() - started) / (double)NS_PER_SEC);
}

static int read_all(const char *name, const char *path)
{
	static char buf[UNIT];
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t started = clock_now_ns();
	ssize_t n = 1;

	while (fd >= 0 && n > 0)
		n = read(fd, buf, sizeof(buf));
	if (fd < 0 || n < 0)
		return fail(path);
	told("read", name, started);
	return 0;
}

static size_t list_names(DIR *d, char **names)
{
	struct dirent *e;
	size_t n = 0;

	while (n < MAX_NAMES && (e = readdir(d)))
		if (e->d_name[0] != '.' && (names[n] = strdup(e->d_name)))
			n++;
	return n;
}

static int stat_all(const char *name, const char *path)
{
	static char *names[MAX_NAMES];
	autoclosedir DIR *d = opendir(path);
	uint64_t started;
	struct stat st;
	size_t n;

	if (!d)
		return fail(path);
	n = list_names(d, names);
	started = clock_now_ns();
	for (size_t i = 0; i < n; i++)
		if (fstatat(dirfd(d), names[i], &st, AT_SYMLINK_NOFOLLOW))
			return fail(names[i]);
	told("stat", name, started);
	return 0;
}

static int drop_caches(void)
{
	autoclose int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	sync();
	return fd < 0 || write(fd, "3", 1) != 1 ? fail("drop_caches") : 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "read"))
		return read_all(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "stat"))
		return stat_all(argv[2], argv[3]);
	if (argc == 2 && !strcmp(argv[1], "drop"))
		return drop_caches();
	fprintf(stderr, "usage: bench-helper read|stat NAME PATH | bench-helper drop\n");
	return 2;
}
