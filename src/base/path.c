/* SPDX-License-Identifier: MIT */
#include "path.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cleanup.h"

char *path_join(const char *path, const char *name)
{
	char *joined;

	return asprintf(&joined, "%s/%s", path, name) < 0 ? NULL : joined;
}

int path_write(const char *path, const void *data, size_t n)
{
	autofclose FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	return fwrite(data, 1, n, f) != n || fflush(f) ? -errno : 0;
}

int write_all(int fd, const void *data, size_t n)
{
	const char *at = data;

	while (n) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}
