/* SPDX-License-Identifier: MIT */
/* What is written is what is read: sizes around pages, far offsets, holes, appends, and long sequences of all
 * operations on one file against a copy in memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "posix.h"

#define FILE_MAX (1U << 19)
#define SEEDS 25
#define STEPS 40

/* A file, and what it has to hold. */
struct twin {
	int fd;
	unsigned char *bytes;
	size_t size;
	uint32_t state;
};

static uint32_t next(struct twin *t, uint32_t below)
{
	t->state = t->state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(t->state >> 8) * below >> 24);
}

static size_t some_size(struct twin *t)
{
	static const size_t near[] = {1, 512, 1024, 4096, 8192, 65536};

	return next(t, 2) ? near[next(t, ARRAY_SIZE(near))] + next(t, 3) - 1 : next(t, 20000);
}

static void fill(struct twin *t, unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(next(t, 255) + 1);
}

static bool do_write(struct twin *t)
{
	size_t at = next(t, 200000), n = MAX(some_size(t), 1U);

	if (at > t->size)
		memset(t->bytes + t->size, 0, at - t->size);
	fill(t, t->bytes + at, n);
	t->size = MAX(t->size, at + n);
	return pwrite(t->fd, t->bytes + at, n, (off_t)at) == (ssize_t)n;
}

static bool do_truncate(struct twin *t)
{
	size_t size = next(t, 250000);

	if (size > t->size)
		memset(t->bytes + t->size, 0, size - t->size);
	t->size = size;
	return !ftruncate(t->fd, (off_t)size);
}

static bool do_append(struct twin *t)
{
	size_t n = some_size(t);
	autoclose int fd = open("x", O_WRONLY | O_APPEND | O_CLOEXEC);

	if (t->size + n > FILE_MAX)
		return true;
	fill(t, t->bytes + t->size, n);
	t->size += n;
	return write(fd, t->bytes + t->size - n, n) == (ssize_t)n;
}

static bool do_writev(struct twin *t)
{
	size_t at = next(t, 100000), n = 3 * (some_size(t) + 1);
	struct iovec iov[3];

	if (at > t->size)
		memset(t->bytes + t->size, 0, at - t->size);
	fill(t, t->bytes + at, n);
	t->size = MAX(t->size, at + n);
	for (size_t i = 0; i < 3; i++)
		iov[i] = (struct iovec){t->bytes + at + i * n / 3, n / 3};
	return pwritev(t->fd, iov, 3, (off_t)at) == (ssize_t)n;
}

static bool is_right(struct twin *t, size_t at, size_t n)
{
	autofree unsigned char *buf = malloc(n + 1);
	size_t want = at >= t->size ? 0 : MIN(n, t->size - at);

	must(buf != NULL, "memory");
	return pread(t->fd, buf, n, (off_t)at) == (ssize_t)want &&
	       !memcmp(buf, t->bytes + at, want);
}

static bool do_read(struct twin *t)
{
	return is_right(t, next(t, 260000), some_size(t) * 4);
}

static bool do_reopen(struct twin *t)
{
	close(t->fd);
	t->fd = open("x", O_RDWR | O_CLOEXEC);
	return t->fd >= 0;
}

static bool do_stat(struct twin *t)
{
	struct stat by_fd, by_name;

	return !fstat(t->fd, &by_fd) && !stat("x", &by_name) && by_fd.st_size == (off_t)t->size &&
	       by_name.st_size == (off_t)t->size;
}

static bool do_sync(struct twin *t)
{
	return !fsync(t->fd);
}

static const struct step {
	const char *name;
	bool (*run)(struct twin *t);
} steps[] = {{"write", do_write},	{"write", do_write},   {"writev", do_writev},
	     {"truncate", do_truncate}, {"append", do_append}, {"read", do_read},
	     {"read", do_read},		{"reopen", do_reopen}, {"stat", do_stat},
	     {"sync", do_sync}};

static void ask_sequence(uint32_t seed)
{
	struct twin t = {.state = seed * 2654435761U, .bytes = calloc(1, 2 * FILE_MAX)};

	clean();
	must(t.bytes != NULL, "memory");
	t.fd = open("x", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	must(t.fd >= 0, "open");
	for (unsigned i = 0; i < STEPS; i++) {
		const struct step *s = &steps[next(&t, ARRAY_SIZE(steps))];

		text(s->run(&t) ? "right" : "WRONG", "sequence %u, step %u, %s", seed, i, s->name);
	}
	text(is_right(&t, 0, FILE_MAX) ? "right" : "WRONG", "sequence %u, all of it", seed);
	close(t.fd);
	free(t.bytes);
}

static void ask_size(size_t n)
{
	struct twin t = {.state = (uint32_t)n, .bytes = malloc(n + 1), .size = n};

	clean();
	must(t.bytes != NULL, "memory");
	fill(&t, t.bytes, n);
	t.fd = open("x", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	number(write(t.fd, t.bytes, n), "write of %zu", n);
	text(is_right(&t, 0, n + 10) ? "right" : "WRONG", "read of %zu", n);
	do_reopen(&t);
	text(is_right(&t, 0, n + 10) ? "right" : "WRONG", "read of %zu, opened again", n);
	text(is_right(&t, n / 2, n) ? "right" : "WRONG", "read of %zu from the middle", n);
	number(pread(t.fd, t.bytes, 1, (off_t)n), "read behind %zu", n);
	close(t.fd);
	free(t.bytes);
}

void area_content(void)
{
	static const size_t sizes[] = {0,      1,      2,      511,    512,    1023,	1024,
				       1025,   4095,   4096,   4097,   8191,   8192,	8193,
				       12287,  12288,  12943,  16384,  65535,  65536,	65537,
				       131071, 131072, 511999, 512000, 512001, 1048575, 1048577};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		ask_size(sizes[i]);
	for (uint32_t seed = 1; seed <= SEEDS; seed++)
		ask_sequence(seed);
}

static void append_as(char who, unsigned n)
{
	autoclose int fd = open("x", O_WRONLY | O_APPEND | O_CLOEXEC);
	char line[16];

	memset(line, who, sizeof(line));
	line[15] = '\n';
	for (unsigned i = 0; i < n; i++)
		if (write(fd, line, sizeof(line)) != sizeof(line))
			_exit(1);
}

/* Four processes append; no line may be lost or torn. */
static void ask_many_writers(void)
{
	unsigned lines = 0, torn = 0;
	char line[64];
	FILE *f;

	put_file("x", "");
	fflush(stdout);
	for (char who = 'a'; who < 'e'; who++) {
		if (!fork()) {
			append_as(who, 50);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	f = fopen("x", "re");
	while (f && fgets(line, sizeof(line), f)) {
		lines++;
		torn += strlen(line) != 16 || strspn(line, (char[]){line[0], 0}) != 15;
	}
	if (f)
		fclose(f);
	number(lines, "lines of four writers");
	number(torn, "torn lines of four writers");
}

void area_append(void)
{
	autoclose int a = -1, b = -1;
	char buf[32] = "";
	struct stat st;

	put_file("x", "one");
	a = open("x", O_RDWR | O_APPEND | O_CLOEXEC);
	b = open("x", O_RDWR | O_CLOEXEC);
	number(write(a, "two", 3), "append");
	number(lseek(a, 0, SEEK_CUR), "append, place");
	number(pwrite(b, "six", 3, 6), "write behind it by another");
	number(write(a, "end", 3), "append again");
	number(pread(b, buf, sizeof(buf), 0), "read");
	text(buf, "read, content");
	number(lseek(a, 0, SEEK_SET), "seek to the start");
	number(write(a, "more", 4), "append after a seek");
	number(ftruncate(a, 2), "truncate");
	number(write(a, "z", 1), "append after a truncate");
	number(fstat(a, &st) ? -1 : st.st_size, "size");
	ask_many_writers();
}

static void ask_far(off_t at)
{
	autoclose int fd = -1;
	char buf[4] = "";
	struct stat st;

	clean();
	fd = open("x", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	result(pwrite(fd, "far", 3, at), "write at %lld", (long long)at);
	number(fstat(fd, &st) ? -1 : st.st_size, "write at %lld, size", (long long)at);
	number(pread(fd, buf, 3, at), "write at %lld, read", (long long)at);
	text(buf, "write at %lld, content", (long long)at);
	number(at > 10 ? pread(fd, buf, 1, at - 5) : 0, "write at %lld, hole", (long long)at);
	number(buf[0], "write at %lld, a byte of the hole", (long long)at);
	result(ftruncate(fd, at), "write at %lld, truncate", (long long)at);
	result(truncate("x", at + 1), "write at %lld, truncate by name", (long long)at);
}

void area_holes(void)
{
	autoclose int fd = -1;

	for (unsigned bit = 12; bit < 44; bit++) {
		ask_far((off_t)1 << bit);
		ask_far(((off_t)1 << bit) - 1);
	}
	clean();
	put_file("x", "hello");
	fd = open("x", O_RDWR | O_CLOEXEC);
	result(pwrite(fd, "y", 1, -1), "write at -1");
	result(pread(fd, &(char){0}, 1, -1), "read at -1");
	result(lseek(fd, -1, SEEK_SET), "seek to -1");
	number(lseek(fd, 3, SEEK_END), "seek behind the end");
	number(read(fd, &(char){0}, 1), "read behind the end");
	number(lseek(fd, 0, SEEK_DATA), "seek to data");
	number(lseek(fd, 0, SEEK_HOLE), "seek to a hole");
	result(lseek(fd, 100, SEEK_DATA), "seek to data behind the end");
	result(pwrite(fd, "z", 1, INT64_MAX - 1), "write at the largest offset");
}
