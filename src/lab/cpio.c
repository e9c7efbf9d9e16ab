/* SPDX-License-Identifier: MIT */
#include "cpio.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#define TRAILER "TRAILER!!!"
#define HEADER_SIZE (6 + 13 * 8)

struct entry {
	const char *name;
	mode_t mode;
	const void *data;
	size_t n;
	unsigned major, minor;
};

static int put(struct cpio *c, const void *p, size_t n)
{
	errno = 0;
	if (n && fwrite(p, 1, n, c->f) != n)
		return errno ? -errno : -EIO;
	return 0;
}

/* Names and contents each end on a multiple of 4, counted from the header's first byte. */
static int pad(struct cpio *c, size_t written)
{
	return put(c, "\0\0\0", (4 - written % 4) % 4);
}

static int add(struct cpio *c, const struct entry *e)
{
	size_t name_size = strlen(e->name) + 1;
	char header[HEADER_SIZE + 1];
	int r;

	if (name_size > PATH_MAX)
		return -ENAMETOOLONG;
	if (e->n > UINT32_MAX)
		return -EFBIG;
	c->entries++;
	snprintf(header, sizeof(header),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", c->entries,
		 (unsigned)e->mode, 0U, 0U, S_ISDIR(e->mode) ? 2U : 1U, 0U, (unsigned)e->n, 0U, 0U,
		 e->major, e->minor, (unsigned)name_size, 0U);
	r = put(c, header, HEADER_SIZE);
	if (!r)
		r = put(c, e->name, name_size);
	if (!r)
		r = pad(c, HEADER_SIZE + name_size);
	if (!r)
		r = put(c, e->data, e->n);
	return r ? r : pad(c, e->n);
}

int cpio_add_dir(struct cpio *c, const char *name, mode_t mode)
{
	return add(c, &(struct entry){.name = name, .mode = S_IFDIR | mode});
}

int cpio_add_file(struct cpio *c, const char *name, mode_t mode, const void *data, size_t n)
{
	return add(c, &(struct entry){.name = name, .mode = S_IFREG | mode, .data = data, .n = n});
}

int cpio_add_char_device(struct cpio *c, const char *name, mode_t mode, unsigned major,
			 unsigned minor)
{
	return add(c,
		   &(struct entry){
			   .name = name, .mode = S_IFCHR | mode, .major = major, .minor = minor});
}

int cpio_add_link(struct cpio *c, const char *name, const char *target)
{
	return add(c, &(struct entry){.name = name,
				      .mode = S_IFLNK | 0777,
				      .data = target,
				      .n = strlen(target)});
}

int cpio_finish(struct cpio *c)
{
	int r = add(c, &(struct entry){.name = TRAILER});

	if (!r && fflush(c->f))
		r = -errno;
	return r;
}
