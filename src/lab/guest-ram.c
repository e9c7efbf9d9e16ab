/* SPDX-License-Identifier: MIT */
#include "guest-ram.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
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

/* Opens PATH if it is a regular file without a name. What it was when it was looked at last, the guest's
 * process may have changed: so only what the descriptor is counts, and to open it waits for nobody. */
static int open_nameless(const char *path, off_t *ret_size)
{
	autoclose int fd = -1;
	struct stat st;

	if (!is_nameless(path) || stat(path, &st) || !S_ISREG(st.st_mode))
		return -ENOENT;
	fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink)
		return -ENOENT;
	*ret_size = st.st_size;
	return steal_fd(&fd);
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
		autoclose int found = -1;
		off_t size = 0;

		snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
		found = open_nameless(path, &size);
		if (found < 0 || size <= *ret_size)
			continue;
		if (fd >= 0)
			close(fd);
		fd = steal_fd(&found);
		*ret_size = size;
	}
	return fd < 0 ? -ENOTSUP : steal_fd(&fd);
}

int guest_ram_open(const struct guest *g, struct guest_ram *ret_ram)
{
	off_t size;
	int fd = open_largest(g->program, &size);

	if (fd < 0)
		return fd;
	*ret_ram = (struct guest_ram){(size_t)(size - size % GUEST_RAM_PAGE), fd};
	return 0;
}

void guest_ram_close(struct guest_ram *ram)
{
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

static bool begins_with(const struct guest_ram *ram, size_t at, const void *mark, size_t n)
{
	unsigned char page[GUEST_RAM_PAGE];

	return pread(ram->fd, page, n, (off_t)at) == (ssize_t)n && !memcmp(page, mark, n);
}

bool guest_ram_find(const struct guest_ram *ram, const void *mark, size_t n, size_t *at,
		    size_t *ret_page)
{
	if (n > GUEST_RAM_PAGE)
		return false;
	for (; (*at = next_used(ram, *at)) < ram->n; *at += GUEST_RAM_PAGE) {
		if (!begins_with(ram, *at, mark, n))
			continue;
		*ret_page = *at;
		*at += GUEST_RAM_PAGE;
		return true;
	}
	return false;
}

int guest_ram_write(const struct guest_ram *ram, size_t at, const void *bytes, size_t n)
{
	ssize_t done = pwrite(ram->fd, bytes, n, (off_t)at);

	return done < 0 ? -errno : (size_t)done < n ? -EIO : 0;
}
