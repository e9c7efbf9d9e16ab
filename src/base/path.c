/* SPDX-License-Identifier: MIT */
#include "path.h"

#include <errno.h>
#include <stdio.h>

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
