/* SPDX-License-Identifier: MIT */
/* The steps of the hand, on files of the share and on numbered handles:
 *
 *	open HANDLE NAME r|w|rw|a|c	"a": to append; "c": to read and write, made if need be
 *	close HANDLE
 *	read HANDLE OFFSET COUNT	up to the end or an error
 *	write HANDLE XX:COUNT OFFSET	so often the byte XX (hex)
 *	append HANDLE XX:COUNT		at the handle's place
 *	fstat HANDLE
 *	stat NAME
 *	ftruncate HANDLE SIZE
 *	fsync HANDLE
 *	unlink NAME
 *	rename NAME NAME
 *	map HANDLE LENGTH r|rw		shared
 *	peek HANDLE OFFSET COUNT	reads the mapping
 *	poke HANDLE XX:COUNT OFFSET	writes to it
 *	msync HANDLE
 *
 * Here nothing is judged: the answers, as in report.h, say what was seen. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "probe.h"
#include "report.h"

#define HANDLES 8U
#define BYTES_MAX (8UL << 20)
#define RUNS_MAX 64U
#define WORDS_MAX 8U
#define STEP_MAX 1024

static struct handle {
	int fd; /* 0: not open */
	unsigned char *map;
	size_t len;
} handles[HANDLES];
static int share;
static sigjmp_buf on_bus;

static void jump(int sig)
{
	(void)sig;
	siglongjmp(on_bus, 1);
}

static int get_handle(const char *word, struct handle **ret_h)
{
	unsigned long n = strtoul(word, NULL, 10);

	if (n >= HANDLES || !handles[n].fd)
		return -EBADF;
	*ret_h = &handles[n];
	return 0;
}

static int get_mapped(const char *word, uint64_t offset, size_t n, struct handle **ret_h)
{
	int r = get_handle(word, ret_h);

	if (r)
		return r;
	return !(*ret_h)->map || offset > (*ret_h)->len || n > (*ret_h)->len - offset ? -EFAULT : 0;
}

static uint64_t get_number(const char *word)
{
	return strtoull(word, NULL, 10);
}

/* "61:100": fresh memory with 100 times 'a'; NULL: no memory, or too much of it. */
static unsigned char *get_bytes(const char *word, size_t *ret_n)
{
	char *end;
	unsigned long byte = strtoul(word, &end, 16);
	unsigned long n = *end ? strtoul(end + 1, NULL, 10) : 1;
	unsigned char *p = n <= BYTES_MAX ? malloc(n + 1) : NULL;

	if (p)
		memset(p, (int)byte, n);
	*ret_n = n;
	return p;
}

static void put_runs(FILE *out, const unsigned char *p, size_t n)
{
	size_t runs = 0;

	fputs("data", out);
	for (size_t at = 0, end; at < n; at = end) {
		for (end = at + 1; end < n && p[end] == p[at]; end++)
			;
		if (runs++ == RUNS_MAX) {
			fputs(" +", out);
			return;
		}
		fprintf(out, " %02x:%zu", p[at], end - at);
	}
}

static int open_file(char *const *w, FILE *out)
{
	static const struct {
		const char *word;
		int flags;
	} ways[] = {{"r", O_RDONLY},
		    {"w", O_WRONLY},
		    {"rw", O_RDWR},
		    {"a", O_WRONLY | O_APPEND},
		    {"c", O_RDWR | O_CREAT}};
	unsigned long n = strtoul(w[0], NULL, 10);
	int fd = -1;

	(void)out;
	if (n >= HANDLES || handles[n].fd)
		return -EBUSY;
	errno = EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (!strcmp(w[2], ways[i].word))
			fd = openat(share, w[1], ways[i].flags | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	handles[n].fd = fd;
	return 0;
}

static int close_file(char *const *w, FILE *out)
{
	struct handle *h;
	int fd, r = get_handle(w[0], &h);

	(void)out;
	if (r)
		return r;
	if (h->map)
		munmap(h->map, h->len);
	fd = h->fd;
	*h = (struct handle){0};
	return close(fd) < 0 ? -errno : 0;
}

static int read_file(char *const *w, FILE *out)
{
	uint64_t offset = get_number(w[1]), count = get_number(w[2]);
	autofree unsigned char *buf = count <= BYTES_MAX ? malloc(count + 1) : NULL;
	struct handle *h;
	size_t sum = 0;
	ssize_t n = 1;
	int r = get_handle(w[0], &h);

	if (r || !buf)
		return r ? r : -ENOMEM;
	while (n > 0 && sum < count) {
		n = pread(h->fd, buf + sum, count - sum, (off_t)(offset + sum));
		sum += n > 0 ? (size_t)n : 0;
	}
	r = n < 0 ? errno : 0;
	if (r && !sum)
		return -r;
	put_runs(out, buf, sum);
	if (r)
		fprintf(out, " !%s", report_errno(r));
	return 0;
}

/* All of it, at OFFSET, or where the handle is for -1. */
static int put_bytes(const char *handle, const char *bytes, off_t offset)
{
	size_t n = 0, sum = 0;
	autofree unsigned char *buf = get_bytes(bytes, &n);
	struct handle *h;
	int r = get_handle(handle, &h);

	if (r || !buf)
		return r ? r : -ENOMEM;
	while (sum < n) {
		ssize_t done = offset < 0 ? write(h->fd, buf + sum, n - sum)
					  : pwrite(h->fd, buf + sum, n - sum, offset + (off_t)sum);

		if (done <= 0)
			return done ? -errno : -EIO;
		sum += (size_t)done;
	}
	return 0;
}

static int write_file(char *const *w, FILE *out)
{
	(void)out;
	return put_bytes(w[0], w[1], (off_t)get_number(w[2]));
}

static int append_file(char *const *w, FILE *out)
{
	(void)out;
	return put_bytes(w[0], w[1], -1);
}

static int fstat_file(char *const *w, FILE *out)
{
	struct handle *h;
	struct stat st;
	int r = get_handle(w[0], &h);

	if (r || fstat(h->fd, &st) < 0)
		return r ? r : -errno;
	fprintf(out, "size %jd", (intmax_t)st.st_size);
	return 0;
}

static int stat_name(char *const *w, FILE *out)
{
	struct stat st;

	if (fstatat(share, w[0], &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	fprintf(out, "size %jd", (intmax_t)st.st_size);
	return 0;
}

static int truncate_file(char *const *w, FILE *out)
{
	struct handle *h;
	int r = get_handle(w[0], &h);

	(void)out;
	return r ? r : ftruncate(h->fd, (off_t)get_number(w[1])) < 0 ? -errno : 0;
}

static int sync_file(char *const *w, FILE *out)
{
	struct handle *h;
	int r = get_handle(w[0], &h);

	(void)out;
	return r ? r : fsync(h->fd) < 0 ? -errno : 0;
}

static int unlink_name(char *const *w, FILE *out)
{
	(void)out;
	return unlinkat(share, w[0], 0) < 0 ? -errno : 0;
}

static int rename_name(char *const *w, FILE *out)
{
	(void)out;
	return renameat(share, w[0], share, w[1]) < 0 ? -errno : 0;
}

static int map_file(char *const *w, FILE *out)
{
	int prot = strcmp(w[2], "rw") ? PROT_READ : PROT_READ | PROT_WRITE;
	size_t len = get_number(w[1]);
	struct handle *h;
	int r = get_handle(w[0], &h);
	void *map;

	(void)out;
	if (r || h->map || len > BYTES_MAX)
		return r ? r : -EBUSY;
	map = mmap(NULL, len, prot, MAP_SHARED, h->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	h->map = map;
	h->len = len;
	return 0;
}

/* False: the file has no such bytes (SIGBUS). */
static bool copy_mapped(void *to, const void *from, size_t n)
{
	if (sigsetjmp(on_bus, 1))
		return false;
	memcpy(to, from, n);
	return true;
}

static int peek(char *const *w, FILE *out)
{
	uint64_t offset = get_number(w[1]), n = get_number(w[2]);
	autofree unsigned char *buf = n <= BYTES_MAX ? malloc(n + 1) : NULL;
	struct handle *h = NULL;
	int r = get_mapped(w[0], offset, n, &h);

	if (r || !buf)
		return r ? r : -ENOMEM;
	if (copy_mapped(buf, h->map + offset, n))
		put_runs(out, buf, n);
	else
		fputs("error SIGBUS", out);
	return 0;
}

static int poke(char *const *w, FILE *out)
{
	size_t n = 0;
	autofree unsigned char *bytes = get_bytes(w[1], &n);
	uint64_t offset = get_number(w[2]);
	struct handle *h = NULL;
	int r = bytes ? get_mapped(w[0], offset, n, &h) : -ENOMEM;

	if (!r && !copy_mapped(h->map + offset, bytes, n))
		fputs("error SIGBUS", out);
	return r;
}

static int sync_map(char *const *w, FILE *out)
{
	struct handle *h;
	int r = get_mapped(w[0], 0, 0, &h);

	(void)out;
	return r ? r : msync(h->map, h->len, MS_SYNC) < 0 ? -errno : 0;
}

static const struct {
	const char *name;
	size_t n_args;
	int (*run)(char *const *args, FILE *out);
} verbs[] = {
	{"open", 3, open_file},	    {"close", 1, close_file},
	{"read", 3, read_file},	    {"write", 3, write_file},
	{"append", 2, append_file}, {"fstat", 1, fstat_file},
	{"stat", 1, stat_name},	    {"ftruncate", 2, truncate_file},
	{"fsync", 1, sync_file},    {"unlink", 1, unlink_name},
	{"rename", 2, rename_name}, {"map", 3, map_file},
	{"peek", 3, peek},	    {"poke", 3, poke},
	{"msync", 1, sync_map},
};

static int do_step(size_t n, char *const *words, FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(words[0], verbs[i].name) && n == verbs[i].n_args + 1)
			return verbs[i].run(words + 1, out);
	return -ENOSYS;
}

static void answer(int fd, char *message, size_t n)
{
	char *words[WORDS_MAX] = {NULL}, *text = NULL;
	size_t n_words = 0, len = 0;
	FILE *out = open_memstream(&text, &len);
	int r;

	if (!out)
		return;
	for (char *at = message; at < message + n && n_words < WORDS_MAX; at += strlen(at) + 1)
		words[n_words++] = at;
	r = n_words ? do_step(n_words, words, out) : -EINVAL;
	if (r)
		fprintf(out, "error %s", report_errno(-r));
	else if (!ftell(out))
		fputs("ok", out);
	fclose(out);
	send(fd, text, len, MSG_NOSIGNAL);
	free(text);
}

void hand_serve(const char *dir, int fd)
{
	char message[STEP_MAX + 1];
	ssize_t n;

	share = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (share < 0)
		return;
	signal(SIGBUS, jump);
	while ((n = recv(fd, message, STEP_MAX, 0)) > 0) {
		message[n] = '\0';
		answer(fd, message, (size_t)n);
	}
}
