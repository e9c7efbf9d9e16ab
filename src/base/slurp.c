/* SPDX-License-Identifier: MIT */
#include "slurp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"

/* Reads up to the end; *DATA has CAP bytes and grows. */
static int read_all(int fd, size_t limit, size_t cap, char **data, size_t *ret_n)
{
	size_t n = 0;

	for (;;) {
		ssize_t got;

		if (n + 1 >= cap) {
			char *more = realloc(*data, cap * 2);

			if (!more)
				return -ENOMEM;
			*data = more;
			cap *= 2;
		}
		got = read(fd, *data + n, cap - n - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		n += (size_t)got;
		if (n > limit)
			return -EFBIG;
	}
	(*data)[n] = '\0';
	*ret_n = n;
	return 0;
}

int slurp(const char *path, size_t limit, char **ret_data, size_t *ret_n)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	autofree char *data = NULL;
	struct stat st;
	size_t cap, n = 0;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (st.st_size > 0 && (size_t)st.st_size > limit)
		return -EFBIG;
	cap = MAX((size_t)st.st_size + 2, 4096U);
	data = malloc(cap);
	if (!data)
		return -ENOMEM;
	r = read_all(fd, limit, cap, &data, &n);
	if (r)
		return r;
	*ret_data = steal_ptr(&data);
	if (ret_n)
		*ret_n = n;
	return 0;
}
