/* SPDX-License-Identifier: MIT */
/* Folders: listing while names come and go, places in a listing; names of all lengths and bytes; links. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "posix.h"

static void make_many(const char *folder, unsigned n)
{
	char path[64];

	must(!mkdir(folder, 0755), "mkdir");
	for (unsigned i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/file-%u", folder, i);
		put_file(path, "");
	}
}

struct seen {
	unsigned total, dots, twice, typed, strange;
	unsigned char *counts;
};

static void see(struct seen *s, const struct dirent *e, unsigned n)
{
	unsigned i;

	s->total++;
	if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) {
		s->dots++;
		return;
	}
	s->typed += e->d_type == DT_REG;
	if (sscanf(e->d_name, "file-%u", &i) != 1 || i >= n)
		s->strange++;
	else
		s->twice += s->counts[i]++ == 1;
}

static void tell(const struct seen *s, unsigned n, const char *how)
{
	number(s->total, "%u names, %s: listed", n, how);
	number(s->dots, "%u names, %s: dots", n, how);
	number(s->twice, "%u names, %s: twice", n, how);
	number(s->typed, "%u names, %s: of type regular", n, how);
	number(s->strange, "%u names, %s: strange", n, how);
}

static void ask_listing(unsigned n, bool is_deleting)
{
	struct seen s = {.counts = calloc(n + 1, 1)};
	DIR *d;

	clean();
	make_many("d", n);
	d = opendir("d");
	must(d && s.counts, "opendir");
	for (struct dirent *e; (e = readdir(d));) {
		see(&s, e, n);
		if (is_deleting && e->d_name[0] != '.')
			must(!unlinkat(dirfd(d), e->d_name, 0), "unlink");
	}
	tell(&s, n, is_deleting ? "each deleted when seen" : "plain");
	closedir(d);
	free(s.counts);
	if (is_deleting)
		result(rmdir("d"), "%u names, each deleted when seen: rmdir", n);
}

/* From each place the same name follows, later on and in any order. */
static void ask_places(unsigned n)
{
	long *places = calloc(n + 4, sizeof(*places));
	char(*names)[32] = calloc(n + 4, 32);
	unsigned count = 0, wrong = 0;
	DIR *d;

	clean();
	make_many("d", n);
	d = opendir("d");
	must(d && places && names, "opendir");
	for (;; count++) {
		struct dirent *e;

		places[count] = telldir(d);
		e = readdir(d);
		if (!e || count > n + 2)
			break;
		snprintf(names[count], 32, "%.31s", e->d_name);
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned at = (i * 7919) % count;
		struct dirent *e;

		seekdir(d, places[at]);
		e = readdir(d);
		wrong += !e || strcmp(e->d_name, names[at]) != 0;
	}
	number(count, "%u names: places", n);
	number(wrong, "%u names: places where another name follows", n);
	rewinddir(d);
	text(readdir(d) ? "a name" : "none", "%u names: after a rewind", n);
	closedir(d);
	free(places);
	free(names);
}

static void ask_late(void)
{
	unsigned n = 0;
	DIR *d;

	clean();
	make_many("d", 5);
	d = opendir("d");
	must(d != NULL, "opendir");
	while (readdir(d))
		n++;
	number(n, "late: names");
	put_file("d/late", "");
	rewinddir(d);
	for (n = 0; readdir(d);)
		n++;
	number(n, "late: names after one more and a rewind");
	closedir(d);
}

static void ask_links_of_folders(void)
{
	struct stat st;
	char path[32];

	clean();
	must(!mkdir("d", 0755), "mkdir");
	for (unsigned i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "d/%u", i);
		must(!mkdir(path, 0755) && !stat("d", &st), "mkdir");
		number((long long)st.st_nlink, "links of a folder with %u folders", i + 1);
	}
	must(!rename("d/3", "3") && !stat("d", &st), "rename");
	number((long long)st.st_nlink, "links of a folder, one moved away");
	must(!stat("d/..", &st), "stat");
	number((long long)st.st_nlink, "links of its parent");
}

void area_directories(void)
{
	static const unsigned counts[] = {0, 1, 2, 10, 100, 300};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		ask_listing(counts[i], false);
		ask_listing(counts[i], true);
		ask_places(counts[i]);
	}
	ask_late();
	ask_links_of_folders();
}

static void ask_name(const char *name, const char *what)
{
	autofree char *names = NULL;
	char buf[STATE_SIZE];
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	result(fd, "%s: create", what);
	if (fd < 0)
		return;
	close(fd);
	text(state_of(name, buf), "%s: then", what);
	names = names_in(".");
	text(!strncmp(names, name, MIN(strlen(name), 20U)) ? "listed" : "not listed",
	     "%s: its name", what);
	result(unlink(name), "%s: unlink", what);
}

static void ask_lengths(void)
{
	char name[300], what[32];

	for (size_t n = 1; n <= 260; n += n < 8 || n > 248 ? 1 : 16) {
		memset(name, 'a', n);
		name[n] = '\0';
		snprintf(what, sizeof(what), "%zu bytes", n);
		ask_name(name, what);
	}
}

static void ask_depth(void)
{
	autofree char *path = malloc(5000);
	static const size_t lengths[] = {4000, 4094, 4095, 4096, 4097};

	must(path != NULL, "memory");
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct stat st;

		for (size_t k = 0; k < lengths[i]; k++)
			path[k] = k % 2 ? '/' : '.';
		path[lengths[i]] = '\0';
		result(stat(path, &st), "a path of %zu bytes", lengths[i]);
	}
}

static void ask_deep_folders(void)
{
	autoclose int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned depth = 0;

	for (; depth < 300; depth++)
		if (mkdir("deeper", 0755) || chdir("deeper"))
			break;
	number(depth, "folders in folders");
	put_file("bottom", "hello");
	result(access("bottom", R_OK), "a file below them");
	must(!fchdir(here), "fchdir");
}

void area_names(void)
{
	for (unsigned byte = 1; byte < 256; byte++) {
		char name[3] = {'n', (char)byte, 0}, what[32];

		if (byte == '/')
			continue;
		snprintf(what, sizeof(what), "byte 0x%02x", byte);
		ask_name(name, what);
	}
	ask_lengths();
	ask_depth();
	clean();
	ask_deep_folders();
}

static void ask_chain(unsigned n)
{
	char to[16] = "end", name[16];
	struct stat st;

	clean();
	put_file("end", "hello");
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "link%u", i);
		must(!symlink(to, name), "symlink");
		snprintf(to, sizeof(to), "%s", name);
	}
	result(stat(to, &st), "a chain of %u symlinks", n);
}

static void ask_target(size_t n)
{
	autofree char *target = malloc(n + 1), *buf = malloc(5000);
	ssize_t len;

	clean();
	must(target && buf, "memory");
	memset(target, 't', n);
	target[n] = '\0';
	result(symlink(target, "x"), "a target of %zu bytes", n);
	len = readlink("x", buf, 5000);
	number(len, "a target of %zu bytes, read", n);
	text(len == (ssize_t)n && !memcmp(buf, target, n) ? "right" : "other",
	     "a target of %zu bytes, content", n);
}

void area_links(void)
{
	static const size_t targets[] = {0, 1, 59, 60, 255, 256, 1000, 4000, 4094, 4095, 4096};
	struct stat st;
	char path[16];

	for (unsigned n = 0; n <= 42; n += n < 38 ? 6 : 1)
		ask_chain(n);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		ask_target(targets[i]);
	clean();
	put_file("x", "hello");
	for (unsigned i = 0; i < 50; i++) {
		snprintf(path, sizeof(path), "link%u", i);
		must(!link("x", path) && !stat("x", &st), "link");
		number((long long)st.st_nlink, "links after %u", i + 1);
	}
	must(!unlink("x") && !stat("link7", &st), "unlink");
	number((long long)st.st_nlink, "links after an unlink");
	number(truncate("link3", 2), "truncate by one name");
	must(!stat("link4", &st), "stat");
	number(st.st_size, "size by another");
}
