/* SPDX-License-Identifier: MIT */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "elf-loader.h"
#include "path.h"
#include "spawn.h"

#define PIECE (1U << 16)
#define LIST_LIMIT (1U << 20)

int bundle_copy(const char *from, const char *to)
{
	autoclose int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
	autofree char *buf = malloc(PIECE);
	struct stat st;
	ssize_t n;
	int r = 0;

	if (in < 0 || !buf || fstat(in, &st))
		return in < 0 ? -errno : -ENOMEM;
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, st.st_mode & 0100 ? 0755 : 0644);
	if (out < 0)
		return -errno;
	while (!r && (n = read(in, buf, PIECE)) != 0)
		r = n < 0 ? -errno : write_all(out, buf, (size_t)n);
	return r;
}

int bundle_set_loader(const char *path, const char *loader)
{
	autoclose int fd = open(path, O_RDWR | O_CLOEXEC);
	char name[PATH_MAX] = "";
	Elf64_Phdr h = {0};
	int r = fd < 0 ? -errno : elf_find_loader(fd, &h);

	if (r)
		return r;
	if (strlen(loader) >= h.p_filesz)
		return -ENOSPC;
	snprintf(name, sizeof(name), "%s", loader);
	/* The kernel wants the last byte to be 0, and takes what is before the first. */
	return pwrite(fd, name, h.p_filesz, (off_t)h.p_offset) == (ssize_t)h.p_filesz ? 0 : -EIO;
}

/* "	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f...)" */
static int copy_listed(char *line, const char *dir, char **ret_why)
{
	char *path = strstr(line, "=> ");
	autofree char *to = NULL;
	const char *name;
	int r;

	if (!path)
		return 0;
	path += 3;
	path[strcspn(path, " ")] = '\0';
	if (*path != '/') {
		line += strspn(line, " \t");
		return lab_why(-ENOENT, ret_why, "the library %.*s is missing",
			       (int)strcspn(line, " "), line);
	}
	name = strrchr(path, '/') + 1;
	if (!strcmp(name, BUNDLE_LOADER))
		return 0;
	to = path_join(dir, name);
	r = to ? bundle_copy(path, to) : -ENOMEM;
	return r ? lab_why(r, ret_why, "cannot copy %s: %s", path, strerror(-r)) : 0;
}

static int list_libraries(const char *loader, const char *program, char **ret_text)
{
	const char *const argv[] = {loader, "--list", program, NULL};
	struct spawn s = SPAWN_INIT;
	int r;

	s.argv = argv;
	s.fds[2] = SPAWN_NULL;
	r = spawn_capture(&s, LIST_LIMIT, ret_text, NULL);
	return r > 0 ? -ENOEXEC : r;
}

int bundle_libraries(const char *program, const char *dir, char **ret_why)
{
	autofree char *text = NULL, *to = path_join(dir, BUNDLE_LOADER);
	char loader[PATH_MAX], *save;
	autoclose int fd = open(program, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : elf_read_loader(fd, loader);

	if (r == -ENOENT)
		return 0;
	if (!r)
		r = list_libraries(loader, program, &text);
	if (!r)
		r = to ? bundle_copy(loader, to) : -ENOMEM;
	if (r)
		return lab_why(r, ret_why, "cannot find the libraries of %s: %s", program,
			       strerror(-r));
	for (char *line = strtok_r(text, "\n", &save); line && !r;
	     line = strtok_r(NULL, "\n", &save))
		r = copy_listed(line, dir, ret_why);
	return r;
}
