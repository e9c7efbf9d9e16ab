/* SPDX-License-Identifier: MIT */
#include "guest-ram.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest-parts.h"

/* UML makes a file in a folder and unlinks it, QEMU for vhost-user a memfd: both are files without a name. */
static bool is_nameless(const char *path)
{
	static const char end[] = " (deleted)";
	char target[512];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < (ssize_t)sizeof(end))
		return false;
	target[n] = '\0';
	return !strcmp(target + n - (sizeof(end) - 1), end);
}

/* The largest of the files without a name that the guest's process has open. */
static int open_largest(pid_t pid, off_t *ret_size)
{
	char folder[64], path[sizeof(folder) + 256];
	autoclose int fd = -1;
	autoclosedir DIR *dir = NULL;
	struct dirent *d;

	*ret_size = 0;
	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	dir = opendir(folder);
	if (!dir)
		return -errno;
	while ((d = readdir(dir))) {
		struct stat st;
		int found;

		snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
		if (!is_nameless(path) || stat(path, &st) || !S_ISREG(st.st_mode) ||
		    st.st_size <= *ret_size || (found = open(path, O_RDWR | O_CLOEXEC)) < 0)
			continue;
		if (fd >= 0)
			close(fd);
		fd = found;
		*ret_size = st.st_size;
	}
	return fd < 0 ? -ENOTSUP : steal_fd(&fd);
}

int guest_ram_map(const struct guest *g, struct guest_ram *ret_ram)
{
	off_t size;
	autoclose int fd = open_largest(g->program, &size);
	void *bytes;

	if (fd < 0)
		return fd;
	size -= size % GUEST_RAM_PAGE;
	bytes = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	*ret_ram = (struct guest_ram){bytes, (size_t)size, steal_fd(&fd)};
	return 0;
}

void guest_ram_unmap(struct guest_ram *ram)
{
	if (ram->bytes)
		munmap(ram->bytes, ram->n);
	if (ram->fd >= 0)
		close(ram->fd);
	*ram = (struct guest_ram)GUEST_RAM_INIT;
}

/* The first page from AT on that the guest ever had: to look at others would bring them into being. */
static size_t next_used(const struct guest_ram *ram, size_t at)
{
	off_t used = lseek(ram->fd, (off_t)at, SEEK_DATA);

	return used < 0 ? ram->n : (size_t)used;
}

unsigned char *guest_ram_find(const struct guest_ram *ram, const void *mark, size_t n, size_t *at)
{
	for (; (*at = next_used(ram, *at)) < ram->n; *at += GUEST_RAM_PAGE) {
		unsigned char *page = ram->bytes + *at;

		if (n > GUEST_RAM_PAGE || memcmp(page, mark, n) != 0)
			continue;
		*at += GUEST_RAM_PAGE;
		return page;
	}
	return NULL;
}
