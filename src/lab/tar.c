/* SPDX-License-Identifier: MIT */
#include "tar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "cleanup.h"
#include "macros.h"
#include "path.h"

#define BLOCK 512
/* Not 0: tar(1) warns of times that are implausibly old. */
#define TIME 1000000000
#define PIECE (1U << 16)
#define SIZE_MAX_OCTAL ((UINT64_C(1) << 33) - 1) /* 11 digits */

/* The header of an entry, POSIX.1-2017 pax, "ustar Interchange Format". */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type,
		linkname[100], magic[6], version[2], uname[32], gname[32], major[8], minor[8],
		prefix[155], padding[12];
};

static void set_octal(char *field, size_t size, uint64_t n)
{
	field[size - 1] = '\0';
	for (size_t i = size - 1; i-- > 0; n >>= 3)
		field[i] = (char)('0' + (n & 7));
}

static int put(FILE *f, const void *p, size_t n)
{
	return fwrite(p, 1, n, f) == n ? 0 : -(errno ? errno : EIO);
}

static int pad(FILE *f, uint64_t n)
{
	static const char zeros[BLOCK];

	return n % BLOCK ? put(f, zeros, BLOCK - n % BLOCK) : 0;
}

static int put_header(FILE *f, const char *name, char type, unsigned mode, uint64_t size,
		      const char *target)
{
	struct header h = {.type = type, .magic = "ustar", .version = {'0', '0'}};
	unsigned sum = 0;

	_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");
	memcpy(h.name, name, MIN(strlen(name), sizeof(h.name)));
	memcpy(h.linkname, target, MIN(strlen(target), sizeof(h.linkname)));
	memcpy(h.uname, "root", 5);
	memcpy(h.gname, "root", 5);
	set_octal(h.mode, sizeof(h.mode), mode);
	set_octal(h.uid, sizeof(h.uid), 0);
	set_octal(h.gid, sizeof(h.gid), 0);
	set_octal(h.size, sizeof(h.size), size);
	set_octal(h.mtime, sizeof(h.mtime), TIME);
	set_octal(h.major, sizeof(h.major), 0);
	set_octal(h.minor, sizeof(h.minor), 0);
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	set_octal(h.checksum, 7, sum);
	return put(f, &h, sizeof(h));
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
static char *pax_record(const char *key, const char *value)
{
	size_t n = strlen(key) + strlen(value) + 3, digits = 1;
	char *text;

	while (snprintf(NULL, 0, "%zu", n + digits) > (int)digits)
		digits++;
	return asprintf(&text, "%zu %s=%s\n", n + digits, key, value) < 0 ? NULL : text;
}

static int put_pax(FILE *f, const char *key, const char *value)
{
	autofree char *text = pax_record(key, value);
	int r = text ? put_header(f, "pax", 'x', 0644, strlen(text), "") : -ENOMEM;

	r = r ? r : put(f, text, strlen(text));
	return r ? r : pad(f, strlen(text));
}

static int put_entry(FILE *f, const char *name, char type, unsigned mode, uint64_t size,
		     const char *target)
{
	int r = strlen(name) > 100 ? put_pax(f, "path", name) : 0;

	if (!r && strlen(target) > 100)
		r = put_pax(f, "linkpath", target);
	return r ? r : put_header(f, name, type, mode, size, target);
}

/* An archive in the making. */
struct tar {
	FILE *f;
	const volatile sig_atomic_t *stop;
};

static bool is_stopped(const struct tar *t)
{
	return t->stop && *t->stop;
}

static int put_file(const struct tar *t, const char *path, const char *name, const struct stat *st)
{
	FILE *f = t->f;
	autoclose int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	autofree char *buf = malloc(PIECE);
	uint64_t left = (uint64_t)st->st_size;
	int r;

	if (fd < 0 || !buf)
		return fd < 0 ? -errno : -ENOMEM;
	if (left > SIZE_MAX_OCTAL)
		return -EFBIG;
	r = put_entry(f, name, '0', st->st_mode & 0100 ? 0755 : 0644, left, "");
	while (!r && left) {
		ssize_t n = is_stopped(t) ? 0 : read(fd, buf, MIN(left, PIECE));

		if (is_stopped(t))
			return -EINTR;
		if (n <= 0)
			return n ? -errno : -EIO;
		r = put(f, buf, (size_t)n);
		left -= (uint64_t)n;
	}
	return r ? r : pad(f, (uint64_t)st->st_size);
}

static int put_link(FILE *f, const char *path, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return put_entry(f, name, '2', 0777, 0, target);
}

static int is_entry(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int put_one(const struct tar *t, const char *path, const char *name);

static int put_folder(const struct tar *t, const char *path, const char *name)
{
	autofree char *with_slash = NULL;
	struct dirent **entries;
	int n, r;

	if (asprintf(&with_slash, "%s/", name) < 0) {
		with_slash = NULL;
		return -ENOMEM;
	}
	r = put_entry(t->f, with_slash, '5', 0755, 0, "");
	n = r ? 0 : scandir(path, &entries, is_entry, by_name);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		autofree char *below = path_join(path, entries[i]->d_name);
		autofree char *below_name = path_join(name, entries[i]->d_name);

		if (!r)
			r = below && below_name ? put_one(t, below, below_name) : -ENOMEM;
		free(entries[i]);
	}
	if (n || !r)
		free(entries);
	return r;
}

static int put_one(const struct tar *t, const char *path, const char *name)
{
	struct stat st;

	if (lstat(path, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return put_folder(t, path, name);
	if (S_ISLNK(st.st_mode))
		return put_link(t->f, path, name);
	return S_ISREG(st.st_mode) ? put_file(t, path, name, &st) : 0;
}

int tar_write_tree(FILE *f, const char *dir, const char *top, const volatile sig_atomic_t *stop)
{
	static const char end[2 * BLOCK];
	const struct tar t = {f, stop};
	int r = put_folder(&t, dir, top);

	r = r ? r : put(f, end, sizeof(end));
	return r ? r : fflush(f) ? -errno : 0;
}

struct packer {
	FILE *out;
	ZSTD_CCtx *ctx;
	bool is_broken;
	char buf[PIECE];
};

static int pack(struct packer *p, const char *bytes, size_t n, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = {bytes, n, 0};
	size_t left = 1;

	while (!p->is_broken && (in.pos < in.size || (how == ZSTD_e_end && left))) {
		ZSTD_outBuffer out = {p->buf, sizeof(p->buf), 0};

		left = ZSTD_compressStream2(p->ctx, &out, &in, how);
		p->is_broken = ZSTD_isError(left) || fwrite(p->buf, 1, out.pos, p->out) != out.pos;
	}
	return p->is_broken ? -1 : 0;
}

static ssize_t on_write(void *cookie, const char *bytes, size_t n)
{
	return pack(cookie, bytes, n, ZSTD_e_continue) ? 0 : (ssize_t)n;
}

static int on_close(void *cookie)
{
	struct packer *p = cookie;
	int r = pack(p, NULL, 0, ZSTD_e_end);

	if (!r && fflush(p->out))
		r = -1;
	ZSTD_freeCCtx(p->ctx);
	free(p);
	return r;
}

FILE *zstd_open(FILE *out, int level)
{
	static const cookie_io_functions_t functions = {.write = on_write, .close = on_close};
	struct packer *p = malloc(sizeof(*p));
	FILE *f;

	if (!p)
		return NULL;
	p->out = out;
	p->is_broken = false;
	p->ctx = ZSTD_createCCtx();
	if (p->ctx) {
		ZSTD_CCtx_setParameter(p->ctx, ZSTD_c_compressionLevel, level);
		ZSTD_CCtx_setParameter(p->ctx, ZSTD_c_checksumFlag, 1);
	}
	f = p->ctx ? fopencookie(p, "w", functions) : NULL;
	if (!f) {
		ZSTD_freeCCtx(p->ctx);
		free(p);
	}
	return f;
}
